/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed policy zones: see policies.h. */
#include "steering/policies.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "steering/feed_file.h"
#include "steering/policy_feed.h"
#include "steering/state.h"

struct policies {
    struct policies_owner owner;
    struct policy_world world;
    bool targets_changed; /* and are to be stored */
    unsigned count;
    struct policy_feed feed[];
};

/* ---- what feeds tell ---- */

static bool on_changed(void *self, int64_t now)
{
    const struct policies *p = self;
    return p->owner.changed(p->owner.self, now);
}

static void set_metrics(const struct policies *p)
{
    uint64_t sites = 0, rules = 0, missing = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct policy_feed *f = &p->feed[i];
        bool gone = !f->now || f->expired;
        missing += gone;
        sites += gone ? 0 : f->now->rules.site_count;
        rules += gone ? 0 : f->now->rules.refused_count;
    }
    metric_set(METRIC_RPZ_SITES, sites);
    metric_set(METRIC_RPZ_RULES_REFUSED, rules);
    metric_set(METRIC_RPZ_MISSING, missing);
}

/* The names that the zones believed lead to. */
static void want_targets(struct policies *p)
{
    size_t count = 0, n = 0;
    for (unsigned i = 0; i < p->count; i++)
        count += p->feed[i].now ? p->feed[i].now->rules.target_count : 0;
    const struct dns_name **names = calloc(count + 1, sizeof *names);
    for (unsigned i = 0; names && i < p->count; i++) {
        const struct policy_zone *z = p->feed[i].now;
        for (size_t k = 0; z && k < z->rules.target_count; k++)
            names[n++] = z->rules.targets[k];
    }
    if (p->world.targets && (!names || !targets_set(p->world.targets, names, n)))
        log_error("rpz.no-targets", "text=\"out of memory: no CNAME's target is looked up\"");
    free(names);
}

static void on_taken(void *self)
{
    want_targets(self);
    set_metrics(self);
}

static void on_targets(void *self)
{
    struct policies *p = self;
    int64_t now = clock_wall_ms() / 1000;
    p->targets_changed = true;
    for (unsigned i = 0; i < p->count; i++)
        policy_feed_judge_again(&p->feed[i], now);
}

/* ---- start and end ---- */

struct policies *policies_new(struct ev_loop *loop, const struct conf *conf)
{
    unsigned count = conf->steering.rpz_count;
    struct policies *p = calloc(1, sizeof *p + count * sizeof *p->feed);
    if (!p)
        return NULL;
    p->world = (struct policy_world){
        .loop = loop, .conf = conf, .changed = on_changed, .taken = on_taken, .self = p};
    for (; p->count < count; p->count++)
        policy_feed_init(&p->feed[p->count], &conf->steering.rpz[p->count], &p->world);
    return p;
}

void policies_free(struct policies **p)
{
    if (!*p)
        return;
    for (unsigned i = 0; i < (*p)->count; i++)
        policy_feed_fini(&(*p)->feed[i]);
    targets_free(&(*p)->world.targets);
    free(*p);
    *p = NULL;
}

/* What was known before counts until it is looked up again: rules are not without addresses meanwhile. */
static void start_targets(struct policies *p, struct store_txn *t)
{
    struct bytes saved;
    struct policy_world *w = &p->world;
    w->targets = w->loop && p->count ? targets_new(w->loop, w->conf, on_targets, p) : NULL;
    if (w->targets && state_get_policy(t, STATE_POLICY_ALL, STATE_POLICY_TARGETS, &saved) == STORE_OK)
        targets_load(w->targets, saved);
}

void policies_start(struct policies *p, const struct policies_owner *owner, int64_t now)
{
    struct store_txn *t;
    p->owner = *owner;
    p->world.store = owner->store;
    p->world.guard = owner->guard;
    if (p->count == 0 || store_read(owner->store, &t) != STORE_OK)
        return;
    start_targets(p, t);
    for (unsigned i = 0; i < p->count; i++)
        policy_feed_start(&p->feed[i], t, now);
    store_abort(t);
    on_taken(p);
}

void policies_update(struct policies *p, int64_t now)
{
    for (unsigned i = 0; i < p->count; i++)
        policy_feed_look(&p->feed[i], now);
    set_metrics(p);
}

void policies_watch(const struct policies *p, struct feed_watch *watch)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->feed[i].conf->file)
            feed_watch_file(watch, p->feed[i].conf->file);
}

/* ---- for lists ---- */

bool policies_sources(struct policies *p, int64_t now, struct records *taken, struct view_source *out,
                      size_t *count)
{
    *count = 0;
    for (unsigned i = 0; p && i < p->count; i++) {
        struct policy_zone *z = policy_feed_zone(&p->feed[i], now);
        size_t live;
        if (!z)
            continue;
        if (!policy_choose(z, taken, &live))
            return false;
        out[(*count)++] =
            (struct view_source){p->feed[i].conf->name, &z->rules.list, z->live, live, VIEW_POLICY};
    }
    return true;
}

static enum store_result put_targets(struct policies *p, struct store_txn *t)
{
    struct bytes saved = targets_save(p->world.targets);
    enum store_result result =
        saved.data ? state_put_policy(t, STATE_POLICY_ALL, STATE_POLICY_TARGETS, saved) : STORE_OK;
    free((uint8_t *)(uintptr_t)saved.data);
    p->targets_changed = false;
    return result;
}

enum store_result policies_put(struct policies *p, struct store_txn *t)
{
    enum store_result result = STORE_OK;
    for (unsigned i = 0; p && i < p->count && result == STORE_OK; i++)
        result = policy_feed_put(&p->feed[i], t);
    return result == STORE_OK && p && p->targets_changed ? put_targets(p, t) : result;
}
