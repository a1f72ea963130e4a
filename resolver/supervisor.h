/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The supervisor: binds, forks, restarts, reloads, stops. It reads no byte from the network.
 *
 * It keeps the rights it was started with, so that a reload can bind a low port or read a renewed key; its
 * children drop them. */
#ifndef POLYNYA_RESOLVER_SUPERVISOR_H
#define POLYNYA_RESOLVER_SUPERVISOR_H

#include "data/conf/conf.h"

/* Runs the service until SIGTERM or SIGINT. Takes *conf and nulls it, unless the start fails. Returns the
 * exit status: in a child, the role's. */
int supervisor_run(struct conf **conf);
#endif
