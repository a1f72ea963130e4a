/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of trust's own questions judged: a name's DS, and a zone's keys by it (see judge.h). */
#include "resolver/validator/judge_inner.h"

static void copy_ds(const struct rrsets *sets, const struct rrset *set, struct ds_list *out)
{
    out->count = 0;
    for (uint16_t i = set->rr; i != RRSET_END && out->count < VERIFY_DS_MAX; i = sets->item[i].next) {
        struct bytes rdata = sets->item[i].rr.rdata;
        if (rdata.len <= DS_RDATA_MIN || rdata.len > sizeof out->ds[0].data)
            continue;
        out->ds[out->count].len = (uint8_t)rdata.len;
        memcpy(out->ds[out->count++].data, rdata.data, rdata.len);
    }
}

static enum ds_outcome ds_absent(struct judge *j, const struct dns_name *name, struct zone *above,
                                 enum reason *why)
{
    struct proofs *p = judge_proofs(j, above);
    switch (denial_delegation(p, name)) {
    case DELEGATION_NONE:
        return DS_NO_CUT;
    case DELEGATION_INSECURE:
        return DS_INSECURE;
    default:
        *why = j->proof_why;
        return DS_BOGUS;
    }
}

/* An alias stands where a zone could begin: there is none. A DNAME above says the same. */
static const struct rrset *find_alias(const struct rrsets *sets, const struct dns_name *name)
{
    const struct rrset *cname = rrsets_find(sets, DNS_ANSWER, name, DNS_CNAME);
    if (!cname || !judged_is_synthesized(sets, cname))
        return cname;
    for (unsigned i = 0; i < sets->count; i++)
        if (sets->set[i].section == DNS_ANSWER && sets->set[i].type == DNS_DNAME &&
            name_within(name, &sets->set[i].owner))
            return &sets->set[i];
    return cname;
}

enum ds_outcome judge_ds(struct bench *b, const struct dns_name *name, struct zone *above, uint32_t now,
                         struct ds_list *out, struct link_verdict *verdict)
{
    struct judge j = judge_begin(b, now);
    struct verified v;
    const struct rrset *set = rrsets_find(&b->sets, DNS_ANSWER, name, DNS_DS);
    const struct rrset *alias = set ? NULL : find_alias(&b->sets, name);
    enum ds_outcome outcome = set ? DS_FOUND : DS_NO_CUT;
    *verdict = (struct link_verdict){.why = REASON_OK};
    if (set || alias) {
        verdict->why = judge_set_signed(&j, above, set ? set : alias, &v);
        outcome = verdict->why == REASON_OK ? outcome : DS_BOGUS;
    } else {
        outcome = ds_absent(&j, name, above, &verdict->why);
    }
    verdict->ttl_max = j.verdict.ttl_max;
    verdict->cost = j.verdict.budget;
    if (outcome == DS_FOUND)
        copy_ds(&b->sets, set, out);
    return outcome;
}

static bool usable(const struct ds_list *list, unsigned i)
{
    return key_supported(list->ds[i].data[2]) && digest_supported(list->ds[i].data[3]);
}

bool ds_usable(const struct ds_list *list)
{
    for (unsigned i = 0; i < list->count; i++)
        if (usable(list, i))
            return true;
    return false;
}

/* RFC 4509 3: SHA-1 counts only where there is nothing better. */
static bool counts(const struct ds_list *list, unsigned i)
{
    if (!usable(list, i))
        return false;
    if (list->ds[i].data[3] != DS_SHA1)
        return true;
    for (unsigned k = 0; k < list->count; k++)
        if (usable(list, k) && list->ds[k].data[3] != DS_SHA1)
            return false;
    return true;
}

static bool key_is_trusted(struct bench *b, const struct dns_name *name, const struct key *k,
                           const struct trust *trust)
{
    if (!(k->flags & KEY_ZONE) || k->flags & KEY_REVOKED || k->protocol != 3 || !key_supported(k->algorithm))
        return false;
    for (unsigned i = 0; i < trust->key_count; i++)
        if (bytes_equal(trust->keys[i], k->rdata))
            return true;
    for (unsigned i = 0; i < trust->ds->count; i++)
        if (counts(trust->ds, i) && key_matches_ds(&b->verifier.crypto, k, name,
                                                   bytes_of(trust->ds->ds[i].data, trust->ds->ds[i].len)))
            return true;
    return false;
}

static unsigned list_keys(const struct rrsets *sets, const struct rrset *set, struct bytes *out)
{
    unsigned n = 0;
    for (uint16_t i = set->rr; i != RRSET_END && n < VERIFY_KEYS_MAX; i = sets->item[i].next)
        out[n++] = sets->item[i].rr.rdata;
    return n;
}

/* Checks the DNSKEY RRset with those of its keys that are trusted; what was wrong. */
static enum reason check_keys(struct judge *j, const struct rrset *set, const struct zone *z,
                              const struct trust *trust, struct verified *v)
{
    struct key entry[VERIFY_KEYS_MAX];
    unsigned n = 0;
    bool flagless = false;
    for (unsigned i = 0; i < z->key_count; i++) {
        flagless |= !(z->key[i].flags & KEY_ZONE);
        if (key_is_trusted(j->b, &z->name, &z->key[i], trust))
            (void)key_init(&entry[n++], z->key[i].rdata);
    }
    enum reason why =
        n ? verify_set(&j->b->verifier, &j->verdict.budget, &j->b->sets, set, &z->name, entry, n, j->now, v)
        : flagless ? REASON_DNSSEC_NO_ZONE_KEY
                   : REASON_DNSSEC_NO_KEY;
    for (unsigned i = 0; i < n; i++)
        key_fini(&entry[i]);
    return why;
}

struct zone *judge_keys(struct bench *b, const struct dns_name *name, const struct trust *trust, uint32_t now,
                        struct link_verdict *verdict)
{
    struct judge j = judge_begin(b, now);
    struct bytes keys[VERIFY_KEYS_MAX];
    struct verified v = {0};
    const struct rrset *set = rrsets_find(&b->sets, DNS_ANSWER, name, DNS_DNSKEY);
    *verdict = (struct link_verdict){REASON_DNSSEC_NO_KEY, .ttl_max = UINT32_MAX, .cost = j.verdict.budget};
    if (!set)
        return NULL;
    struct zone *z = zone_new(ZONE_KEYS, name, keys, list_keys(&b->sets, set, keys));
    enum reason why = z ? check_keys(&j, set, z, trust, &v) : REASON_NO_MEMORY;
    *verdict = (struct link_verdict){why, v.only_the_time, v.ttl_max, j.verdict.budget};
    if (why == REASON_OK)
        return z;
    zone_release(z);
    return NULL;
}
