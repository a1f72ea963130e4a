/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed policy zones: see policies.h. */
#include "steering/policies.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "steering/feed_file.h"
#include "steering/policy.h"
#include "steering/primary.h"
#include "steering/state.h"
#include "steering/targets.h"

enum { COUNTS_TEXT_MAX = 512, EXPIRE_MAX = 30 * 86400 };

struct subscribed {
    const struct conf_rpz *conf;
    struct policies *all;
    struct dns_name zone;     /* lower-case */
    struct policy_zone *now;  /* believed; NULL: nothing */
    struct policy_zone *next; /* while it is being stored */
    uint64_t seen;            /* fingerprint of the file when it was read last */
    struct primary *primary;  /* NULL: from a file */
    struct refusal told;
    bool expired; /* said so, and left out */
};

struct policies {
    struct ev_loop *loop;
    const struct conf *conf;
    struct policies_world world;
    struct targets *targets; /* NULL: none are looked for */
    bool targets_changed;    /* and are to be stored */
    unsigned count;
    struct subscribed zone[];
};

static bool resolve(void *self, const struct dns_name *target, struct ip *out, unsigned *count)
{
    return targets_get(self, target, out, count);
}

static struct rpz_judge judge_of(const struct subscribed *s, int64_t now)
{
    return (struct rpz_judge){.zone = &s->zone,
                              .guard = s->all->world.guard,
                              .allow_special_use = s->conf->allow_special_use,
                              .now = now,
                              .resolve = s->all->targets ? resolve : NULL,
                              .self = s->all->targets};
}

static bool from_primary(const struct subscribed *s)
{
    return s->conf->file == NULL;
}

/* ---- telling ---- */

static void refused(struct subscribed *s, const struct refusal *why)
{
    metric_count(METRIC_RPZ_REFUSED);
    metric_refusal(why->why);
    if (why->why == s->told.why && strcmp(why->where, s->told.where) == 0)
        return;
    s->told = *why;
    log_warn("rpz.refused", "rpz=%s why=%s at=\"%s\" text=\"%s\"", s->conf->name, refusal_name(why->why),
             why->where, refusal_text(why->why));
}

/* "rpz-action:3,special-use:1". Counts those that were not refused before (NULL: none was). */
static void count_refusals(const struct rpz_rules *r, const struct rpz_rules *before,
                           char out[COUNTS_TEXT_MAX])
{
    struct writer w = writer_of(out, COUNTS_TEXT_MAX - 1);
    for (unsigned why = 0; why < REFUSAL_COUNT; why++) {
        for (size_t i = before ? before->refused[why] : 0; i < r->refused[why]; i++)
            metric_refusal(why);
        if (r->refused[why])
            writer_printf(&w, "%s%s:%zu", w.len ? "," : "", refusal_name(why), r->refused[why]);
    }
    out[w.full ? 0 : w.len] = '\0';
}

/* before: the same zone, with other addresses known of its targets; NULL: it is another one. */
static void tell(const struct subscribed *s, const struct rpz_rules *r, const struct rpz_rules *before)
{
    char counts[COUNTS_TEXT_MAX];
    count_refusals(r, before, counts);
    log_info(before ? "rpz.targets" : "rpz.accepted",
             "rpz=%s serial=%llu sites=%zu passed=%zu waiting=%zu refused=%zu why=\"%s\" first=\"%s\"",
             s->conf->name, (unsigned long long)r->list.version, r->site_count, r->passed_count, r->waiting,
             r->refused_count, counts, r->first.where);
}

static void set_metrics(const struct policies *p)
{
    uint64_t sites = 0, rules = 0, missing = 0;
    for (unsigned i = 0; i < p->count; i++) {
        const struct subscribed *s = &p->zone[i];
        bool gone = !s->now || s->expired;
        missing += gone;
        sites += gone ? 0 : s->now->rules.site_count;
        rules += gone ? 0 : s->now->rules.refused_count;
    }
    metric_set(METRIC_RPZ_SITES, sites);
    metric_set(METRIC_RPZ_RULES_REFUSED, rules);
    metric_set(METRIC_RPZ_MISSING, missing);
}

/* ---- changes ---- */

/* The names that the zones believed lead to. */
static void want_targets(struct policies *p)
{
    size_t count = 0, n = 0;
    for (unsigned i = 0; i < p->count; i++)
        count += p->zone[i].now ? p->zone[i].now->rules.target_count : 0;
    const struct dns_name **names = calloc(count + 1, sizeof *names);
    for (unsigned i = 0; names && i < p->count; i++) {
        const struct policy_zone *z = p->zone[i].now;
        for (size_t k = 0; z && k < z->rules.target_count; k++)
            names[n++] = z->rules.targets[k];
    }
    if (p->targets && (!names || !targets_set(p->targets, names, n)))
        log_error("rpz.no-targets", "text=\"out of memory: no CNAME's target is looked up\"");
    free(names);
}

