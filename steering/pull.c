/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One list's update as a machine of steps: see pull.h. Feeds that answer at once are read in a loop, others
 * let it go on when their answer comes. */
#include "steering/pull.h"

#include <limits.h>
#include <stdio.h>

#include "data/base/clock.h"
#include "data/base/hash.h"
#include "data/base/log.h"
#include "steering/feed_file.h"

/* Roots read from a URL at a time; the walk goes on with the next update. The longest pause, in ms. */
enum { ROOTS_MAX = 32, PAUSE_MAX = 15 * 60 * 1000 };

static void run(struct pull *p);

void pull_init(struct pull *p, const struct pull_world *world, struct subscription *s)
{
    *p = (struct pull){.world = world, .s = s};
}

void pull_fini(struct pull *p)
{
    feed_cancel(&p->get);
    documents_free(&p->documents);
    offer_drop(&p->offer);
    p->running = false;
}

/* From one URL to the next */

static const char *url_of(const struct pull *p)
{
    return p->s->conf->urls[p->at];
}

static void begin_url(struct pull *p)
{
    documents_free(&p->documents);
    p->step = PULL_ROOT;
    p->roots = 0;
    p->etag[0] = '\0';
}

/* Servers that failed are passed over while they have their pause. */
static void next_url(struct pull *p)
{
    int64_t now = clock_mono_ms();
    while (++p->at < p->s->conf->url_count && p->url[p->at].not_before > now)
        ;
    begin_url(p);
}

static void deliver(struct pull *p)
{
    if (p->offer.root || p->offer.documents)
        p->world->found(p->world->self, p->s, &p->offer, p->now);
    offer_drop(&p->offer);
}

static void judge_again(struct pull *p)
{
    struct judge judge = {.guard = p->world->guard, .now = p->now};
    if (!p->offer.root || store_read(p->world->store, &judge.t) != STORE_OK)
        return;
    subscription_judge_again(p->s, &judge, &p->offer);
    store_abort(judge.t);
}

static void finish(struct pull *p)
{
    documents_free(&p->documents);
    judge_again(p);
    deliver(p);
    p->running = false;
    p->world->ended(p->world->self, p->s, p->now);
}

/* The pause doubles from one poll's length on; a fifth more or less, so that a fleet of resolvers does not
 * come back in one wave. */
static void pause_url(struct pull *p, struct pull_url *u)
{
    uint64_t poll = p->world->conf->steering.poll, most = poll > PAUSE_MAX ? poll : PAUSE_MAX;
    uint64_t pause = poll << (u->failures < 10 ? u->failures : 10);
    u->failures++;
    pause = pause < most ? pause : most;
    u->not_before = clock_mono_ms() + (int64_t)(pause * 4 / 5 + random_below((uint32_t)(pause * 2 / 5) + 1));
}

static void fail_url(struct pull *p, const char *what, const struct refusal *why)
{
    struct pull_url *u = &p->url[p->at];
    u->etag[0] = '\0';
    subscription_refused(p->s, p->at, what, why);
    if (!feed_is_file(url_of(p)))
        pause_url(p, u);
    next_url(p);
}

/* A good list */

static bool is_old(const struct pull *p, int64_t issued)
{
    return issued + (int64_t)(p->world->conf->steering.old_after / 1000) < p->now;
}

/* Its URL has a list that we take, or have. */
static void settle(struct pull *p, int64_t issued)
{
    struct pull_url *u = &p->url[p->at];
    struct refusal why;
    char text[TIME_TEXT_MAX];
    u->failures = 0;
    u->not_before = 0;
    deliver(p);
    if (!is_old(p, issued)) {
        p->s->told[p->at] = (struct refusal){.why = REFUSAL_NONE};
        finish(p);
        return;
    }
    time_format(issued, text);
    refuse(&why, REFUSAL_FROZEN, "list.json: issued %s", text);
    subscription_refused(p->s, p->at, "list", &why);
    next_url(p);
}

static void keep_etag(struct pull *p, const uint8_t sha256[32])
{
    struct pull_url *u = &p->url[p->at];
    memcpy(u->etag, p->etag, sizeof u->etag);
    memcpy(u->etag_list, sha256, sizeof u->etag_list);
}

static void settle_unchanged(struct pull *p)
{
    if (p->etag[0])
        keep_etag(p, p->s->floor.list_sha256);
    settle(p, p->s->documents->result.list.issued);
}

static void settle_new(struct pull *p)
{
    int64_t issued = p->documents->result.list.issued;
    keep_etag(p, p->documents->result.floor.list_sha256);
    p->offer.documents = p->documents;
    p->documents = NULL;
    settle(p, issued);
}

static void finish_list(struct pull *p)
{
    struct refusal why = {.why = REFUSAL_NO_MEMORY};
    struct judge judge = {.guard = p->world->guard, .now = p->now};
    bool good = store_read(p->world->store, &judge.t) == STORE_OK;
    if (good) {
        good = subscription_finish(p->s, &judge, &p->offer, p->documents, &why);
        store_abort(judge.t);
    }
    if (good)
        settle_new(p);
    else
        fail_url(p, "list", &why);
}

