/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fronts: see listener.h. The limits are enforced where a connection is accepted; everything after that is
 * conn.c's. */
#include "resolver/net/listener.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/log.h"
#include "data/base/metric.h"
#include "resolver/net/census.h"
#include "resolver/net/conn.h"
#include "resolver/net/dot.h"
#include "resolver/net/h1.h"
#include "resolver/net/h2.h"
#include "resolver/net/rate.h"
#include "resolver/net/sock.h"

enum { ACCEPTS_PER_WAKEUP = 64 };
enum {
    TRIM_LEAST = 64,
    TRIM_LEAST_HELD = 1 << 20
}; /* connections, bytes; below, there is little to give back */
static const double PAUSE_SECONDS = 0.1, COMPLAIN_SECONDS = 10, LAST_CALL_SECONDS = 1, TRIM_SECONDS = 1;

struct listener {
    ev_io io;
    struct listener *next;
    struct front *front;
    struct http_service service;
};

struct front {
    struct conn_set conns;
    struct listener *listeners;
    struct census *census;
    struct rate *rate; /* of new connections */
    struct h2_setup *h2;
    unsigned most;        /* connections since memory was given back last */
    ev_timer trim;        /* more than half of them have gone: when to do it */
    ev_timer pause;       /* out of descriptors, and nobody to send away: when to try again */
    ev_tstamp complained; /* when that was told last */
    ev_timer last_call;   /* draining: when clients that did not hear are told again */
    ev_timer empty;       /* draining: the last connection has gone */
    bool draining;
    void (*drained)(void *self);
    void *drained_self;
};

static void stop_listening(struct front *f)
{
    for (struct listener *l = f->listeners; l; l = l->next)
        ev_io_stop(f->conns.loop, &l->io);
}

static void on_pause_over(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)events;
    struct front *f = t->data;
    for (struct listener *l = f->listeners; l && !f->draining; l = l->next)
        ev_io_start(loop, &l->io);
}

/* Which errors of accept mean that we, not the client, are in trouble. */
static bool out_of_something(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* What has come waits in the kernel's queue meanwhile. */
static void pause_listening(struct front *f)
{
    metric_count(METRIC_CONN_PAUSES);
    stop_listening(f);
    ev_timer_set(&f->pause, PAUSE_SECONDS, 0.);
    ev_timer_start(f->conns.loop, &f->pause);
}

/* As at limits.connections: the one worth least gives way to the next. Whether one did; told once in a while.
 */
static bool make_way(struct front *f, int error)
{
    ev_tstamp now = ev_now(f->conns.loop);
    if (f->complained == 0 || now - f->complained >= COMPLAIN_SECONDS) {
        f->complained = now;
        log_warn("accept.short", "why=\"%s\" connections=%u", strerror(error), f->conns.count);
    }
    return conn_set_make_room(&f->conns);
}

/* After a crowd has left, or few who took much, their memory lies in pieces, which malloc would keep. */
static void on_trim(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop, (void)events;
    struct front *f = t->data;
    f->most = f->conns.count;
    f->conns.held_most = f->conns.held;
    h2_setup_trim(f->h2);
    malloc_trim(0);
}

static void plan_trim(struct front *f)
{
    const struct conn_set *set = &f->conns;
    bool crowd = f->most >= TRIM_LEAST && set->count < f->most / 2;
    bool hoard = set->held_most >= TRIM_LEAST_HELD && set->held < set->held_most / 2;
    if ((!crowd && !hoard) || ev_is_active(&f->trim))
        return;
    ev_timer_set(&f->trim, TRIM_SECONDS, 0.);
    ev_timer_start(f->conns.loop, &f->trim);
}

static void refuse(int fd, enum metric why)
{
    metric_count(why);
    close(fd);
}

static void leave(struct front *f, void *place)
{
    if (place)
        census_leave(f->census, place);
}

/* The limits of one client. A proxy is many; who has no address is on this machine, or somewhere behind a
 * proxy.
 */
static bool welcome(struct conn_set *set, const struct ip *client, void **place)
{
    struct front *f = holder_of(set, struct front, conns);
    if (client->len == 0 || proxies_trust(set->proxies, client))
        return true;
    if (!rate_take(f->rate, client, ev_now(set->loop), 1)) {
        metric_count(METRIC_CONN_REFUSED_RATE);
        return false;
    }
    *place = census_enter(f->census, client, set->limits.connections_per_prefix);
    if (!*place)
        metric_count(METRIC_CONN_REFUSED_PREFIX);
    return *place != NULL;
}

static void admit(struct listener *l, int fd, const struct ip *peer)
{
    struct front *f = l->front;
    void *place = NULL;
    if (l->service.proxied && !proxies_trust(f->conns.proxies, peer)) {
        refuse(fd, METRIC_PROXY_PEER);
        return;
    }
    if (!welcome(&f->conns, peer, &place)) {
        close(fd);
        return;
    }
    if (f->conns.count >= f->conns.limits.connections && !conn_set_make_room(&f->conns)) {
        leave(f, place);
        refuse(fd, METRIC_CONN_REFUSED_CAP);
        return;
    }
    if (!conn_new(&f->conns, fd, &l->service, peer, place))
        leave(f, place);
    if (f->conns.count > f->most)
        f->most = f->conns.count;
}

static void on_accept(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop, (void)events;
    struct listener *l = w->data;
    bool made_way = false; /* since the last one came in: it did not help */
    for (int i = 0; i < ACCEPTS_PER_WAKEUP; i++) {
        union sock_addr address;
        int fd = sock_accept(w->fd, &address);
        int error = errno;
        if (fd >= 0) {
            struct ip peer = sock_addr_ip(&address);
            admit(l, fd, &peer);
            made_way = false;
        } else if (out_of_something(error)) {
            if (made_way || !make_way(l->front, error)) {
                pause_listening(l->front);
                return;
            }
            made_way = true;
        } else if (error != ECONNABORTED && error != EINTR) {
            /* Those are of one connection that is gone already (accept(2), "Error handling"). */
            return;
        }
    }
}

static void start(struct conn *c, bool h2)
{
    bool ok = conn_handler(c)->message ? dot_start(c) : h2 ? h2_start(c) : h1_start(c);
    if (!ok)
        log_warn("connection.failed", "why=\"out of memory\"");
}

static void check_empty(struct front *f)
{
    if (f->draining && f->conns.count == 0 && !ev_is_active(&f->empty))
        ev_timer_start(f->conns.loop, &f->empty);
}

static void on_ended(struct conn_set *set, void *owner)
{
    struct front *f = holder_of(set, struct front, conns);
    leave(f, owner);
    plan_trim(f);
    check_empty(f);
}

/* From a timer, so that whoever is told may free the front. */
static void on_empty(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)events;
    struct front *f = t->data;
    ev_timer_stop(loop, &f->last_call);
    f->drained(f->drained_self);
}

