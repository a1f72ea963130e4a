/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookups and their attempts: see exchange.h.
 *
 * A lookup has one timer: for its next attempt, for the end of an open one's time, or for its own end. It
 * ends without an answer only in that timer, so nothing here calls `done` before exchange_start has returned.
 */
#include "resolver/lookup.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/metric.h"

/* reply may stand in a buffer of a transport: those outlive the lookup. */
static void finish(struct upstream_lookup *l, enum reason why, struct bytes reply)
{
    for (unsigned i = 0; i < l->used; i++)
        attempt_close(&l->attempt[i]);
    if (l->only)
        l->only->probed = false;
    ev_timer_stop(l->exchange->env.udp.loop, &l->timer);
    link_remove(&l->ring);
    upstream_done *done = why == REASON_COUNT ? NULL : l->done;
    void *self = l->self;
    pool_release(&l->exchange->pool, l);
    if (done)
        done(self, why, reply);
}

/* --- the lookup's course --- */

static void arm(struct upstream_lookup *l)
{
    struct ev_loop *loop = l->exchange->env.udp.loop;
    int64_t at = l->next_at < l->deadline ? l->next_at : l->deadline;
    int64_t late = lookup_next_late(l);
    at = late < at ? late : at;
    int64_t left = at - clock_mono_ms();
    ev_timer_stop(loop, &l->timer);
    ev_timer_set(&l->timer, left > 0 ? (double)left / 1000 : 0.0, 0.0);
    ev_timer_start(loop, &l->timer);
}

static void on_over(struct attempt *a, uint8_t *reply, size_t len);
static void on_again(struct attempt *a);

static bool start_attempt(struct upstream_lookup *l, struct server *s)
{
    bool escalated = lookup_escalates(l, s);
    struct attempt *a = &l->attempt[l->used++];
    *a = (struct attempt){.env = &l->exchange->env,
                          .server = s,
                          .asked = &l->asked,
                          .name_hash = l->name_hash,
                          .patience = lookup_patience(l),
                          .escalated = escalated,
                          .over = on_over,
                          .again = on_again,
                          .lookup = l};
    return attempt_start(a);
}

/* When to ask on if the latest attempt stays without an answer. */
static void plan_next(struct upstream_lookup *l)
{
    const struct attempt *a = lookup_latest(l);
    int64_t hedge_at = a->sent + path_hedge(&a->server->path[attempt_transport(a)]);
    l->next_at = hedge_at < a->due && lookup_has_another(l) ? hedge_at : a->due;
    arm(l);
}

/* The next attempt; if there is none to be had, waits for the open ones as long as there is time, or ends. */
static void go_on(struct upstream_lookup *l)
{
    struct server *s;
    while (l->used < l->tries && (s = lookup_choose(l)))
        if (start_attempt(l, s)) {
            plan_next(l);
            return;
        }
    l->next_at = INT64_MAX;
    if (!lookup_any_open(l, true))
        l->deadline = 0;
    arm(l);
}

/* Asks others as well, until one of them is a server that has answered since the late one was asked: what was
 * there before may have gone with it, and a reader shall wait for one hedge, not for two. */
static void hedge(struct upstream_lookup *l)
{
    int64_t since = l->used ? lookup_latest(l)->sent : 0;
    for (int i = 0; i < EXCHANGE_HEDGE_WIDTH; i++) {
        unsigned before = l->used;
        go_on(l);
        if (l->used == before || lookup_latest(l)->state == ATTEMPT_OVER)
            return;
        lookup_latest(l)->hedge = true;
        metric_count(METRIC_UPSTREAM_HEDGED);
        const struct server *s = lookup_latest(l)->server;
        if (path_proven(&s->path[attempt_transport(lookup_latest(l))], since) || !lookup_has_another(l))
            return;
    }
}

