/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers of a config, their connections and groups, and which group a name belongs to. */
#ifndef POLYNYA_RESOLVER_ROSTER_H
#define POLYNYA_RESOLVER_ROSTER_H

#include <ev.h>

#include "data/conf/conf.h"
#include "resolver/forward.h"
#include "resolver/peers.h"
#include "resolver/server.h"

struct roster {
    unsigned count;
    struct server *servers;
    unsigned group_count;
    struct server_group *groups; /* the first is of the servers that no group is named for */
    struct forwards forwards;
};

/* conf and peers are borrowed for the roster's life. False without memory, or if a server
 * would have to be asked in clear text that must not be; to be closed with roster_fini in any case. */
bool roster_init(struct roster *r, struct ev_loop *loop, const struct conf *conf, const struct peers *peers);
/* All queries must have been cancelled. */
void roster_fini(struct roster *r);
const struct server_group *roster_group(const struct roster *r, const struct dns_query *q);

#endif
