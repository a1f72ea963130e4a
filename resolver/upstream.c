/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers we ask: see upstream.h. Owns the servers and their connections; a lookup is exchange.c's. */
#include "resolver/upstream.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "resolver/explore.h"
#include "resolver/tcp.h"

struct upstream {
    bool closing;
    struct exchange exchange;
    struct server_group all;
    struct server servers[];
};

static enum metric metric_of(enum dial_end why)
{
    switch (why) {
    case DIAL_END_NAME:
        return METRIC_UPSTREAM_TLS_NAME;
    case DIAL_END_ISSUER:
        return METRIC_UPSTREAM_TLS_ISSUER;
    case DIAL_END_TIME:
        return METRIC_UPSTREAM_TLS_TIME;
    case DIAL_END_PIN:
        return METRIC_UPSTREAM_TLS_PIN;
    case DIAL_END_CERTIFICATE:
        return METRIC_UPSTREAM_TLS_CERTIFICATE;
    default:
        return METRIC_UPSTREAM_TLS_HANDSHAKE;
    }
}

/* The server is not whom we expect. That is no matter of one name, so there is nothing to wait for. */
static void on_stream_failed(void *self, enum dial_end why)
{
    struct server *s = self;
    char address[SOCK_ADDR_TEXT_MAX];
    int64_t now = clock_mono_ms();
    if (!dial_end_is_tls(why))
        return;
    metric_count(metric_of(why));
    if (server_broken(s, now))
        metric_count(METRIC_UPSTREAM_DEAD);
    if (!server_may_complain(s, (int)why, now))
        return;
    sock_addr_format(&s->address, address);
    log_warn("upstream.tls", "server=%s why=%s text=\"%s\"", address, dial_end_name(why), dial_end_text(why));
}

static bool open_servers(struct upstream *u, const struct conf *conf, const struct peers *peers)
{
    struct exchange *x = &u->exchange;
    for (unsigned i = 0; i < x->server_count; i++) {
        struct server *s = &x->servers[i];
        server_init(s, &conf->upstream.servers[i].address);
        s->encrypted = conf->upstream.servers[i].protocol == CONF_DOT;
        u->all.server[u->all.count++] = s;
        s->stream = tcp_new(&(struct stream_env){.loop = x->env.udp.loop,
                                                 .server = &s->address,
                                                 .peer = peers_at(peers, i),
                                                 .failed = on_stream_failed,
                                                 .self = s});
        /* Without a peer it would be asked in clear text: rather not at all. */
        if (!s->stream || (s->encrypted && !peers_at(peers, i)))
            return false;
    }
    return true;
}

static unsigned bounded(unsigned n, unsigned low, unsigned high)
{
    return n < low ? low : n > high ? high : n;
}

struct upstream *upstream_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers)
{
    unsigned count = bounded(conf->upstream.count, 0, SERVERS_MAX);
    struct upstream *u = calloc(1, sizeof *u + count * sizeof u->servers[0]);
    if (!u)
        return NULL;
    if (count < conf->upstream.count)
        log_warn("upstream.too-many", "used=%u configured=%u", count, conf->upstream.count);
    struct exchange *x = &u->exchange;
    x->env.udp.loop = loop;
    x->env.udp.max = conf->upstream.lookups;
    x->servers = u->servers;
    x->server_count = count;
    x->tries = bounded(conf->upstream.tries, 1, EXCHANGE_TRIES_MAX);
    x->try_timeout = (int64_t)conf->upstream.try_timeout;
    x->total_timeout = (int64_t)conf->upstream.total_timeout;
    random_fill(&x->hash, sizeof x->hash);
    link_init(&x->lookups);
    link_init(&x->env.late);
    if (!open_servers(u, conf, peers))
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
    for (unsigned i = 0; i < x->server_count; i++)
        stream_free(&x->servers[i].stream);
    free(*u);
    *u = NULL;
}

struct upstream_lookup *upstream_ask(struct upstream *u, const struct dns_query *q, upstream_done *done,
                                     void *self)
{
    if (u->closing)
        return NULL;
    explore_beside(&u->exchange, &u->all, q);
    return exchange_start(&u->exchange, &u->all, q, done, self);
}

bool upstream_forwards(const struct upstream *u, const struct dns_name *name)
{
    (void)u, (void)name;
    return false;
}

bool upstream_dead(const struct upstream *u, const struct dns_name *name)
{
    (void)name;
    return server_group_held(&u->all);
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
                                         .on_hold = s->on_hold,
                                         .rtt_ms = path_rtt(p),
                                         .loss_percent = p->loss * 100 / PATH_LOSS_ALL,
                                         .queries = s->queries,
                                         .timeouts = s->timeouts};
    }
    return x->server_count;
}
