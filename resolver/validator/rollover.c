/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 5011's table of states, a reply at a time: see rollover.h. */
#include "resolver/validator/rollover.h"

struct update {
    struct rollover *r;
    const struct anchors *configured;
    const struct dns_name *zone;
    struct bench *bench;
    int64_t now;
    struct rollover_news *news;
};

static struct bytes rdata_of(const struct rollover_key *k)
{
    return bytes_of(k->rdata, k->len);
}

static bool is_trusted(const struct rollover_key *k)
{
    return k->state == ROLLOVER_VALID || k->state == ROLLOVER_MISSING;
}

/* Without the bit for revoked, as keys are kept; false if it does not fit. */
static bool plain_rdata(struct bytes rdata, uint8_t out[ROLLOVER_RDATA_MAX])
{
    if (rdata.len < KEY_RDATA_MIN || rdata.len > ROLLOVER_RDATA_MAX)
        return false;
    memcpy(out, rdata.data, rdata.len);
    put_u16(out, get_u16(out) & (uint16_t)~KEY_REVOKED);
    return true;
}

static struct rollover_key *find(const struct update *u, struct bytes rdata)
{
    uint8_t plain[ROLLOVER_RDATA_MAX];
    if (!plain_rdata(rdata, plain))
        return NULL;
    for (unsigned i = 0; i < u->r->count; i++) {
        struct rollover_key *k = &u->r->key[i];
        if (name_equal(&k->zone, u->zone) && bytes_equal(rdata_of(k), bytes_of(plain, rdata.len)))
            return k;
    }
    return NULL;
}

static void note(const struct update *u, const char *what, struct bytes rdata)
{
    u->news->changed = true;
    if (u->news->count == ROLLOVER_KEYS)
        return;
    u->news->event[u->news->count].what = what;
    u->news->event[u->news->count++].tag = key_tag(rdata);
}

static void enter(const struct update *u, struct rollover_key *k, enum rollover_state state, const char *what)
{
    k->state = state;
    k->since = u->now;
    note(u, what, rdata_of(k));
}

static void forget(const struct update *u, struct rollover_key *k)
{
    note(u, "removed", rdata_of(k));
    *k = u->r->key[--u->r->count];
}

/* Keys that begin a chain: a zone's, with the SEP bit (2), of an algorithm that can be checked. */
static bool may_anchor(const struct key *k)
{
    return k->flags & KEY_ZONE && k->flags & KEY_SEP && k->protocol == 3 && key_supported(k->algorithm);
}

static bool is_configured(const struct update *u, const struct key *k)
{
    const struct anchor *a;
    for (unsigned i = 0; (a = anchors_next(u->configured, u->zone, &i));)
        if (anchor_is(a, &u->bench->verifier.crypto, k))
            return true;
    return false;
}

/* A key that says of itself that it is revoked, and signs it (2.1): nobody else need agree. */
static void take_revoked(const struct update *u, const struct rrset *set)
{
    for (uint16_t i = set->rr; i != RRSET_END; i = u->bench->sets.item[i].next) {
        struct key k;
        struct verified v;
        struct budget budget = BUDGET_FULL;
        struct bytes rdata = u->bench->sets.item[i].rr.rdata;
        struct rollover_key *known = find(u, rdata);
        if (!known || known->state == ROLLOVER_REVOKED || !key_init(&k, rdata) || !(k.flags & KEY_REVOKED))
            continue;
        if (verify_set(&u->bench->verifier, &budget, &u->bench->sets, set, u->zone, &k, 1, (uint32_t)u->now,
                       &v) == REASON_OK)
            enter(u, known, ROLLOVER_REVOKED, "revoked");
        key_fini(&k);
    }
}

/* The keys of the set that are trusted: followed, or configured and not revoked. */
static unsigned list_trusted(const struct update *u, const struct rrset *set, struct bytes *out)
{
    unsigned n = 0;
    for (uint16_t i = set->rr; i != RRSET_END && n < VERIFY_KEYS_MAX; i = u->bench->sets.item[i].next) {
        struct key k;
        struct bytes rdata = u->bench->sets.item[i].rr.rdata;
        const struct rollover_key *known = find(u, rdata);
        if (known ? is_trusted(known) : key_init(&k, rdata) && is_configured(u, &k))
            out[n++] = rdata;
    }
    return n;
}