/* Takes p in the place of what is believed; false, and all stays, if it could not be stored. */
static bool replace(struct subscribed *s, struct policy_zone *p, int64_t now)
{
    s->next = p;
    bool stored = s->all->world.changed(s->all->world.self, now);
    s->next = NULL;
    if (!stored) {
        policy_free(&p);
        return false;
    }
    policy_free(&s->now);
    s->now = p;
    want_targets(s->all);
    return true;
}

static bool offer(struct subscribed *s, struct policy_zone *p, int64_t now)
{
    if (!replace(s, p, now))
        return false;
    s->expired = false;
    s->told = (struct refusal){0};
    metric_count(METRIC_RPZ_LOADED);
    tell(s, &s->now->rules, NULL);
    return true;
}

/* The same zone, now that more or other addresses are known. */
static void judge_again(struct subscribed *s, int64_t now)
{
    const struct rpz_judge judge = judge_of(s, now);
    struct rpz_rules before = s->now->rules;
    struct records *records = records_copy(s->now->records);
    struct policy_zone *p = records ? policy_new(records, &s->now->soa, &judge) : NULL;
    if (!p)
        return;
    p->checked = s->now->checked;
    if (replace(s, p, now))
        tell(s, &s->now->rules, &before);
}

static void on_targets(void *self)
{
    struct policies *p = self;
    int64_t now = clock_wall_ms() / 1000;
    p->targets_changed = true;
    for (unsigned i = 0; i < p->count; i++)
        if (p->zone[i].now && p->zone[i].now->rules.target_count)
            judge_again(&p->zone[i], now);
    set_metrics(p);
}

static void read_file(struct subscribed *s, int64_t now)
{
    struct refusal why;
    uint64_t seen = feed_file_fingerprint(s->conf->file, 0);
    if (seen == s->seen)
        return;
    const struct rpz_judge judge = judge_of(s, now);
    struct policy_zone *p = policy_read_file(s->conf->file, &judge, &why);
    /* What could not be stored is read again the next time. */
    if (!p)
        refused(s, &why);
    if (!p || offer(s, p, now))
        s->seen = seen;
}

/* Not before it could be asked for twice. */
static bool has_expired(const struct subscribed *s, const struct policy_zone *p, int64_t now)
{
    int64_t expire = p->soa.expire < EXPIRE_MAX ? p->soa.expire : EXPIRE_MAX;
    int64_t least = 2 * (int64_t)(s->conf->refresh_min / 1000);
    return from_primary(s) && p->checked + (expire > least ? expire : least) <= now;
}

static void look_at(struct subscribed *s, int64_t now)
{
    if (!from_primary(s))
        read_file(s, now);
    else if (s->now && !s->expired && has_expired(s, s->now, now)) {
        s->expired = true;
        log_error("rpz.expired", "rpz=%s serial=%u text=\"its primary has not confirmed it for too long\"",
                  s->conf->name, s->now->soa.serial);
        s->all->world.changed(s->all->world.self, now);
    }
}

void policies_update(struct policies *p, int64_t now)
{
    for (unsigned i = 0; i < p->count; i++)
        look_at(&p->zone[i], now);
    set_metrics(p);
}

/* ---- transfers ---- */

static const struct records *ours(void *self, struct soa *soa)
{
    const struct subscribed *s = self;
    if (!s->now)
        return NULL;
    *soa = s->now->soa;
    return s->now->records;
}

static bool store_checked(struct subscribed *s)
{
    struct store_txn *t;
    if (store_write(s->all->world.store, &t) != STORE_OK)
        return false;
    if (state_put_policy(t, s->conf->name, STATE_POLICY_CHECKED,
                         bytes_of(&s->now->checked, sizeof s->now->checked)) == STORE_OK)
        return store_commit(t) == STORE_OK;
    store_abort(t);
    return false;
}

/* The primary has what we have. */
static bool confirmed(struct subscribed *s, int64_t now)
{
    bool was_expired = s->expired;
    s->told = (struct refusal){0};
    s->expired = false;
    s->now->checked = now;
    if (was_expired)
        s->all->world.changed(s->all->world.self, now);
    return store_checked(s);
}

static bool transferred(struct subscribed *s, const struct primary_result *r, int64_t now)
{
    const struct rpz_judge judge = judge_of(s, now);
    struct policy_zone *p = policy_new(r->records, &r->soa, &judge);
    struct refusal why;
    if (p)
        return offer(s, p, now);
    refuse(&why, REFUSAL_NO_MEMORY, "zone");
    refused(s, &why);
    return false;
}

