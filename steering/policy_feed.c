/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One subscribed policy zone: see policy_feed.h. */
#include "steering/policy_feed.h"

#include "data/base/clock.h"
#include "data/base/file.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "steering/feed_file.h"
#include "steering/primary.h"
#include "steering/state.h"

enum { COUNTS_TEXT_MAX = 512, EXPIRE_MAX = 30 * 86400 };

static bool resolve(void *self, const struct dns_name *target, struct ip *out, unsigned *count)
{
    return targets_get(self, target, out, count);
}

static struct rpz_judge judge_of(const struct policy_feed *f, int64_t now)
{
    return (struct rpz_judge){.zone = &f->zone,
                              .guard = f->world->guard,
                              .allow_special_use = f->conf->allow_special_use,
                              .now = now,
                              .resolve = f->world->targets ? resolve : NULL,
                              .self = f->world->targets};
}

static bool from_primary(const struct policy_feed *f)
{
    return f->conf->file == NULL;
}

/* ---- telling ---- */

static void refused(struct policy_feed *f, const struct refusal *why)
{
    metric_count(METRIC_RPZ_REFUSED);
    metric_refusal(why->why);
    if (why->why == f->told.why && strcmp(why->where, f->told.where) == 0)
        return;
    f->told = *why;
    log_warn("rpz.refused", "rpz=%s why=%s at=\"%s\" text=\"%s\"", f->conf->name, refusal_name(why->why),
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
static void tell(const struct policy_feed *f, const struct rpz_rules *r, const struct rpz_rules *before)
{
    char counts[COUNTS_TEXT_MAX];
    count_refusals(r, before, counts);
    log_info(before ? "rpz.targets" : "rpz.accepted",
             "rpz=%s serial=%llu sites=%zu passed=%zu waiting=%zu refused=%zu why=\"%s\" first=\"%s\"",
             f->conf->name, (unsigned long long)r->list.version, r->site_count, r->passed_count, r->waiting,
             r->refused_count, counts, r->first.where);
}

/* ---- changes ---- */

/* Takes p in the place of what is believed; false, and all stays, if it could not be stored. */
static bool replace(struct policy_feed *f, struct policy_zone *p, int64_t now)
{
    f->next = p;
    bool stored = f->world->changed(f->world->self, now);
    f->next = NULL;
    if (!stored) {
        policy_free(&p);
        return false;
    }
    policy_free(&f->now);
    f->now = p;
    f->world->taken(f->world->self);
    return true;
}

static bool offer(struct policy_feed *f, struct policy_zone *p, int64_t now)
{
    if (!replace(f, p, now))
        return false;
    f->expired = false;
    f->told = (struct refusal){0};
    metric_count(METRIC_RPZ_LOADED);
    tell(f, &f->now->rules, NULL);
    return true;
}

void policy_feed_judge_again(struct policy_feed *f, int64_t now)
{
    if (!f->now || !f->now->rules.target_count)
        return;
    const struct rpz_judge judge = judge_of(f, now);
    struct rpz_rules before = f->now->rules;
    struct records *records = records_copy(f->now->records);
    struct policy_zone *p = records ? policy_new(records, &f->now->soa, &judge) : NULL;
    if (!p)
        return;
    p->checked = f->now->checked;
    if (replace(f, p, now))
        tell(f, &f->now->rules, &before);
}

static void read_file(struct policy_feed *f, int64_t now)
{
    struct refusal why;
    uint64_t seen = file_mark(f->conf->file, 0);
    if (seen == f->seen)
        return;
    const struct rpz_judge judge = judge_of(f, now);
    struct policy_zone *p = policy_read_file(f->conf->file, &judge, &why);
    /* What could not be stored is read again the next time. */
    if (!p)
        refused(f, &why);
    if (!p || offer(f, p, now))
        f->seen = seen;
}

/* Not before it could be asked for twice. */
static bool has_expired(const struct policy_feed *f, const struct policy_zone *p, int64_t now)
{
    int64_t expire = p->soa.expire < EXPIRE_MAX ? p->soa.expire : EXPIRE_MAX;
    int64_t least = 2 * (int64_t)(f->conf->refresh_min / 1000);
    return from_primary(f) && p->checked + (expire > least ? expire : least) <= now;
}

void policy_feed_look(struct policy_feed *f, int64_t now)
{
    if (!from_primary(f))
        read_file(f, now);
    else if (f->now && !f->expired && has_expired(f, f->now, now)) {
        f->expired = true;
        log_error("rpz.expired", "rpz=%s serial=%u text=\"its primary has not confirmed it for too long\"",
                  f->conf->name, f->now->soa.serial);
        f->world->changed(f->world->self, now);
    }
}

/* ---- transfers ---- */

static const struct records *ours(void *self, struct soa *soa)
{
    const struct policy_feed *f = self;
    if (!f->now)
        return NULL;
    *soa = f->now->soa;
    return f->now->records;
}

static bool store_checked(struct policy_feed *f)
{
    struct store_txn *t;
    if (store_write(f->world->store, &t) != STORE_OK)
        return false;
    if (state_put_policy(t, f->conf->name, STATE_POLICY_CHECKED,
                         bytes_of(&f->now->checked, sizeof f->now->checked)) == STORE_OK)
        return store_commit(t) == STORE_OK;
    store_abort(t);
    return false;
}

/* The primary has what we have. */
static bool confirmed(struct policy_feed *f, int64_t now)
{
    bool was_expired = f->expired;
    f->told = (struct refusal){0};
    f->expired = false;
    f->now->checked = now;
    if (was_expired)
        f->world->changed(f->world->self, now);
    return store_checked(f);
}

static bool transferred(struct policy_feed *f, const struct transfer_result *r, int64_t now)
{
    const struct rpz_judge judge = judge_of(f, now);
    struct policy_zone *p = policy_new(r->records, &r->soa, &judge);
    struct refusal why;
    if (p)
        return offer(f, p, now);
    refuse(&why, REFUSAL_NO_MEMORY, "zone");
    refused(f, &why);
    return false;
}

static bool on_ended(void *self, const struct transfer_result *r)
{
    struct policy_feed *f = self;
    int64_t now = clock_wall_ms() / 1000;
    bool ok = r->end == TRANSFER_NEW         ? transferred(f, r, now)
              : r->end == TRANSFER_UNCHANGED ? confirmed(f, now)
                                             : false;
    if (r->end == TRANSFER_FAILED)
        refused(f, &r->why);
    policy_feed_look(f, now);
    f->world->taken(f->world->self);
    return ok;
}

static void follow(struct policy_feed *f)
{
    const struct primary_options options = {.loop = f->world->loop,
                                            .conf = f->conf,
                                            .zone = &f->zone,
                                            .timeout = f->world->conf->steering.fetch.timeout,
                                            .ours = ours,
                                            .ended = on_ended,
                                            .self = f};
    f->primary = primary_new(&options);
}

/* ---- start and end ---- */

static void warn_of(const struct conf_rpz *c)
{
    if (c->allow_special_use)
        log_warn("rpz.special-use",
                 "rpz=%s text=\"mirrors on private addresses are accepted: for tests only\"", c->name);
    if (!c->file && !c->tsig_name)
        log_warn("rpz.unsigned",
                 "rpz=%s text=\"transfers are not signed: whoever is on the way can change them\"", c->name);
}

void policy_feed_init(struct policy_feed *f, const struct conf_rpz *conf, const struct policy_world *world)
{
    *f = (struct policy_feed){.conf = conf, .world = world};
    name_from_text(bytes_str(conf->zone), &f->zone); /* conf.c has seen that it is one */
    name_lower(&f->zone);
}

void policy_feed_fini(struct policy_feed *f)
{
    primary_free(&f->primary);
    policy_free(&f->now);
}

void policy_feed_start(struct policy_feed *f, struct store_txn *t, int64_t now)
{
    const struct rpz_judge judge = judge_of(f, now);
    warn_of(f->conf);
    f->now = policy_load(t, f->conf->name, &judge);
    if (f->now)
        log_info("rpz.kept", "rpz=%s serial=%u sites=%zu", f->conf->name, f->now->soa.serial,
                 f->now->rules.site_count);
    if (from_primary(f) && f->world->loop)
        follow(f);
}

/* ---- for snapshots ---- */

struct policy_zone *policy_feed_zone(const struct policy_feed *f, int64_t now)
{
    struct policy_zone *zone = f->next ? f->next : f->now;
    return zone && !has_expired(f, zone, now) ? zone : NULL;
}

enum store_result policy_feed_put(const struct policy_feed *f, struct store_txn *t)
{
    return f->next ? policy_store(t, f->conf->name, &f->zone, f->next) : STORE_OK;
}