/* The first good answer wins; the others would have taken longer. */
static void on_over(struct attempt *a, uint8_t *reply, size_t len)
{
    struct upstream_lookup *l = a->lookup;
    if (len == 0) {
        if (!lookup_any_open(l, false))
            go_on(l);
        return;
    }
    if (a->hedge)
        metric_count(METRIC_UPSTREAM_HEDGE_WON);
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < l->used; i++)
        attempt_outrun(&l->attempt[i], now);
    if (l->hearing)
        l->hearing->heard |= lookup_bit(l, a->server);
    finish(l, REASON_OK, bytes_of(reply, len));
}

static void on_again(struct attempt *a)
{
    struct upstream_lookup *l = a->lookup;
    if (a == lookup_latest(l))
        plan_next(l);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct upstream_lookup *l = holder_of(timer, struct upstream_lookup, timer);
    struct attempt *a = l->used > 0 ? lookup_latest(l) : NULL;
    int64_t now = clock_mono_ms();
    if (a && a->state == ATTEMPT_UDP && a->case_changed && now >= l->next_at && now < l->deadline) {
        attempt_over_tcp(a);
        return;
    }
    for (unsigned i = 0; i < l->used; i++) {
        a = &l->attempt[i];
        if (a->state != ATTEMPT_OVER && !a->late && now >= a->due)
            attempt_is_late(a);
    }
    if (now >= l->deadline)
        finish(l, lookup_reason(l), BYTES_NONE);
    else if (now >= l->next_at && lookup_any_open(l, false))
        hedge(l);
    else if (now >= l->next_at)
        go_on(l);
    else
        arm(l);
}

/* --- beginning and end --- */

static struct upstream_lookup *new_lookup(struct exchange *x, const struct server_group *group,
                                          const struct dns_query *q, unsigned tries)
{
    struct upstream_lookup *l = pool_alloc(&x->pool, sizeof *l + tries * sizeof l->attempt[0]);
    if (!l)
        return NULL;
    *l = (struct upstream_lookup){.exchange = x, .group = group, .tries = tries};
    asked_init(&l->asked, q);
    l->name_hash = hash_siphash(&x->hash, l->asked.name.wire, l->asked.name.len);
    l->deadline = clock_mono_ms() + x->total_timeout;
    ev_init(&l->timer, on_timer);
    link_append(&x->lookups, &l->ring);
    return l;
}

struct upstream_lookup *exchange_start(struct exchange *x, const struct server_group *group,
                                       const struct dns_query *q, struct hearing *hearing,
                                       upstream_done *done, void *self)
{
    struct upstream_lookup *l = new_lookup(x, group, q, x->tries);
    if (!l)
        return NULL;
    l->done = done;
    l->self = self;
    l->hearing = hearing;
    bool again = hearing && hearing->heard;
    if (again && (__builtin_popcountll(hearing->heard) >= EXCHANGE_HEARD_MAX || !lookup_choose(l))) {
        finish(l, REASON_COUNT, BYTES_NONE);
        return NULL;
    }
    if (again) {
        hearing->disbelieved = hearing->heard;
        metric_count(METRIC_UPSTREAM_DISBELIEVED);
    }
    l->all_held = server_group_held(group);
    if (l->all_held || again)
        l->deadline = clock_mono_ms() + x->try_timeout;
    go_on(l);
    if (l->all_held)
        hedge(l); /* whichever is back first: there is no time to ask one after the other */
    return l;
}

bool exchange_ask_one(struct exchange *x, struct server *s, const struct dns_query *q)
{
    if (s->probed || x->env.udp.open >= x->env.udp.max / 2)
        return false;
    struct upstream_lookup *l = new_lookup(x, NULL, q, 1);
    if (!l)
        return false;
    l->only = s;
    s->probed = true;
    l->deadline = clock_mono_ms() + EXCHANGE_PROBE_TIME;
    go_on(l);
    return true;
}

void exchange_end(struct upstream_lookup *l, enum reason why)
{
    finish(l, why, BYTES_NONE);
}

void exchange_end_all(struct exchange *x, enum reason why)
{
    while (!link_empty(&x->lookups))
        finish(holder_of(x->lookups.next, struct upstream_lookup, ring), why, BYTES_NONE);
}
