/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers we ask: see upstream.h. Owns the servers and their connections; a lookup is exchange.c's. */
#include "resolver/upstream.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "resolver/complaint.h"
#include "resolver/explore.h"
#include "resolver/roster.h"

struct upstream {
    bool closing;
    struct exchange exchange;
    struct roster roster;
};

static unsigned bounded(unsigned n, unsigned low, unsigned high)
{
    return n < low ? low : n > high ? high : n;
}

struct upstream *upstream_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers)
{
    struct upstream *u = calloc(1, sizeof *u);
    if (!u)
        return NULL;
    struct exchange *x = &u->exchange;
    udp_init(&x->env.udp, loop, conf->upstream.lookups);
    x->tries = bounded(conf->upstream.tries, 1, EXCHANGE_TRIES_MAX);
    x->try_timeout = (int64_t)conf->upstream.try_timeout;
    x->total_timeout = (int64_t)conf->upstream.total_timeout;
    random_fill(&x->hash, sizeof x->hash);
    link_init(&x->lookups);
    link_init(&x->env.late);
    bool ok = roster_init(&u->roster, loop, conf, peers);
    x->servers = u->roster.servers;
    x->server_count = u->roster.count;
    if (!ok)
        upstream_free(&u);
    return u;
}

void upstream_free(struct upstream **u)
{
    if (!*u)
        return;
    struct exchange *x = &(*u)->exchange;
    (*u)->closing = true;
    exchange_end_all(x, REASON_UPSTREAM_DEAD);
    udp_fini(&x->env.udp);
    pool_fini(&x->pool);
    roster_fini(&(*u)->roster);
    free(*u);
    *u = NULL;
}

struct upstream_lookup *upstream_ask(struct upstream *u, const struct dns_query *q, struct hearing *hearing,
                                     upstream_done *done, void *self)
{
    if (u->closing)
        return NULL;
    const struct server_group *group = roster_group(&u->roster, q);
    if (!hearing || !hearing->heard)
        explore_beside(&u->exchange, group, q);
    return exchange_start(&u->exchange, group, q, hearing, done, self);
}

void upstream_refuted(struct upstream *u, uint64_t servers)
{
    struct exchange *x = &u->exchange;
    for (unsigned i = 0; i < x->server_count; i++)
        if (servers >> i & 1)
            complaint_of_answer(&x->servers[i]);
}

/* The root's rule says nothing of any name. */
bool upstream_forwards(const struct upstream *u, const struct dns_query *q)
{
    const struct forward_rule *rule = forwards_find(&u->roster.forwards, &q->name, q->type);
    return rule && rule->suffix.len > 1;
}

bool upstream_dead(const struct upstream *u, const struct dns_query *q)
{
    return server_group_held(roster_group(&u->roster, q));
}

void upstream_cancel(struct upstream_lookup **l)
{
    if (*l)
        exchange_end(*l, REASON_COUNT);
    *l = NULL;
}

unsigned upstream_states(const struct upstream *u, struct upstream_state *out, unsigned cap)
{
    const struct exchange *x = &u->exchange;
    for (unsigned i = 0; i < x->server_count && i < cap; i++) {
        const struct server *s = &x->servers[i];
        const struct path *p = &s->path[server_transport(s, clock_mono_ms())];
        out[i] = (struct upstream_state){.address = s->address,
                                         .protocol = s->protocol,
                                         .group = s->group,
                                         .on_hold = s->on_hold,
                                         .rtt_ms = path_rtt(p),
                                         .loss_percent = p->loss * 100 / PATH_LOSS_ALL,
                                         .queries = s->queries,
                                         .timeouts = s->timeouts};
    }
    return x->server_count;
}
