/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging mirrors and addresses for one client: see steer_case.h. */
#include "steering/steer_case.h"

#include "steering/pick.h"

static const struct steer_word why_words[STEER_WHY_COUNT] = {
#define STEER_WHY(id, name, text) [STEER_WHY_##id] = {name, text},
#include "steering/steer_why.def"
#undef STEER_WHY
};

static const struct steer_word verdict_words[STEER_VERDICT_COUNT] = {
#define STEER_VERDICT(id, name, text) [STEER_##id] = {name, text},
#include "steering/steer_verdict.def"
#undef STEER_VERDICT
};

const struct steer_word *steer_why_word(enum steer_why why)
{
    return &why_words[why];
}

const struct steer_word *steer_verdict_word(enum steer_verdict v)
{
    return &verdict_words[v];
}

/* Without a country the client is anywhere the site is blocked: only what holds in every country counts, for
 * a mirror without ECH helps wherever SNI is not filtered. */
static void find_scope(struct steer_case *c)
{
    unsigned any = 0, every = VIEW_BLOCK_DNS | VIEW_BLOCK_IP | VIEW_BLOCK_SNI;
    const struct view_blocked *b = view_site_blocked(c->site);
    if (c->country[0])
        any = every = view_site_blocked_in(c->site, c->country);
    for (unsigned i = 0; !c->country[0] && i < c->site->blocked_count; i++) {
        any |= b[i].flags;
        every &= b[i].flags;
    }
    c->inside = any || !c->country[0];
    c->dns_only = any == VIEW_BLOCK_DNS;
    c->needs_ech = any && every & VIEW_BLOCK_SNI;
}

static bool any_has_ech(const struct view_site *s)
{
    const struct view_mirror *m = view_site_mirrors(s);
    for (unsigned i = 0; i < s->mirror_count; i++)
        if (m[i].ech_len)
            return true;
    return false;
}

static enum steer_why truth_of(const struct steer_case *c)
{
    if (c->now >= c->site->expires)
        return STEER_WHY_EXPIRED;
    if (!c->inside)
        return STEER_WHY_OUT_OF_SCOPE;
    if (c->dns_only)
        return STEER_WHY_DNS_ONLY;
    if (c->needs_ech && !any_has_ech(c->site))
        return STEER_WHY_NO_ECH;
    return STEER_WHY_NONE;
}

void steer_case_init(struct steer_case *c, const struct view_site *site, const struct health *health,
                     const struct steer_client *client, const uint8_t day_secret[32], int64_t now)
{
    *c = (struct steer_case){.site = site, .health = health, .country = client->country, .now = now};
    c->published = view_site_signed(site) && health && health_head(health)->published;
    c->fresh = health && health_is_fresh(health_head(health)->stored, now);
    c->everyone = client->everyone;
    find_scope(c);
    c->truth = truth_of(c);
    if (!c->everyone && c->truth == STEER_WHY_NONE)
        pick_seed(day_secret, &client->ip, bytes_of(site->domain.wire, site->domain.len), &c->seed);
}

enum steer_verdict steer_judge_mirror(const struct steer_case *c, const struct view_mirror *m)
{
    if (c->needs_ech && !m->ech_len)
        return STEER_NEEDS_ECH;
    if (view_mirror_blocked_in(m, c->country))
        return STEER_BLOCKED;
    if (view_mirror_health(m, view_site_list(c->site), c->country, c->now) == VIEW_HEALTH_DOWN)
        return STEER_LIST_DOWN;
    return STEER_FITS;
}

const struct health_record *steer_record(const struct steer_case *c, const struct view_mirror *m, unsigned i)
{
    return c->health ? health_at(c->health, m->address_first + i) : NULL;
}

enum steer_verdict steer_judge_address(const struct steer_case *c, const struct view_mirror *m, unsigned i)
{
    const struct health_record *r = steer_record(c, m, i);
    if (r && r->forced != HEALTH_NOT_FORCED)
        return r->forced == HEALTH_FORCED_UP ? STEER_FORCED_UP : STEER_FORCED_DOWN;
    if (c->published)
        return STEER_PUBLISHED;
    if (!r)
        return STEER_UNPROVED;
    if (r->state == HEALTH_UNKNOWN || !c->fresh)
        return r->proved ? STEER_STALE : STEER_UNPROVED;
    return r->state == HEALTH_UP ? STEER_UP : STEER_DOWN;
}

bool steer_address_good(const struct steer_case *c, enum steer_stage stage, const struct view_mirror *m,
                        unsigned i)
{
    const struct health_record *r = steer_record(c, m, i);
    if (c->published)
        return !r || r->forced != HEALTH_FORCED_DOWN;
    if (!r)
        return false;
    if (r->forced == HEALTH_NOT_FORCED && stage == STEER_EVER)
        return r->proved;
    if (r->forced == HEALTH_NOT_FORCED && stage == STEER_NOW && !c->fresh)
        return false;
    return health_usable(r, stage == STEER_BEFORE);
}

bool steer_mirror_good(const struct steer_case *c, enum steer_stage stage, const struct view_mirror *m)
{
    if (stage == STEER_EVER ? c->needs_ech && !m->ech_len : steer_judge_mirror(c, m) != STEER_FITS)
        return false;
    for (unsigned i = 0; i < m->address_count; i++)
        if (steer_address_good(c, stage, m, i))
            return true;
    return false;
}

double steer_score(const struct steer_case *c, const struct view_mirror *m)
{
    return c->everyone ? m->weight : pick_score(&c->seed, bytes_str(m->id), m->weight);
}
