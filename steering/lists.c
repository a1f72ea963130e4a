/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed lists: see lists.h. */
#include "steering/lists.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/log.h"
#include "steering/policies.h"
#include "steering/pull.h"

struct lists {
    const struct conf *conf;
    struct shm *shm;
    struct feeds *feeds;
    const struct lists_keeper *keeper; /* NULL: nobody keeps health */
    struct policies *policies;         /* NULL: none */
    struct store *store;
    struct guard *guard;
    struct hash_key key; /* of the snapshots' tables of names */
    int64_t next_expiry; /* of a registration in the snapshot; INT64_MAX: none */
    struct pull_world world;
    struct pull *pull; /* one for each of sub */
    unsigned count;
    struct subscription sub[];
};

/* A damaged or foreign file is kept for whoever wants to know why, and replaced. What is lost with it is the
 * memory of versions: until the next update an older list could be played to us. */
static enum store_result replace_file(const char *state_dir, struct store **out)
{
    char path[4096], other[4104];
    if (!state_path(state_dir, path, sizeof path))
        return STORE_FAILED;
    snprintf(other, sizeof other, "%s.bad", path);
    log_error("steering.set-aside",
              "file=%s as=%s text=\"damaged or of another format; rollback protection begins "
              "anew\"",
              path, other);
    if (rename(path, other) != 0)
        return STORE_FAILED;
    snprintf(other, sizeof other, "%s-lock", path);
    unlink(other);
    return state_open(state_dir, false, out);
}

static struct store *open_store(const char *state_dir)
{
    struct store *store = NULL;
    enum store_result result = state_open(state_dir, false, &store);
    if (result == STORE_CORRUPT)
        result = replace_file(state_dir, &store);
    if (result != STORE_OK)
        log_error("steering.no-store", "dir=%s cause=\"%s\"", state_dir, store_error(NULL));
    return store;
}

/* Documents that are believed once the offer (for sub[which], NULL: none) is taken. */
static const struct kept_documents *documents_with(const struct lists *l, unsigned i, const struct offer *o,
                                                   unsigned which)
{
    if (!o || i != which || (!o->documents && !o->revoked))
        return l->sub[i].documents;
    return o->documents;
}

/* A name that an outlet has signed for is never a policy zone's to answer, not even when that has expired. */
static void take_names(const struct lists *l, const struct registration *r, struct records *taken)
{
    for (unsigned i = 0; l->conf->steering.rpz_count && i < r->name_count; i++)
        records_add(taken, &r->full[i], 0, 0, BYTES_NONE);
}

/* Copies the sites that have not expired at now: an expired one must not stand before the same name of a
 * later list. Notes when the first of them expires. */
static size_t live_sites(struct lists *l, const struct kept_documents *d, int64_t now, struct records *taken,
                         struct view_source_site *out)
{
    size_t n = 0;
    for (size_t i = 0; i < d->result.site_count; i++) {
        int64_t expires = d->result.sites[i].registration->expires;
        take_names(l, d->result.sites[i].registration, taken);
        if (expires <= now)
            continue;
        out[n++] = d->result.sites[i];
        l->next_expiry = expires < l->next_expiry ? expires : l->next_expiry;
    }
    return n;
}

static uint8_t *compile(struct lists *l, const struct offer *o, unsigned which, int64_t now, size_t *len)
{
    size_t n = 0, used = 0, total = 1, policies = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const struct kept_documents *d = documents_with(l, i, o, which);
        total += d ? d->result.site_count : 0;
    }
    struct view_source *sources = calloc(l->count + l->conf->steering.rpz_count + (size_t)1, sizeof *sources);
    struct view_source_site *sites = calloc(total, sizeof *sites);
    struct records *taken = records_new();
    bool ok = sources && sites && taken;
    l->next_expiry = INT64_MAX;
    for (unsigned i = 0; ok && i < l->count; i++) {
        const struct kept_documents *d = documents_with(l, i, o, which);
        if (!d)
            continue;
        size_t live = live_sites(l, d, now, taken, sites + used);
        sources[n++] =
            (struct view_source){l->sub[i].conf->name, &d->result.list, sites + used, live, VIEW_SIGNED};
        used += live;
    }
    ok = ok && policies_sources(l->policies, now, taken, sources + n, &policies);
    uint8_t *block = ok ? view_compile(sources, n + policies, &l->key, len) : NULL;
    records_free(&taken);
    free(sites);
    free(sources);
    return block;
}

static enum store_result put_seqs(struct store_txn *t, const char *list, const struct kept_documents *d)
{
    enum store_result result = STORE_OK;
    for (size_t i = 0; i < d->result.site_count && result == STORE_OK; i++) {
        const struct view_source_site *site = &d->result.sites[i];
        struct state_seq before, now = {.seq = site->registration->seq};
        memcpy(now.key, site->delegation->key.key, sizeof now.key);
        result = state_get_seq(t, list, site->registration->domain, &before);
        bool same_key = result == STORE_OK && memcmp(before.key, now.key, sizeof now.key) == 0;
        if (same_key && before.seq >= now.seq)
            continue;
        if (result == STORE_OK || result == STORE_NOT_FOUND)
            result = state_put_seq(t, list, site->registration->domain, &now);
    }
    return result;
}

static enum store_result put_documents(struct store_txn *t, const char *list, const struct kept_documents *d)
{
    enum store_result result = state_put(t, list, STATE_LIST, d->list);
    if (result == STORE_OK)
        result = state_put(t, list, STATE_DELEGATIONS, d->delegations);
    if (result == STORE_OK)
        result = state_put(t, list, STATE_FLOOR, bytes_of(&d->result.floor, sizeof d->result.floor));
    if (result == STORE_OK)
        result = put_seqs(t, list, d);
    return result;
}

