/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One lookup: its attempts over the servers, and the time they may take.
 *
 * An attempt (attempt.h) asks one server. When the answer is later than that server's answers use to be,
 * another server is asked as well (a hedge): the first good answer wins, the other attempt is forgotten. An
 * attempt that gets nothing in its time counts against its server, but stays open: its late answer still
 * counts. A server that answered with an error, or cannot be reached, is not asked again by this lookup. With
 * all servers on hold a lookup ends after the time of one attempt. */
#ifndef POLYNYA_RESOLVER_EXCHANGE_H
#define POLYNYA_RESOLVER_EXCHANGE_H

#include "data/base/hash.h"
#include "data/base/link.h"
#include "data/base/pool.h"
#include "resolver/attempt.h"
#include "resolver/upstream.h"

enum {
    EXCHANGE_PROBE_TIME = 2000, /* ms a server on hold has to answer a probe */
    EXCHANGE_TRIES_MAX = 32,
    EXCHANGE_HEARD_MAX = 3,  /* servers whose answers to one question are looked at, until one is believed */
    EXCHANGE_TCP_EVERY = 3,  /* tries of one server by one lookup */
    EXCHANGE_HEDGE_WIDTH = 3 /* servers a hedge asks at most until one has just proved to be there */
};

/* What all lookups share. */
struct exchange {
    struct attempt_env env;
    struct server *servers;
    unsigned server_count;
    unsigned tries;                     /* of one lookup */
    int64_t try_timeout, total_timeout; /* ms */
    struct hash_key hash;               /* for names, see server.h */
    struct link lookups;
    struct pool pool; /* of lookups */
};

/* As upstream_ask, of the servers in group, which is borrowed; a hearing's bits go by the order of
 * x->servers. */
struct upstream_lookup *exchange_start(struct exchange *x, const struct server_group *group,
                                       const struct dns_query *q, struct hearing *hearing,
                                       upstream_done *done, void *self);
/* A lookup of one attempt at one server, that nobody waits for; at most one for each server. */
bool exchange_ask_one(struct exchange *x, struct server *s, const struct dns_query *q);
/* Ends the lookup at once: done is called, unless why is REASON_COUNT. */
void exchange_end(struct upstream_lookup *l, enum reason why);
/* Ends all of them. */
void exchange_end_all(struct exchange *x, enum reason why);

#endif