/* Steps */

static void take_root(struct pull *p, const struct feed_result *r)
{
    struct refusal why = r->why;
    if (r->end == FEED_GOT && subscription_next_root(p->s, r->body, &p->offer, &why)) {
        if (++p->roots == ROOTS_MAX)
            p->step = PULL_LIST;
        return;
    }
    p->step = PULL_LIST;
    if (r->end == FEED_ABSENT)
        return;
    /* Without an answer there is no use in asking on; a root that is not to be believed ends the walk only.
     */
    if (r->end == FEED_FAILED && why.why != REFUSAL_TOO_LARGE)
        fail_url(p, "root", &why);
    else
        subscription_refused(p->s, p->at, "root", &why);
}

/* What we have may have expired by now: a server that has nothing newer is no good, however short it says it.
 */
static void take_same(struct pull *p)
{
    struct refusal why;
    if (p->s->documents->result.list.expires > p->now) {
        settle_unchanged(p);
        return;
    }
    refuse(&why, REFUSAL_EXPIRED, "list.json: expires");
    fail_url(p, "list", &why);
}

static void take_list(struct pull *p, const struct feed_result *r)
{
    struct refusal why = r->why;
    struct judge judge = {.guard = p->world->guard, .now = p->now};
    if (r->end == FEED_SAME) {
        take_same(p);
        return;
    }
    p->documents->list = r->body;
    memcpy(p->etag, r->etag, sizeof p->etag);
    if (r->end != FEED_GOT || !subscription_open(p->s, &judge, &p->offer, p->documents, &why)) {
        fail_url(p, "list", &why);
        return;
    }
    if (p->documents->result.unchanged) {
        settle_unchanged(p);
        return;
    }
    p->step = PULL_DELEGATIONS;
    struct bytes ours = subscription_delegations(p->s, p->documents);
    if (!ours.data)
        return;
    p->documents->delegations = arena_copy(&p->documents->arena, ours);
    finish_list(p);
}

static void take_delegations(struct pull *p, const struct feed_result *r)
{
    p->documents->delegations = r->body;
    if (r->end == FEED_GOT)
        finish_list(p);
    else
        fail_url(p, "list", &r->why);
}

static void take(struct pull *p, const struct feed_result *r)
{
    if (p->step == PULL_ROOT)
        take_root(p, r);
    else if (p->step == PULL_LIST)
        take_list(p, r);
    else
        take_delegations(p, r);
}

static void on_result(void *self, const struct feed_result *r)
{
    take(self, r);
    run(self);
}

/* What is asked for next. */
static struct feed_request request_of(struct pull *p, char name[ROOT_FILE_NAME])
{
    const struct pull_url *u = &p->url[p->at];
    struct feed_request r = {
        .url = url_of(p), .name = name, .arena = &p->documents->arena, .done = on_result, .self = p};
    if (p->step == PULL_ROOT) {
        root_file_name(subscription_root(p->s, &p->offer)->version + 1, name);
        r.max = ROOT_SIZE_MAX;
    } else if (p->step == PULL_LIST) {
        strcpy(name, "list.json");
        r.max = LIST_SIZE_MAX;
        /* Only while what its server calls the same is what we have, under the root we have. */
        bool ours = p->s->documents && !p->offer.root &&
                    memcmp(u->etag_list, p->s->floor.list_sha256, sizeof u->etag_list) == 0;
        r.etag = ours ? u->etag : NULL;
    } else {
        strcpy(name, "delegations.json");
        r.max = DELEGATIONS_SIZE_MAX;
    }
    return r;
}

/* True: *out is there; false: it comes later, or there is nothing more to ask for. */
static bool ask(struct pull *p, struct feed_result *out)
{
    if (p->at >= p->s->conf->url_count || (!p->documents && !(p->documents = documents_new()))) {
        finish(p);
        return false;
    }
    struct feed_request r = request_of(p, p->name);
    return feed_start(p->world->feeds, &p->get, &r, out);
}

static void run(struct pull *p)
{
    struct feed_result result;
    while (p->running && ask(p, &result))
        take(p, &result);
    int64_t again = p->again;
    p->again = p->running ? again : 0;
    if (!p->running && again)
        pull_start(p, again, true);
}

static bool changed(struct pull *p)
{
    bool any = false;
    for (unsigned i = 0; i < p->s->conf->url_count && i < SUBSCRIPTION_URLS_MAX; i++) {
        uint64_t now = feed_mark(p->s->conf->urls[i], p->s->root->root.version);
        any = any || now != p->url[i].seen;
        p->url[i].seen = now;
    }
    return any;
}

void pull_start(struct pull *p, int64_t now, bool all)
{
    if (!p->s->root || (!changed(p) && !all))
        return;
    if (p->running) {
        p->again = now;
        return;
    }
    p->running = true;
    p->now = now;
    p->at = UINT_MAX;
    next_url(p);
    run(p);
}