static enum store_result put_offer(struct store_txn *t, const struct subscription *s, const struct offer *o)
{
    const char *list = s->conf->name;
    const struct kept_root *root = o->root ? o->root : s->root;
    enum store_result result = state_put(t, list, STATE_PIN, bytes_of(s->pin, sizeof s->pin));
    if (result == STORE_OK)
        result = state_put(t, list, STATE_ROOT, root->file);
    if (result == STORE_OK && o->documents)
        return put_documents(t, list, o->documents);
    struct state_floor floor = subscription_floor(s, o);
    return result == STORE_OK ? state_put(t, list, STATE_FLOOR, bytes_of(&floor, sizeof floor)) : result;
}

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
        result = put_offer(t, &l->sub[which], o);
    if (result == STORE_OK)
        result = policies_put(l->policies, t);
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
    uint8_t *block = compile(l, o, which, now, &len);
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

static enum list_age age_of(const struct lists *l, const struct list_doc *list, int64_t now)
{
    int64_t old = list->issued + (int64_t)(l->conf->steering.old_after / 1000);
    return list->expires <= now ? LIST_EXPIRED : old < now ? LIST_OLD : LIST_FRESH;
}

static void tell_age(struct subscription *s, const struct list_doc *list, enum list_age age)
{
    char issued[TIME_TEXT_MAX];
    time_format(list->issued, issued);
    if (age == LIST_EXPIRED && s->told_age != age)
        log_error("list.expired",
                  "list=%s issued=%s text=\"no fresh list is to be had: its health is void, registrations "
                  "live on until their own expiry\"",
                  s->conf->name, issued);
    if (age == LIST_OLD && s->told_age == LIST_FRESH)
        log_warn("list.old", "list=%s issued=%s text=\"no newer list is to be had\"", s->conf->name, issued);
    if (age == LIST_FRESH && s->told_age != age)
        log_info("list.fresh", "list=%s issued=%s", s->conf->name, issued);
    s->told_age = age;
}

/* The newest version and dates, and the worst age. */
static void set_metrics(struct lists *l, int64_t now)
{
    uint64_t version = 0, sites = 0;
    int64_t issued = 0, expires = 0, oldest = 0;
    enum list_age worst = LIST_FRESH;
    for (unsigned i = 0; i < l->count; i++) {
        const struct kept_documents *d = l->sub[i].documents;
        if (!d)
            continue;
        const struct list_doc *list = &d->result.list;
        enum list_age age = age_of(l, list, now);
        version = list->version > version ? list->version : version;
        issued = list->issued > issued ? list->issued : issued;
        expires = list->expires > expires ? list->expires : expires;
        oldest = now - list->issued > oldest ? now - list->issued : oldest;
        sites += d->result.site_count;
        worst = age > worst ? age : worst;
        tell_age(&l->sub[i], list, age);
    }
    metric_set(METRIC_LIST_VERSION, version);
    metric_set(METRIC_LIST_ISSUED, (uint64_t)issued);
    metric_set(METRIC_LIST_AGE, (uint64_t)oldest);
    metric_set(METRIC_LIST_EXPIRES, (uint64_t)expires);
    metric_set(METRIC_LIST_OLD, worst >= LIST_OLD);
    metric_set(METRIC_LIST_EXPIRED, worst == LIST_EXPIRED);
    metric_set(METRIC_LIST_SITES, sites);
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
    set_metrics(self, now);
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
    for (; l->count < l->conf->steering.list_count; l->count++) {
        subscription_start(&l->sub[l->count], &l->conf->steering.lists[l->count], &judge);
        pull_init(&l->pull[l->count], &l->world, &l->sub[l->count]);
    }
    store_abort(judge.t);
    if (l->policies)
        policies_start(l->policies, &(struct policies_owner){l->store, l->guard, on_policy, l}, now);
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
    l->policies = policies;
    l->pull = calloc(conf->steering.list_count + 1, sizeof *l->pull);
    random_fill(&l->key, sizeof l->key);
    l->guard = guard_new(conf->steering.deny, conf->steering.deny_count);
    if (!l->guard)
        log_error("steering.no-suffixes", "text=\"no public suffix list\"");
    l->store = l->guard && l->pull ? open_store(conf->state_dir) : NULL;
    if (l->store)
        restore(l, now);
    /* Even without any list there is a snapshot: an empty one takes back what an earlier config had. */
    if (l->store && start_subscriptions(l, now) && store_update(l, NULL, 0, now)) {
        set_metrics(l, now);
        return l;
    }
    lists_free(&l);
    return NULL;
}

void lists_free(struct lists **l)
{
    if (!*l)
        return;
    for (unsigned i = 0; i < (*l)->count; i++) {
        pull_fini(&(*l)->pull[i]);
        subscription_fini(&(*l)->sub[i]);
    }
    free((*l)->pull);
    store_close(&(*l)->store);
    guard_free(&(*l)->guard);
    free(*l);
    *l = NULL;
}

void lists_update(struct lists *l, int64_t now, bool all)
{
    for (unsigned i = 0; i < l->count; i++)
        pull_start(&l->pull[i], now, all);
    if (now >= l->next_expiry)
        store_update(l, NULL, 0, now);
    if (l->policies)
        policies_update(l->policies, now);
    set_metrics(l, now);
}
