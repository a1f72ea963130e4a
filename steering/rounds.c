/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Scheduling probes, and what becomes of their results: see rounds.h. */
#include "steering/rounds.h"

#include <stdlib.h>
#include <string.h>

#include "data/base/metric.h"
#include "steering/uplink.h"

/* One address, parallel to the ledger's addresses. */
struct target {
    struct rounds *rounds;
    ev_timer due;        /* while it is neither waiting nor under way */
    struct link waiting; /* due, but too many are under way */
    struct fetch *fetch; /* under way */
    struct uplink_held held;
    uint32_t turn;   /* which of its site's names is next */
    uint8_t failure; /* the last one: enum probe_failure */
    bool first;      /* nothing is known of it, and its first probe has not ended */
};

struct rounds {
    struct ev_loop *loop;
    const struct conf *conf;
    struct ledger *ledger;
    struct fetcher *fetcher;
    struct uplink uplink;
    struct target *target; /* NULL: nothing is probed yet */
    uint32_t count;
    struct link waiting;
    unsigned busy;
    uint32_t first; /* targets that are */
};

static uint32_t index_of(const struct target *t)
{
    return (uint32_t)(t - t->rounds->target);
}

static const struct probed_address *entry_of(const struct target *t)
{
    return &t->rounds->ledger->addresses->entry[index_of(t)];
}

/* Results */

static void on_settled(void *self, struct uplink_held *held, bool counts)
{
    struct rounds *r = self;
    struct target *t = holder_of(held, struct target, held);
    for (unsigned i = 0; counts && i < held->failures; i++)
        ledger_count(r->ledger, index_of(t), false, t->failure);
}

static void on_uplink(void *self, enum health_uplink state)
{
    struct rounds *r = self;
    ledger_set_uplink(r->ledger, state);
}

static void count_class(enum probe_failure failure)
{
    static const enum metric by_class[] = {[PROBE_CLASS_OK] = METRIC_PROBES_OK,
                                           [PROBE_CLASS_TIMEOUT] = METRIC_PROBES_TIMEOUT,
                                           [PROBE_CLASS_CONNECT] = METRIC_PROBES_CONNECT,
                                           [PROBE_CLASS_TLS] = METRIC_PROBES_TLS,
                                           [PROBE_CLASS_HTTP] = METRIC_PROBES_HTTP};
    metric_count(by_class[probe_class_of(failure)]);
}

/* Its own earlier failures count before a success does: uplink_proved settles them. */
static void take_result(struct target *t, enum probe_failure failure, const struct fetch_result *result)
{
    struct rounds *r = t->rounds;
    bool success = failure == PROBE_NONE;
    enum health_alpn alpn = result->h2 ? HEALTH_ALPN_H2 : HEALTH_ALPN_HTTP11;
    count_class(failure);
    ledger_saw(r->ledger, index_of(t), result->certificate_ends, success ? alpn : 0);
    t->failure = success ? t->failure : (uint8_t)failure;
    if (!success) {
        uplink_failed(&r->uplink, &t->held, r->ledger->addresses->probed, r->ledger->addresses->sites);
        return;
    }
    uplink_proved(&r->uplink);
    ledger_count(r->ledger, index_of(t), true, PROBE_NONE);
}

/* Scheduling */

static void start_waiting(struct rounds *r);

static double interval(const struct rounds *r)
{
    return (double)r->conf->steering.probe.interval / 1000;
}

static double jittered_interval(const struct rounds *r)
{
    return interval(r) * (0.8 + random_below(4000) / 10000.);
}

static void change_busy(struct rounds *r, int by)
{
    r->busy = (unsigned)((int)r->busy + by);
    metric_set(METRIC_PROBES_BUSY, r->busy);
}

static void set_first(struct target *t, bool first)
{
    t->rounds->first += (uint32_t)first - (uint32_t)t->first;
    t->first = first;
}

static void sleep_for(struct target *t, double seconds)
{
    ev_timer_set(&t->due, seconds, 0.);
    ev_timer_start(t->rounds->loop, &t->due);
}

static void on_result(void *self, const struct fetch_result *result)
{
    struct target *t = self;
    struct rounds *r = t->rounds;
    t->fetch = NULL;
    change_busy(r, -1);
    sleep_for(t, jittered_interval(r));
    take_result(t, probe_judge(result, view_site_contains(entry_of(t)->site)), result);
    set_first(t, false);
    start_waiting(r);
}

static void next_name(struct target *t, struct dns_name *name)
{
    const struct probed_address *e = entry_of(t);
    struct bytes wire = t->rounds->ledger->addresses->name[e->name_first + t->turn++ % e->name_count];
    name->len = (uint8_t)wire.len;
    memcpy(name->wire, wire.data, wire.len);
}

