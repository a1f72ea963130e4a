/* SPDX-License-Identifier: GPL-3.0-or-later */
/* All connections of a front: see conn.h. */
#include <stdlib.h>
#include <unistd.h>

#include "data/base/metric.h"
#include "resolver/net/conn_inner.h"
#include "resolver/net/proxy_v2.h"
#include "resolver/net/rate.h"

static const double STUCK_SECONDS = 3;

static void on_flush(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)events;
    struct conn_set *set = w->data;
    for (struct link *r = link_take(&set->dirty); r; r = link_take(&set->dirty))
        conn_settle(holder_of(r, struct conn, dirty));
}

static void on_resume(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)events;
    struct conn_set *set = w->data;
    struct link now;
    link_move_all(&set->resumed, &now);
    for (struct link *r = link_take(&now); r; r = link_take(&now))
        conn_go_on(holder_of(r, struct conn, resumed));
    if (link_empty(&set->resumed))
        ev_idle_stop(loop, w);
}

bool conn_new(struct conn_set *set, int fd, const struct http_service *service, const struct ip *peer,
              void *owner)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c && service->proxied)
        c->greeting = calloc(1, sizeof *c->greeting);
    if (!c || (service->proxied && !c->greeting)) {
        free(c);
        close(fd);
        return false;
    }
    c->set = set;
    c->service = service;
    conn_set_peer(c, peer);
    c->owner = owner;
    c->timer = CONN_BUSY;
    c->born = ev_now(set->loop);
    deadline_init(&c->deadline);
    link_init(&c->all);
    link_init(&c->dirty);
    link_init(&c->resumed);
    link_init(&c->shaking);
    ev_io_init(&c->io, conn_on_io, fd, EV_READ);
    c->io.data = c;
    if (!c->greeting && !conn_begin(c)) {
        free(c);
        close(fd);
        return false;
    }
    link_move(&set->all, &c->all);
    set->count++;
    metric_count(METRIC_CONN_OPEN);
    metric_count(service->handler->message ? METRIC_CONN_DOT
                 : service->tls            ? METRIC_CONN_TLS
                                           : METRIC_CONN_PLAIN);
    ev_io_start(set->loop, &c->io);
    conn_run_timer(c);
    return true;
}

bool conn_set_init(struct conn_set *set, struct ev_loop *loop, const struct front_limits *limits)
{
    set->loop = loop;
    set->limits = *limits;
    conn_timers_init(set);
    link_init(&set->all);
    link_init(&set->dirty);
    link_init(&set->resumed);
    link_init(&set->shaking);
    set->queries = limits->query_rate ? rate_new(limits->query_rate) : NULL;
    ev_prepare_init(&set->flush, on_flush);
    /* Last of all: what others do at the end of a turn may still be an answer. */
    ev_set_priority(&set->flush, EV_MINPRI);
    set->flush.data = set;
    ev_prepare_start(loop, &set->flush);
    ev_idle_init(&set->resume, on_resume);
    /* An idle watcher of the highest priority runs in every turn, after polling, however busy the loop is. */
    ev_set_priority(&set->resume, EV_MAXPRI);
    set->resume.data = set;
    return set->queries || !limits->query_rate;
}

void conn_set_fini(struct conn_set *set)
{
    on_flush(set->loop, &set->flush, 0);
    while (!link_empty(&set->all))
        conn_drop(holder_of(set->all.next, struct conn, all));
    conn_timers_fini(set);
    ev_prepare_stop(set->loop, &set->flush);
    ev_idle_stop(set->loop, &set->resume);
    rate_free(&set->queries);
}

/* Who has taken next to nothing of his answers for longer than any loss on the way explains. */
static struct deadline *oldest_stuck(const struct conn_set *set)
{
    struct deadline *d = deadlines_oldest(&set->timer[CONN_WRITE]);
    return d && ev_now(set->loop) - d->since >= STUCK_SECONDS ? d : NULL;
}

/* Handshakes are over in no time: where they are many, few of them are honest. */
static struct conn *worth_least(struct conn_set *set)
{
    if ((uint64_t)set->shaking_count * 4 > set->count)
        return holder_of(set->shaking.next, struct conn, shaking);
    static const enum conn_timer order[] = {CONN_IDLE, CONN_READ, CONN_WRITE};
    struct deadline *d = oldest_stuck(set);
    for (size_t i = 0; !d && i < sizeof order / sizeof *order; i++)
        d = deadlines_oldest(&set->timer[order[i]]);
    return d ? holder_of(d, struct conn, deadline) : NULL;
}

bool conn_set_make_room(struct conn_set *set)
{
    struct conn *c = worth_least(set);
    if (!c)
        return false;
    metric_count(METRIC_CONN_EVICTED);
    if (c->protocol && !c->closing) {
        c->protocol->timeout(c->self, false);
        conn_write_all(c);
    }
    conn_drop(c);
    return true;
}

void conn_set_drain(struct conn_set *set, bool final)
{
    set->draining = true;
    for (struct link *r = set->all.next; r != &set->all; r = r->next) {
        struct conn *c = holder_of(r, struct conn, all);
        if (c->protocol && !c->lingering) {
            c->protocol->drain(c->self, final);
            conn_dirty(c);
        }
    }
}
