/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decision: see steer.h. The question's type says only which records are shown, never which mirrors: a
 * browser joins A, AAAA and HTTPS of a name, so all three must speak of the same machines. */
#include "steering/steer.h"

#include <inttypes.h>
#include <stdio.h>

#include "data/dns/svcb.h"
#include "steering/pick.h"

enum { TTL_MIN = 5, TTL_MAX = 300, SECONDS_A_DAY = 86400 };

static bool type_is_ours(uint16_t type)
{
    return type == DNS_A || type == DNS_AAAA || type == DNS_HTTPS;
}

/* What the client's blocks mean for the answer. */
struct scope {
    bool inside;
    bool dns_only;  /* an honest answer is all it takes */
    bool needs_ech; /* the name is read off the handshake */
};

/* Without a country the client is anywhere the site is blocked: only what holds in every country counts, for
 * a mirror without ECH helps wherever SNI is not filtered. */
static struct scope scope_of(const struct view_site *s, const char country[3])
{
    unsigned any = 0, every = VIEW_BLOCK_DNS | VIEW_BLOCK_IP | VIEW_BLOCK_SNI;
    if (country[0]) {
        any = every = view_site_blocked_in(s, country);
        if (!any)
            return (struct scope){.inside = false};
    }
    const struct view_blocked *b = view_site_blocked(s);
    for (unsigned i = 0; !country[0] && i < s->blocked_count; i++) {
        any |= b[i].flags;
        every &= b[i].flags;
    }
    return (struct scope){
        .inside = true, .dns_only = any == VIEW_BLOCK_DNS, .needs_ech = any && every & VIEW_BLOCK_SNI};
}

static bool mirror_usable(const struct view_mirror *m, const struct view_list *l, const char country[3],
                          int64_t now)
{
    return !view_mirror_blocked_in(m, country) && view_mirror_health(m, l, country, now) != VIEW_HEALTH_DOWN;
}

/* What the choice among a site's mirrors depends on. */
struct choice {
    const struct view_site *site;
    const char *country;
    int64_t now;
    bool needs_ech;
    struct hash_key seed;
};

/* The best among the mirrors; whatever their health where all_down says so. */
static void pick_mirrors(const struct choice *c, bool healthy, struct pick *out)
{
    const struct view_mirror *m = view_site_mirrors(c->site);
    pick_init(out, c->site->answers);
    for (unsigned i = 0; i < c->site->mirror_count; i++) {
        if (c->needs_ech && !m[i].ech_len)
            continue;
        if (healthy && !mirror_usable(&m[i], view_site_list(c->site), c->country, c->now))
            continue;
        pick_offer(out, &m[i], pick_score(&c->seed, bytes_str(m[i].id), m[i].weight));
    }
}

/* An HTTPS record has one ECH key, and a server that lacks it is a hard failure: a second mirror with another
 * key, or with none, is left out. */
static bool goes_with(const struct view_mirror *best, const struct view_mirror *next)
{
    return bytes_equal(view_mirror_ech(best), view_mirror_ech(next));
}

static void add_first_of_family(const struct view_mirror *m, uint8_t len, struct steer_decision *out)
{
    const struct ip *ip = view_mirror_addresses(m);
    for (unsigned i = 0; i < m->address_count; i++)
        if (ip[i].len == len) {
            out->address[out->address_count++] = ip[i];
            return;
        }
}

static void take_mirrors(const struct pick *p, enum steer_why why, struct steer_decision *out)
{
    out->outcome = STEER_MIRRORS;
    out->why = why;
    for (unsigned i = 0; i < p->count; i++) {
        const struct view_mirror *m = p->best[i].what;
        if (i > 0 && !goes_with(out->mirror[0], m))
            break;
        out->mirror[out->mirror_count++] = m;
        add_first_of_family(m, 4, out);
        add_first_of_family(m, 16, out);
    }
}

static void decide_all_down(const struct choice *c, struct steer_decision *out)
{
    struct pick p;
    out->why = STEER_WHY_ALL_DOWN;
    switch ((enum view_all_down)c->site->all_down) {
    case VIEW_MIRRORS:
        pick_mirrors(c, false, &p);
        take_mirrors(&p, STEER_WHY_ALL_DOWN, out);
        break;
    case VIEW_NODATA:
        out->outcome = STEER_NODATA;
        break;
    case VIEW_ORIGIN:
        out->outcome = STEER_TRUTH;
        break;
    }
}

static bool any_has_ech(const struct view_site *s)
{
    const struct view_mirror *m = view_site_mirrors(s);
    for (unsigned i = 0; i < s->mirror_count; i++)
        if (m[i].ech_len)
            return true;
    return false;
}

/* Why the truth is the answer whatever the mirrors are; NONE if it is not. */
static enum steer_why truth_first(const struct view_site *s, const struct scope *scope, int64_t now)
{
    if (now >= s->expires)
        return STEER_WHY_EXPIRED;
    if (!scope->inside)
        return STEER_WHY_OUT_OF_SCOPE;
    if (scope->dns_only)
        return STEER_WHY_DNS_ONLY;
    if (scope->needs_ech && !any_has_ech(s))
        return STEER_WHY_NO_ECH;
    return STEER_WHY_NONE;
}

