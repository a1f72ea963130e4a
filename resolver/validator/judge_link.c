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
                         struct ds_list *out, uint32_t *ttl, enum reason *why, struct budget *cost)
{
    struct judge j = judge_begin(b, now);
    struct verified v;
    const struct rrset *set = rrsets_find(&b->sets, DNS_ANSWER, name, DNS_DS);
    const struct rrset *alias = set ? NULL : find_alias(&b->sets, name);
    enum ds_outcome outcome = set ? DS_FOUND : DS_NO_CUT;
    *why = REASON_OK;
    if (set || alias) {
        *why = judge_set_signed(&j, above, set ? set : alias, &v);
        outcome = *why == REASON_OK ? outcome : DS_BOGUS;
    } else {
        outcome = ds_absent(&j, name, above, why);
    }
    *ttl = j.verdict.ttl_max < *ttl ? j.verdict.ttl_max : *ttl;
    *cost = j.verdict.budget;
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
                           const struct ds_list *list, const struct bytes *trusted, unsigned trusted_count)
{
    if (!(k->flags & KEY_ZONE) || k->flags & KEY_REVOKED || k->protocol != 3 || !key_supported(k->algorithm))
        return false;
    for (unsigned i = 0; i < trusted_count; i++)
        if (bytes_equal(trusted[i], k->rdata))
            return true;
    for (unsigned i = 0; i < list->count; i++)
        if (counts(list, i) &&
            key_matches_ds(&b->verifier.crypto, k, name, bytes_of(list->ds[i].data, list->ds[i].len)))
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
                              const struct ds_list *list, const struct bytes *trusted, unsigned trusted_count,
                              struct verified *v)
{
    struct key entry[VERIFY_KEYS_MAX];
    unsigned n = 0;
    bool flagless = false;
    for (unsigned i = 0; i < z->key_count; i++) {
        flagless |= !(z->key[i].flags & KEY_ZONE);
        if (key_is_trusted(j->b, &z->name, &z->key[i], list, trusted, trusted_count))
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

struct zone *judge_keys(struct bench *b, const struct dns_name *name, const struct ds_list *list,
                        const struct bytes *trusted, unsigned trusted_count, uint32_t now, uint32_t *ttl,
                        enum reason *why, bool *only_the_time, struct budget *cost)
{
    struct judge j = judge_begin(b, now);
    struct bytes keys[VERIFY_KEYS_MAX];
    struct verified v = {0};
    const struct rrset *set = rrsets_find(&b->sets, DNS_ANSWER, name, DNS_DNSKEY);
    *only_the_time = false;
    *cost = j.verdict.budget;
    *why = REASON_DNSSEC_NO_KEY;
    if (!set)
        return NULL;
    struct zone *z = zone_new(ZONE_KEYS, name, keys, list_keys(&b->sets, set, keys));
    *why = REASON_NO_MEMORY;
    if (z)
        *why = check_keys(&j, set, z, list, trusted, trusted_count, &v);
    *only_the_time = v.only_the_time;
    *cost = j.verdict.budget;
    *ttl = v.ttl_max < *ttl ? v.ttl_max : *ttl;
    if (*why == REASON_OK)
        return z;
    zone_release(z);
    return NULL;
}
