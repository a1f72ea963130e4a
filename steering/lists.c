/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed lists: see lists.h. */
#include "steering/lists.h"

#include <stdlib.h>

#include "data/base/log.h"
#include "steering/lists_age.h"
#include "steering/lists_compile.h"
#include "steering/lists_store.h"
#include "steering/pull.h"

/* Seconds that a clock is set back by before anything is judged again. */
enum { CLOCK_STEP = 60 };

struct lists {
    const struct conf *conf;
    struct shm *shm;
    struct feeds *feeds;
    const struct lists_keeper *keeper; /* NULL: nobody keeps health */
    struct store *store;
    struct guard *guard;
    struct lists_sources sources; /* count of sub that have been started */
    int64_t next_expiry;          /* of a registration in the snapshot; INT64_MAX: none */
    int64_t looked;               /* when that was checked last */
    struct pull_world world;
    struct pull *pull; /* one for each of sub */
    struct subscription sub[];
};

/* One transaction for all an update changes; o NULL: the snapshot alone. */
static enum store_result commit(struct lists *l, const struct offer *o, unsigned which, struct bytes block,
                                struct bytes table)
{
    struct store_txn *t;
    enum store_result result = store_write(l->store, &t);
    if (result != STORE_OK)
        return result;
    result = state_make_secret(t);
    if (result == STORE_OK && o)
        result = lists_store_put(t, &l->sub[which], o);
    if (result == STORE_OK)
        result = policies_put(l->sources.policies, t);
    if (result == STORE_OK)
        result = state_put_view(t, block);
    if (result == STORE_OK && table.len)
        result = state_put_health(t, table);
    if (result == STORE_OK)
        return store_commit(t);
    store_abort(t);
    return result;
}

static bool stored(struct lists *l, enum store_result result)
{
    if (result == STORE_OK)
        shm_bump(&l->shm->steering_generation);
    else
        log_error("steering.not-stored", "result=%d cause=\"%s\"", (int)result, store_error(l->store));
    return result == STORE_OK;
}

/* The snapshot with the health of what is in it. */
static bool store_snapshot(struct lists *l, const struct offer *o, unsigned which, struct bytes block,
                           int64_t now)
{
    struct bytes table = {0};
    if (l->keeper) {
        table = l->keeper->prepare(l->keeper->self, block, now);
        if (!table.len)
            return stored(l, STORE_FAILED);
    }
    bool ok = stored(l, commit(l, o, which, block, table));
    if (l->keeper)
        l->keeper->settled(l->keeper->self, ok);
    return ok;
}

static bool store_update(struct lists *l, const struct offer *o, unsigned which, int64_t now)
{
    size_t len = 0;
    uint8_t *block = lists_compile(&l->sources, o, which, now, &len, &l->next_expiry);
    if (!block)
        log_error("steering.not-compiled", "text=\"out of memory, or the lists are too large together\"");
    bool ok = block && store_snapshot(l, o, which, bytes_of(block, len), now);
    free(block);
    return ok;
}

bool lists_put_health(struct lists *l, struct bytes table)
{
    struct store_txn *t;
    enum store_result result = store_write(l->store, &t);
    if (result != STORE_OK)
        return stored(l, result);
    result = state_put_health(t, table);
    if (result == STORE_OK)
        return stored(l, store_commit(t));
    store_abort(t);
    return stored(l, result);
}

static void tell_accepted(const struct subscription *s, const struct trust_result *r)
{
    char expires[TIME_TEXT_MAX];
    time_format(r->list.expires, expires);
    metric_count(METRIC_LIST_LOADED);
    log_info("list.accepted", "list=%s version=%llu delegations=%llu sites=%zu refused=%zu expires=%s",
             s->conf->name, (unsigned long long)r->list.version, (unsigned long long)r->delegations.version,
             r->site_count, r->refused, expires);
}

static void tell_age(struct lists *l, int64_t now)
{
    lists_tell_age(l->sub, l->sources.count, l->conf->steering.old_after, now);
}

static void on_found(void *self, struct subscription *s, struct offer *o, int64_t now)
{
    struct lists *l = self;
    bool fresh = o->documents != NULL;
    if (!store_update(l, o, (unsigned)(s - l->sub), now))
        return;
    subscription_take(s, o);
    if (fresh)
        tell_accepted(s, &s->documents->result);
}