/* The keys as the trusted ones sign them; NULL if they do not. */
static struct zone *validate(const struct update *u, const struct rrset *set, uint32_t *ttl)
{
    struct bytes trusted[VERIFY_KEYS_MAX];
    struct ds_list none = {0};
    struct trust trust = {&none, trusted, list_trusted(u, set, trusted)};
    struct link_verdict verdict;
    struct zone *z = judge_keys(u->bench, u->zone, &trust, (uint32_t)u->now, &verdict);
    *ttl = verdict.ttl_max < *ttl ? verdict.ttl_max : *ttl;
    return z;
}

static unsigned pending(const struct update *u)
{
    unsigned n = 0;
    for (unsigned i = 0; i < u->r->count; i++)
        n += u->r->key[i].state == ROLLOVER_ADDED && name_equal(&u->r->key[i].zone, u->zone);
    return n;
}

static void add(const struct update *u, const struct key *k, bool trusted)
{
    struct rollover_key *new = &u->r->key[u->r->count];
    if (u->r->count == ROLLOVER_KEYS || k->rdata.len > ROLLOVER_RDATA_MAX ||
        (!trusted && pending(u) == ROLLOVER_PENDING))
        return;
    u->r->count++;
    new->zone = *u->zone;
    new->len = (uint16_t)k->rdata.len;
    memcpy(new->rdata, k->rdata.data, k->rdata.len);
    enter(u, new, trusted ? ROLLOVER_VALID : ROLLOVER_ADDED, trusted ? "valid" : "added");
}

/* A key that the zone has now. */
static void take_seen(const struct update *u, const struct key *k)
{
    struct rollover_key *known = find(u, k->rdata);
    bool configured = is_configured(u, k);
    if (k->flags & KEY_REVOKED || !(configured || may_anchor(k)))
        return;
    if (!known)
        add(u, k, configured);
    else if (known->state == ROLLOVER_MISSING)
        enter(u, known, ROLLOVER_VALID, "back");
    else if (known->state == ROLLOVER_ADDED && u->now - known->since >= ROLLOVER_HOLD)
        enter(u, known, ROLLOVER_VALID, "valid");
}

/* A revoked key looks otherwise in the zone than as it is kept. */
static bool has_key(const struct zone *z, const struct rollover_key *known)
{
    uint8_t wanted[ROLLOVER_RDATA_MAX];
    memcpy(wanted, known->rdata, known->len);
    if (known->state == ROLLOVER_REVOKED)
        put_u16(wanted, get_u16(wanted) | KEY_REVOKED);
    for (unsigned i = 0; i < z->key_count; i++)
        if (bytes_equal(z->key[i].rdata, bytes_of(wanted, known->len)))
            return true;
    return false;
}

/* A revoked key that is configured must be remembered, or it would be trusted again. */
static bool may_forget(const struct update *u, const struct rollover_key *known)
{
    struct key k;
    return u->now - known->since >= ROLLOVER_HOLD && key_init(&k, rdata_of(known)) && !is_configured(u, &k);
}

/* Keys that the zone has no more; from the last, as forget moves what follows. */
static void take_absent(const struct update *u, const struct zone *z)
{
    for (unsigned i = u->r->count; i-- > 0;) {
        struct rollover_key *k = &u->r->key[i];
        if (!name_equal(&k->zone, u->zone) || has_key(z, k))
            continue;
        if (k->state == ROLLOVER_ADDED)
            forget(u, k);
        else if (k->state == ROLLOVER_VALID)
            enter(u, k, ROLLOVER_MISSING, "missing");
        else if (k->state == ROLLOVER_REVOKED && may_forget(u, k))
            forget(u, k);
    }
}

static uint32_t within(uint32_t n, uint32_t low, uint32_t high)
{
    return n < low ? low : n > high ? high : n;
}

void rollover_update(struct rollover *r, const struct anchors *configured, const struct dns_name *zone,
                     struct bench *bench, int64_t now, struct rollover_news *out)
{
    struct update u = {r, configured, zone, bench, now, out};
    const struct rrset *set = rrsets_find(&bench->sets, DNS_ANSWER, zone, DNS_DNSKEY);
    uint32_t ttl = UINT32_MAX;
    *out = (struct rollover_news){.ask_again = ROLLOVER_ASK_MIN};
    if (!set)
        return;
    take_revoked(&u, set);
    struct zone *z = validate(&u, set, &ttl);
    if (!z)
        return;
    out->trusted = true;
    out->ask_again = within(ttl / 2, ROLLOVER_ASK_MIN, ROLLOVER_ASK_MAX);
    for (unsigned i = 0; i < z->key_count; i++)
        take_seen(&u, &z->key[i]);
    take_absent(&u, z);
    zone_release(z);
}