static uint32_t ttl_of(const struct view_site *s)
{
    return s->ttl < TTL_MIN ? TTL_MIN : s->ttl > TTL_MAX ? TTL_MAX : s->ttl;
}

void steer_decide(const struct view *v, const struct dns_name *name, uint16_t type,
                  const struct steer_client *client, const uint8_t day_secret[32], int64_t now,
                  struct steer_decision *out)
{
    *out = (struct steer_decision){.outcome = STEER_NOT_OURS};
    const struct view_site *s = type_is_ours(type) ? view_find(v, name) : NULL;
    if (!s)
        return;
    out->site = s;
    out->list = view_site_list(s);
    out->ttl = ttl_of(s);
    struct scope scope = scope_of(s, client->country);
    out->why = truth_first(s, &scope, now);
    if (out->why != STEER_WHY_NONE) {
        out->outcome = STEER_TRUTH;
        return;
    }
    struct choice c = {.site = s, .country = client->country, .now = now, .needs_ech = scope.needs_ech};
    struct pick p;
    pick_seed(day_secret, &client->ip, bytes_of(s->domain.wire, s->domain.len), &c.seed);
    pick_mirrors(&c, true, &p);
    if (p.count)
        take_mirrors(&p, STEER_WHY_PICKED, out);
    else
        decide_all_down(&c, out);
}

void steer_day_secret(const uint8_t master[32], int64_t now, uint8_t out[32])
{
    uint8_t day[8];
    put_u32(day, (uint32_t)(now / SECONDS_A_DAY >> 32));
    put_u32(day + 4, (uint32_t)(now / SECONDS_A_DAY));
    pick_hmac(master, bytes_of(day, sizeof day), out);
}

static bool speaks(const struct view_mirror *m, const char *protocol)
{
    for (unsigned i = 0; i < m->alpn_count; i++)
        if (strcmp(m->alpn[i], protocol) == 0)
            return true;
    return false;
}

/* The record stands for every address in it: only what all picked mirrors speak is said. */
static void common_alpn(const struct steer_decision *d, const char *out[VIEW_ALPN_MAX + 1])
{
    unsigned n = 0;
    for (unsigned i = 0; i < d->mirror[0]->alpn_count; i++)
        if (d->mirror_count < 2 || speaks(d->mirror[1], d->mirror[0]->alpn[i]))
            out[n++] = d->mirror[0]->alpn[i];
    out[n] = NULL;
}

static void add_https(struct answer_builder *b, const struct steer_decision *d)
{
    const struct view_mirror *best = d->mirror[0];
    const char *alpn[VIEW_ALPN_MAX + 1];
    common_alpn(d, alpn);
    struct svcb s = {
        .priority = 1,
        .alpn = alpn[0] ? alpn : NULL,
        .port = best->port == 443 ? 0 : best->port,
        .hints = d->address,
        .hint_count = d->address_count,
        .ech = view_mirror_ech(best),
    };
    uint8_t rdata[VIEW_ECH_MAX + 512];
    struct writer w = writer_of(rdata, sizeof rdata);
    svcb_write(&w, &s);
    answer_add(b, DNS_ANSWER, NULL, DNS_HTTPS, d->ttl, writer_done(&w));
}

static void add_addresses(struct answer_builder *b, const struct steer_decision *d, uint16_t type)
{
    uint8_t len = type == DNS_A ? 4 : 16;
    for (unsigned i = 0; i < d->address_count; i++)
        if (d->address[i].len == len)
            answer_add(b, DNS_ANSWER, NULL, type, d->ttl, bytes_of(d->address[i].addr, len));
}

static bool has_records(const struct steer_decision *d, uint16_t type)
{
    if (d->outcome != STEER_MIRRORS || d->mirror_count == 0)
        return false;
    for (unsigned i = 0; i < d->address_count; i++)
        if (type == DNS_HTTPS || d->address[i].len == (type == DNS_A ? 4 : 16))
            return true;
    return false;
}

size_t steer_answer(const struct steer_decision *d, const struct dns_query *q, int64_t now, uint8_t *block,
                    size_t cap)
{
    struct answer_builder b;
    bool any = has_records(d, q->type);
    answer_begin(&b, q, DNS_NOERROR, any ? ANSWER_STEERED : ANSWER_STEERED | ANSWER_NEGATIVE, block, cap);
    if (!any)
        answer_add_soa(&b, &d->site->domain, d->ttl);
    else if (q->type == DNS_HTTPS)
        add_https(&b, d);
    else
        add_addresses(&b, d, q->type);
    return answer_end(&b, (uint32_t)now);
}

void steer_note(const struct steer_decision *d, char out[96])
{
    snprintf(out, 96, "list %.60s version %" PRIu64, d->list->name, d->list->version);
}