static void on_ended(void *self, struct subscription *s, int64_t now)
{
    (void)s;
    tell_age(self, now);
}

static bool on_policy(void *self, int64_t now)
{
    return store_update(self, NULL, 0, now);
}

static bool start_subscriptions(struct lists *l, int64_t now)
{
    struct judge judge = {.guard = l->guard, .now = now};
    l->world = (struct pull_world){.conf = l->conf,
                                   .feeds = l->feeds,
                                   .store = l->store,
                                   .guard = l->guard,
                                   .found = on_found,
                                   .ended = on_ended,
                                   .self = l};
    if (store_read(l->store, &judge.t) != STORE_OK) {
        log_error("steering.no-store", "cause=\"%s\"", store_error(l->store));
        return false;
    }
    for (; l->sources.count < l->conf->steering.list_count; l->sources.count++) {
        subscription_start(&l->sub[l->sources.count], &l->conf->steering.lists[l->sources.count], &judge);
        pull_init(&l->pull[l->sources.count], &l->world, &l->sub[l->sources.count]);
    }
    store_abort(judge.t);
    if (l->sources.policies)
        policies_start(l->sources.policies, &(struct policies_owner){l->store, l->guard, on_policy, l}, now);
    return true;
}

/* Before the first snapshot of this start takes its place. */
static void restore(struct lists *l, int64_t now)
{
    struct view *view;
    struct health *health;
    if (l->keeper && state_load_snapshot(l->store, &view, &health) == STORE_OK)
        l->keeper->restored(l->keeper->self, view, health, now);
}

struct lists *lists_new(const struct conf *conf, struct shm *shm, struct feeds *feeds,
                        struct policies *policies, const struct lists_keeper *keeper, int64_t now)
{
    struct lists *l = calloc(1, sizeof *l + conf->steering.list_count * sizeof(struct subscription));
    if (!l)
        return NULL;
    l->conf = conf;
    l->shm = shm;
    l->feeds = feeds;
    l->keeper = keeper;
    l->pull = calloc(conf->steering.list_count + 1, sizeof *l->pull);
    l->sources = (struct lists_sources){.conf = conf, .sub = l->sub, .policies = policies};
    random_fill(&l->sources.key, sizeof l->sources.key);
    l->looked = now;
    l->guard = guard_new(conf->steering.deny, conf->steering.deny_count);
    if (!l->guard)
        log_error("steering.no-suffixes", "text=\"no public suffix list\"");
    l->store = l->guard && l->pull ? lists_store_open(conf->state_dir) : NULL;
    if (l->store)
        restore(l, now);
    /* Even without any list there is a snapshot: an empty one takes back what an earlier config had. */
    if (l->store && start_subscriptions(l, now) && store_update(l, NULL, 0, now)) {
        tell_age(l, now);
        return l;
    }
    lists_free(&l);
    return NULL;
}

void lists_free(struct lists **l)
{
    if (!*l)
        return;
    for (unsigned i = 0; i < (*l)->sources.count; i++) {
        pull_fini(&(*l)->pull[i]);
        subscription_fini(&(*l)->sub[i]);
    }
    free((*l)->pull);
    store_close(&(*l)->store);
    guard_free(&(*l)->guard);
    free(*l);
    *l = NULL;
}

/* The clock was ahead: what it made us take for expired may not be, and no feed need be there to tell. */
static void judge_anew(struct lists *l, int64_t now)
{
    struct judge judge = {.guard = l->guard, .now = now};
    if (store_read(l->store, &judge.t) != STORE_OK)
        return;
    for (unsigned i = 0; i < l->sources.count; i++)
        subscription_judge_stored(&l->sub[i], &judge);
    store_abort(judge.t);
    store_update(l, NULL, 0, now);
}

void lists_update(struct lists *l, int64_t now, bool all)
{
    if (now < l->looked - CLOCK_STEP)
        judge_anew(l, now);
    l->looked = now;
    for (unsigned i = 0; i < l->sources.count; i++)
        pull_start(&l->pull[i], now, all);
    if (now >= l->next_expiry)
        store_update(l, NULL, 0, now);
    if (l->sources.policies)
        policies_update(l->sources.policies, now);
    tell_age(l, now);
}