static bool on_ended(void *self, const struct primary_result *r)
{
    struct subscribed *s = self;
    int64_t now = clock_wall_ms() / 1000;
    bool ok = r->end == PRIMARY_NEW         ? transferred(s, r, now)
              : r->end == PRIMARY_UNCHANGED ? confirmed(s, now)
                                            : false;
    if (r->end == PRIMARY_FAILED)
        refused(s, &r->why);
    look_at(s, now);
    set_metrics(s->all);
    return ok;
}

static void follow(struct subscribed *s)
{
    const struct primary_options options = {.loop = s->all->loop,
                                            .conf = s->conf,
                                            .zone = &s->zone,
                                            .timeout = s->all->conf->steering.fetch.timeout,
                                            .ours = ours,
                                            .ended = on_ended,
                                            .self = s};
    s->primary = primary_new(&options);
}

/* ---- start and end ---- */

struct policies *policies_new(struct ev_loop *loop, const struct conf *conf)
{
    unsigned count = conf->steering.rpz_count;
    struct policies *p = calloc(1, sizeof *p + count * sizeof *p->zone);
    if (!p)
        return NULL;
    p->loop = loop;
    p->conf = conf;
    for (; p->count < count; p->count++) {
        struct subscribed *s = &p->zone[p->count];
        s->conf = &conf->steering.rpz[p->count];
        s->all = p;
        name_from_text(bytes_str(s->conf->zone), &s->zone); /* conf.c has seen that it is one */
        name_lower(&s->zone);
    }
    return p;
}

void policies_free(struct policies **p)
{
    if (!*p)
        return;
    for (unsigned i = 0; i < (*p)->count; i++) {
        primary_free(&(*p)->zone[i].primary);
        policy_free(&(*p)->zone[i].now);
    }
    targets_free(&(*p)->targets);
    free(*p);
    *p = NULL;
}

static void warn_of(const struct conf_rpz *c)
{
    if (c->allow_special_use)
        log_warn("rpz.special-use",
                 "rpz=%s text=\"mirrors on private addresses are accepted: for tests only\"", c->name);
    if (!c->file && !c->tsig_name)
        log_warn("rpz.unsigned",
                 "rpz=%s text=\"transfers are not signed: whoever is on the way can change them\"", c->name);
}

/* What was known before counts until it is looked up again: rules are not without addresses meanwhile. */
static void start_targets(struct policies *p, struct store_txn *t)
{
    struct bytes saved;
    p->targets = p->loop ? targets_new(p->loop, p->conf, on_targets, p) : NULL;
    if (p->targets && state_get_policy(t, STATE_POLICY_ALL, STATE_POLICY_TARGETS, &saved) == STORE_OK)
        targets_load(p->targets, saved);
}

void policies_start(struct policies *p, const struct policies_world *world, int64_t now)
{
    struct store_txn *t;
    p->world = *world;
    if (p->count == 0 || store_read(world->store, &t) != STORE_OK)
        return;
    start_targets(p, t);
    for (unsigned i = 0; i < p->count; i++) {
        struct subscribed *s = &p->zone[i];
        const struct rpz_judge judge = judge_of(s, now);
        warn_of(s->conf);
        s->now = policy_load(t, s->conf->name, &judge);
        if (from_primary(s) && p->loop)
            follow(s);
        if (s->now)
            log_info("rpz.kept", "rpz=%s serial=%u sites=%zu", s->conf->name, s->now->soa.serial,
                     s->now->rules.site_count);
    }
    store_abort(t);
    want_targets(p);
    set_metrics(p);
}

void policies_watch(const struct policies *p, struct feed_watch *watch)
{
    for (unsigned i = 0; i < p->count; i++)
        if (!from_primary(&p->zone[i]))
            feed_watch_file(watch, p->zone[i].conf->file);
}

/* ---- for lists ---- */

bool policies_sources(struct policies *p, int64_t now, struct records *taken, struct view_source *out,
                      size_t *count)
{
    *count = 0;
    for (unsigned i = 0; p && i < p->count; i++) {
        struct subscribed *s = &p->zone[i];
        struct policy_zone *policy = s->next ? s->next : s->now;
        size_t live;
        if (!policy || has_expired(s, policy, now))
            continue;
        if (!policy_choose(policy, taken, &live))
            return false;
        out[(*count)++] =
            (struct view_source){s->conf->name, &policy->rules.list, policy->live, live, VIEW_POLICY};
    }
    return true;
}

static enum store_result put_targets(struct policies *p, struct store_txn *t)
{
    struct bytes saved = targets_save(p->targets);
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
        if (p->zone[i].next)
            result = policy_store(t, p->zone[i].conf->name, &p->zone[i].zone, p->zone[i].next);
    return result == STORE_OK && p && p->targets_changed ? put_targets(p, t) : result;
}
