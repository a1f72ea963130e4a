/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decision: see steer.h. The question's type says only which records are shown, never which mirrors: a
 * browser joins A, AAAA and HTTPS of a name, so all three must speak of the same machines. */
#include "steering/steer.h"

#include "steering/pick.h"

enum { SECONDS_A_DAY = 86400 };

static bool type_is_ours(uint16_t type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_HTTPS;
}

/* Not longer than until that address' state may change. */
static void lower_ttl(const struct steer_case *c, const struct view_mirror *m, unsigned i,
                      struct steer_decision *out)
{
    const struct health_record *r = steer_record(c, m, i);
    uint32_t ttl = r ? health_ttl(health_head(c->health), r) : UINT32_MAX;
    if (ttl < out->ttl)
        out->ttl = ttl < STEER_TTL_MIN ? STEER_TTL_MIN : ttl;
}

/* An HTTPS record has one ECH key, and a server that lacks it is a hard failure: a second mirror with another
 * key, or with none, is left out. */
static bool goes_with(const struct view_mirror *best, const struct view_mirror *next)
{
    return bytes_equal(view_mirror_ech(best), view_mirror_ech(next));
}

static void add_first_of_family(const struct steer_case *c, enum steer_stage stage, uint8_t len,
                                struct steer_decision *out)
{
    unsigned at = out->mirror_count - 1;
    const struct view_mirror *m = out->mirror[at];
    const struct ip *ip = view_mirror_addresses(m);
    for (unsigned i = 0; i < m->address_count; i++) {
        if (ip[i].len != len || !steer_address_good(c, stage, m, i))
            continue;
        const struct health_record *r = steer_record(c, m, i);
        out->address[out->address_count++] = ip[i];
        out->negotiated[at] &= r ? r->alpn : 0;
        lower_ttl(c, m, i, out);
        return;
    }
}

/* The best of the mirrors that are good at that stage. False if there is none. */
static bool pick_mirrors(const struct steer_case *c, enum steer_stage stage, enum steer_why why,
                         struct steer_decision *out)
{
    struct pick p;
    const struct view_mirror *m = view_site_mirrors(c->site);
    pick_init(&p, c->site->answers);
    for (unsigned i = 0; i < c->site->mirror_count; i++)
        if (steer_mirror_good(c, stage, &m[i]))
            pick_offer(&p, &m[i], steer_score(c, &m[i]));
    for (unsigned i = 0; i < p.count; i++) {
        if (i > 0 && !goes_with(out->mirror[0], p.best[i].what))
            break;
        out->negotiated[out->mirror_count] = HEALTH_ALPN_H2 | HEALTH_ALPN_HTTP11;
        out->mirror[out->mirror_count++] = p.best[i].what;
        add_first_of_family(c, stage, 4, out);
        add_first_of_family(c, stage, 16, out);
    }
    out->outcome = STEER_MIRRORS;
    out->why = why;
    return p.count;
}

/* Any address that comes up changes this answer. */
static void decide_all_down(const struct steer_case *c, struct steer_decision *out)
{
    const struct view_mirror *m = view_site_mirrors(c->site);
    for (unsigned i = 0; i < c->site->mirror_count; i++)
        for (unsigned k = 0; k < m[i].address_count; k++)
            lower_ttl(c, &m[i], k, out);
    if (c->site->all_down == VIEW_MIRRORS && pick_mirrors(c, STEER_EVER, STEER_WHY_ALL_DOWN, out))
        return;
    out->outcome = c->site->all_down == VIEW_NODATA ? STEER_NODATA : STEER_TRUTH;
    out->why = STEER_WHY_ALL_DOWN;
}

static bool uplink_is_dead(const struct health *h)
{
    return h && health_head(h)->uplink == HEALTH_UPLINK_DEAD;
}

void steer_case_decide(const struct steer_case *c, struct steer_decision *out)
{
    const struct view_site *s = c->site;
    *out = (struct steer_decision){.outcome = STEER_TRUTH, .site = s, .list = view_site_list(s)};
    out->ttl = s->ttl < STEER_TTL_MIN ? STEER_TTL_MIN : s->ttl > STEER_TTL_MAX ? STEER_TTL_MAX : s->ttl;
    out->why = c->truth;
    if (out->why != STEER_WHY_NONE)
        return;
    if (pick_mirrors(c, STEER_NOW, STEER_WHY_PICKED, out))
        return;
    if (uplink_is_dead(c->health) && pick_mirrors(c, STEER_BEFORE, STEER_WHY_LAST_GOOD, out))
        return;
    decide_all_down(c, out);
}

const struct view_site *steer_find(const struct view *v, const struct dns_name *name, uint16_t type)
{
    return type_is_ours(type) ? view_find(v, name) : NULL;
}

void steer_decide(const struct view *v, const struct health *health, const struct dns_name *name,
                  uint16_t type, const struct steer_client *client, const uint8_t day_secret[32], int64_t now,
                  struct steer_decision *out)
{
    struct steer_case c;
    const struct view_site *s = steer_find(v, name, type);
    if (!s) {
        *out = (struct steer_decision){.outcome = STEER_NOT_OURS};
        return;
    }
    steer_case_init(&c, s, health, client, day_secret, now);
    steer_case_decide(&c, out);
}

void steer_day_secret(const uint8_t master[32], int64_t now, uint8_t out[32])
{
    uint8_t day[8];
    put_u32(day, (uint32_t)(now / SECONDS_A_DAY >> 32));
    put_u32(day + 4, (uint32_t)(now / SECONDS_A_DAY));
    pick_hmac(master, bytes_of(day, sizeof day), out);
}
