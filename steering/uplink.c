/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Holding failures until the uplink is known to work, and asking the canaries: see uplink.h. */
#include "steering/uplink.h"

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"

/* Milliseconds between two rounds of canaries, begin to begin; shorter where probes are more frequent. */
enum { ROUND_MIN = 5000 };

static int64_t round_interval(const struct uplink *u)
{
    int64_t interval = (int64_t)u->conf->steering.probe.interval;
    return interval < ROUND_MIN ? interval : ROUND_MIN;
}

static void settle_all(struct uplink *u, struct link *ring, bool counts)
{
    for (struct link *l; (l = link_take(ring));) {
        struct uplink_held *held = holder_of(l, struct uplink_held, link);
        u->held_count--;
        u->settle(u->self, held, counts);
        held->failures = 0;
    }
}

static void set_state(struct uplink *u, enum health_uplink state)
{
    if (u->state == state)
        return;
    if (state == HEALTH_UPLINK_DEAD)
        log_warn("probe.uplink-dead", "canaries=%u text=\"nothing answers: mirrors keep the state they had\"",
                 u->conf->steering.probe.canary_count);
    else if (u->state == HEALTH_UPLINK_DEAD && state == HEALTH_UPLINK_WORKS)
        log_info("probe.uplink-works", "canaries=%u", u->conf->steering.probe.canary_count);
    u->state = state;
    metric_set(METRIC_PROBE_UPLINK, state == HEALTH_UPLINK_WORKS);
    u->changed(u->self, state);
}

static void die(struct uplink *u)
{
    settle_all(u, &u->asked, false);
    settle_all(u, &u->held, false);
    set_state(u, HEALTH_UPLINK_DEAD);
}

static void count_at_once(struct uplink *u)
{
    settle_all(u, &u->held, true);
    if (u->state == HEALTH_UPLINK_DEAD)
        set_state(u, HEALTH_UPLINK_UNKNOWN);
}

/* Canaries */

static void ask(struct uplink *u);

static void ask_later(struct uplink *u)
{
    int64_t wait = u->asked_at + round_interval(u) - clock_mono_ms();
    if (u->asking || ev_is_active(&u->again))
        return;
    if (wait <= 0) {
        ask(u);
        return;
    }
    ev_timer_set(&u->again, (double)wait / 1000, 0.);
    ev_timer_start(u->loop, &u->again);
}

static void on_again(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    ask(w->data);
}

static void cancel_round(struct uplink *u)
{
    for (unsigned i = 0; i < UPLINK_CANARIES_MAX; i++)
        if (u->canary[i].fetch)
            fetch_cancel(&u->canary[i].fetch);
    u->asking = 0;
}

/* All canaries of the round have failed. */
static void end_round(struct uplink *u)
{
    if (u->asking)
        return;
    die(u);
    ask_later(u);
}

/* One is enough. Its answer may be any: who has its key has answered. */
static void on_canary(void *self, const struct fetch_result *r)
{
    struct uplink_canary *c = self;
    struct uplink *u = c->uplink;
    c->fetch = NULL;
    u->asking--;
    if (r->end != FETCH_OK) {
        log_debug("probe.canary-failed", "canary=%s failure=%s",
                  u->conf->steering.probe.canaries[c - u->canary].url, fetch_end_name(r->end));
        end_round(u);
        return;
    }
    cancel_round(u);
    settle_all(u, &u->asked, true);
    set_state(u, HEALTH_UPLINK_WORKS);
    if (!link_empty(&u->held))
        ask_later(u);
}

static void ask_canary(struct uplink *u, unsigned i)
{
    const struct conf_canary *conf = &u->conf->steering.probe.canaries[i];
    struct fetch_request r = {.url = conf->url,
                              .address = conf->address.len ? &conf->address : NULL,
                              .body_max = 1,
                              .truncate = true,
                              .timeout = (uint32_t)u->conf->steering.probe.timeout,
                              .done = on_canary,
                              .self = &u->canary[i]};
    u->canary[i].fetch = fetch_start(u->fetcher, &r);
    u->asking += u->canary[i].fetch != NULL;
}

static void ask(struct uplink *u)
{
    u->asked_at = clock_mono_ms();
    for (struct link *l; (l = link_take(&u->held));)
        link_append(&u->asked, l);
    for (unsigned i = 0; i < u->conf->steering.probe.canary_count && i < UPLINK_CANARIES_MAX; i++)
        ask_canary(u, i);
    end_round(u);
}

/* What probes say */

void uplink_init(struct uplink *u, struct ev_loop *loop, const struct conf *conf, struct fetcher *fetcher)
{
    *u = (struct uplink){
        .loop = loop, .conf = conf, .fetcher = fetcher, .asked_at = clock_mono_ms() - ROUND_MIN};
    link_init(&u->held);
    link_init(&u->asked);
    ev_init(&u->again, on_again);
    u->again.data = u;
    for (unsigned i = 0; i < UPLINK_CANARIES_MAX; i++)
        u->canary[i].uplink = u;
}

void uplink_fini(struct uplink *u)
{
    if (!u->loop)
        return;
    cancel_round(u);
    ev_timer_stop(u->loop, &u->again);
}

void uplink_resume(struct uplink *u, enum health_uplink state)
{
    u->state = state;
    metric_set(METRIC_PROBE_UPLINK, state == HEALTH_UPLINK_WORKS);
}

void uplink_proved(struct uplink *u)
{
    settle_all(u, &u->asked, true);
    settle_all(u, &u->held, true);
    set_state(u, HEALTH_UPLINK_WORKS);
}

void uplink_failed(struct uplink *u, struct uplink_held *held, uint32_t addresses, uint32_t sites)
{
    bool canaries = u->conf->steering.probe.canary_count > 0;
    held->failures++;
    if (link_empty(&held->link)) {
        link_append(&u->held, &held->link);
        u->held_count++;
    }
    if (canaries)
        ask_later(u);
    else if (sites < UPLINK_SITES_MIN)
        count_at_once(u);
    else if (u->state == HEALTH_UPLINK_DEAD || u->held_count >= addresses)
        die(u);
}

void uplink_forget(struct uplink *u, struct uplink_held *held)
{
    if (link_empty(&held->link))
        return;
    link_remove(&held->link);
    u->held_count--;
    held->failures = 0;
}
