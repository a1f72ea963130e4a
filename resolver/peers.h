/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The TLS upstreams of a config, and by what each is known: read once by the supervisor, inherited over fork.
 *
 * Workers open no CA file: they may not, once confined, and it would block their loops. */
#ifndef POLYNYA_RESOLVER_PEERS_H
#define POLYNYA_RESOLVER_PEERS_H

#include "data/conf/conf.h"
#include "resolver/net/tls_client.h"

struct peers;

/* NULL if a file cannot be read or memory lacks: error says what. */
struct peers *peers_load(const struct conf *conf, char *error, size_t cap);
void peers_free(struct peers **p);
/* Of the config's server i; NULL if it is not asked over TLS. */
struct tls_client *peers_at(const struct peers *p, unsigned i);

#endif