static bool start(struct target *t)
{
    struct rounds *r = t->rounds;
    const struct probed_address *e = entry_of(t);
    struct fetch_request request;
    struct dns_name name;
    char url[PROBE_URL_MAX];
    next_name(t, &name);
    if (!probe_request(e->site, e->mirror, e->address, &name, (uint32_t)r->conf->steering.probe.timeout, url,
                       &request))
        return false;
    request.done = on_result;
    request.self = t;
    t->fetch = fetch_start(r->fetcher, &request);
    return t->fetch != NULL;
}

static void start_waiting(struct rounds *r)
{
    while (r->busy < r->conf->steering.probe.concurrency && !link_empty(&r->waiting)) {
        struct target *t = holder_of(link_take(&r->waiting), struct target, waiting);
        if (start(t)) {
            change_busy(r, +1);
        } else {
            sleep_for(t, jittered_interval(r));
            set_first(t, false);
        }
    }
}

static void on_due(struct ev_loop *loop, ev_timer *w, int events)
{
    struct target *t = w->data;
    (void)loop, (void)events;
    link_append(&t->rounds->waiting, &t->waiting);
    start_waiting(t->rounds);
}

/* From snapshot to snapshot */

static struct target *new_targets(struct rounds *r, uint32_t n)
{
    struct target *targets = calloc((size_t)n + 1, sizeof *targets);
    for (uint32_t i = 0; targets && i < n; i++) {
        struct target *t = &targets[i];
        t->rounds = r;
        link_init(&t->waiting);
        link_init(&t->held.link);
        ev_init(&t->due, on_due);
        t->due.data = t;
    }
    return targets;
}

static void stop(struct target *t)
{
    struct rounds *r = t->rounds;
    if (t->fetch) {
        fetch_cancel(&t->fetch);
        change_busy(r, -1);
    }
    ev_timer_stop(r->loop, &t->due);
    link_remove(&t->waiting);
    set_first(t, false);
    uplink_forget(&r->uplink, &t->held);
}

static void stop_all(struct target *targets, uint32_t n)
{
    for (uint32_t i = 0; targets && i < n; i++)
        stop(&targets[i]);
    free(targets);
}

/* Known states are believed for a while: their probes need not come in a crowd. */
static void begin(struct target *t)
{
    set_first(t, t->rounds->ledger->addresses->record[index_of(t)].state == HEALTH_UNKNOWN);
    if (t->first)
        link_append(&t->rounds->waiting, &t->waiting);
    else
        sleep_for(t, interval(t->rounds) * random_below(1000) / 1000.);
}

/* What was due stays so; a probe that is cut off begins anew. */
static void carry_over(struct target *t, struct target *old)
{
    t->turn = old->turn;
    t->failure = old->failure;
    set_first(t, old->first);
    if (ev_is_active(&old->due))
        sleep_for(t, ev_timer_remaining(t->rounds->loop, &old->due));
    else
        link_append(&t->rounds->waiting, &t->waiting);
}

void rounds_enter(struct rounds *r, const struct addresses *before, const uint32_t *from)
{
    const struct addresses *now = r->ledger->addresses;
    struct target *old = r->target;
    uint32_t old_count = r->count;
    if (!r->conf->steering.probe.mode)
        return;
    if (!old)
        uplink_resume(&r->uplink, now->head->uplink);
    r->target = new_targets(r, now->count);
    r->count = r->target ? now->count : 0;
    for (uint32_t i = 0; i < r->count; i++) {
        bool known = old && before && from && from[i] != ADDRESS_NONE && before->entry[from[i]].name_count;
        if (now->entry[i].name_count && known)
            carry_over(&r->target[i], &old[from[i]]);
        else if (now->entry[i].name_count)
            begin(&r->target[i]);
    }
    stop_all(old, old_count);
    start_waiting(r);
}

bool rounds_began(const struct rounds *r)
{
    return r->first == 0;
}

struct rounds *rounds_new(struct ev_loop *loop, const struct conf *conf, struct ledger *ledger)
{
    struct fetcher_options options = {.ca_file = conf->steering.probe.ca_file};
    struct rounds *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    *r = (struct rounds){.loop = loop, .conf = conf, .ledger = ledger};
    link_init(&r->waiting);
    if (conf->steering.probe.mode && !(r->fetcher = fetcher_new(loop, &options))) {
        free(r);
        return NULL;
    }
    uplink_init(&r->uplink, loop, conf, r->fetcher);
    r->uplink.settle = on_settled;
    r->uplink.changed = on_uplink;
    r->uplink.self = r;
    return r;
}

void rounds_free(struct rounds **r)
{
    if (!*r)
        return;
    stop_all((*r)->target, (*r)->count);
    uplink_fini(&(*r)->uplink);
    fetcher_free(&(*r)->fetcher);
    free(*r);
    *r = NULL;
}
