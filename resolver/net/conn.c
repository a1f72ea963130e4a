/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections, as protocols see them: see conn.h. How they are made, read, written and ended stands in
 * conn_*.c. */
#include "data/base/metric.h"
#include "resolver/net/conn_inner.h"
#include "resolver/net/rate.h"

enum { CREDIT = 32, LAST_REQUESTS = 100 };

struct conn_set *conn_set_of(const struct conn *c)
{
    return c->set;
}

const struct http_handler *conn_handler(const struct conn *c)
{
    return c->service->handler;
}

bool conn_by_proxy(const struct conn *c)
{
    return c->relay || !c->service->tls;
}

void conn_use(struct conn *c, const struct conn_protocol *protocol, void *self)
{
    c->protocol = protocol;
    c->self = self;
}

void conn_dirty(struct conn *c)
{
    if (link_empty(&c->dirty))
        link_move(&c->set->dirty, &c->dirty);
}

void conn_resume(struct conn *c)
{
    if (link_empty(&c->resumed))
        link_move(&c->set->resumed, &c->resumed);
    if (!ev_is_active(&c->set->resume))
        ev_idle_start(c->set->loop, &c->set->resume);
}

/* Requests */

/* Nine in ten places are taken: each connection is then worth one request. */
static bool crowded(const struct conn_set *set)
{
    return (uint64_t)set->count * 10 > (uint64_t)set->limits.connections * 9;
}

static bool is_spent(const struct conn *c)
{
    const struct front_limits *l = &c->set->limits;
    return (l->requests && c->requests >= l->requests) || crowded(c->set) ||
           (l->connection_life > 0 && ev_now(c->set->loop) - c->born >= l->connection_life);
}

/* A connection that has made many requests pays for several at once, so that most of them cost no look-up;
 * what it pays and does not use stays a small part of what it has used. */
static bool pay(struct conn *c, const struct ip *client)
{
    double now = ev_now(c->set->loop);
    if (!c->set->queries)
        return true;
    if (c->relay)
        return rate_take(c->set->queries, client, now, 1);
    unsigned ahead = 1 + c->requests / 8;
    if (ahead > CREDIT)
        ahead = CREDIT;
    if (c->credit == 0 && rate_take(c->set->queries, client, now, ahead))
        c->credit = ahead;
    if (c->credit == 0)
        return rate_take(c->set->queries, client, now, 1);
    c->credit--;
    return true;
}

/* What the client has sent before it hears of it is let in: to ask it elsewhere costs a handshake. Who sends
 * on after that does not listen. */
static void ask_to_leave(struct conn *c)
{
    if (!c->leaving)
        metric_count(METRIC_CONN_SPENT);
    c->protocol->drain(c->self, c->leaving);
    c->leaving = true;
    c->last_request = c->requests + LAST_REQUESTS;
}

void conn_forwarded(const struct conn *c, struct forwarded *f)
{
    forwarded_init(f, c->set->proxies, c->relay);
}

static struct ip client_of(const struct conn *c, const struct forwarded *f)
{
    if (!c->relay) {
        if (f->present)
            metric_count(METRIC_FORWARDED_IGNORED);
        return c->client;
    }
    metric_count(f->client.len ? METRIC_FORWARDED_TAKEN : METRIC_FORWARDED_UNKNOWN);
    return f->client;
}

bool conn_request(struct conn *c, const struct forwarded *f, struct ip *client)
{
    *client = client_of(c, f);
    c->requests++;
    if (c->leaving ? c->requests == c->last_request : is_spent(c))
        ask_to_leave(c);
    return pay(c, client);
}
