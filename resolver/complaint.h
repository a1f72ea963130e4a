/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers that are not what the config says they are: counted, put on hold, and told to the operator, each
 * fault of each server once in a while. */
#ifndef POLYNYA_RESOLVER_COMPLAINT_H
#define POLYNYA_RESOLVER_COMPLAINT_H

#include "resolver/net/dial.h"
#include "resolver/net/h2_client.h"

struct server;

/* A connection to the server (struct server *) could not be opened: stream_env.failed. */
void complaint_of_dial(void *server, enum dial_end why);
/* It answered over HTTPS, but not with DNS: https_options.refused. */
void complaint_of_https(void *server, enum h2_end why);
/* Its answer was not to be believed, and another server's was. */
void complaint_of_answer(struct server *s);

#endif