static void on_last_call(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop, (void)events;
    struct front *f = t->data;
    conn_set_drain(&f->conns, true);
}

struct front *front_new(struct ev_loop *loop, const struct front_limits *limits)
{
    struct front *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    bool ok = conn_set_init(&f->conns, loop, limits);
    f->rate = rate_new(limits->connection_rate);
    f->census = census_new(limits->connections);
    f->h2 = h2_setup_new();
    f->conns.h2 = f->h2;
    f->conns.start = start;
    f->conns.introduced = welcome;
    f->conns.ended = on_ended;
    ev_init(&f->pause, on_pause_over);
    ev_init(&f->trim, on_trim);
    ev_timer_init(&f->last_call, on_last_call, LAST_CALL_SECONDS, LAST_CALL_SECONDS);
    ev_timer_init(&f->empty, on_empty, 0., 0.);
    f->trim.data = f->pause.data = f->last_call.data = f->empty.data = f;
    if (!ok || !f->rate || !f->census || !f->h2)
        front_free(&f);
    return f;
}

void front_trust(struct front *f, const struct proxies *proxies)
{
    f->conns.proxies = proxies;
}

bool front_listen(struct front *f, int fd, const struct http_service *service)
{
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return false;
    *l = (struct listener){.next = f->listeners, .front = f, .service = *service};
    f->listeners = l;
    ev_io_init(&l->io, on_accept, fd, EV_READ);
    l->io.data = l;
    ev_io_start(f->conns.loop, &l->io);
    return true;
}

void front_drain(struct front *f, void (*drained)(void *self), void *self)
{
    f->draining = true;
    f->drained = drained;
    f->drained_self = self;
    stop_listening(f);
    conn_set_drain(&f->conns, false);
    ev_timer_start(f->conns.loop, &f->last_call);
    check_empty(f);
}

void front_free(struct front **front)
{
    struct front *f = *front;
    if (!f)
        return;
    struct ev_loop *loop = f->conns.loop;
    stop_listening(f);
    conn_set_fini(&f->conns);
    ev_timer_stop(loop, &f->trim);
    ev_timer_stop(loop, &f->pause);
    ev_timer_stop(loop, &f->last_call);
    ev_timer_stop(loop, &f->empty);
    while (f->listeners) {
        struct listener *next = f->listeners->next;
        free(f->listeners);
        f->listeners = next;
    }
    census_free(&f->census);
    rate_free(&f->rate);
    h2_setup_free(&f->h2);
    free(f);
    *front = NULL;
}

unsigned front_connections(const struct front *f)
{
    return f->conns.count;
}
