/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers judged: see judge.h.
 *
 * A set that nobody signed is looked up by its owner's own place: under an unsigned delegation it is
 * insecure, anywhere else its signature was taken away. */
#include "resolver/validator/judge.h"

enum { LINKS_MAX = 12 };

/* What a set is judged by. */
static void target_of(const struct rrsets *sets, const struct rrset *set, struct target *out)
{
    struct dns_name home = set->owner;
    struct rrsig sig;
    /* A DS is the parent's (RFC 4035 2.4). */
    if (set->type == DNS_DS)
        (void)name_parent(&set->owner, &home);
    *out = (struct target){.name = home};
    for (uint16_t i = set->sig; i != RRSET_END; i = sets->item[i].next) {
        if (!rrsig_read(sets->message, &sets->item[i].rr, &sig) || !name_within(&home, &sig.signer))
            continue;
        /* Of several signers the closest. */
        if (!out->exact || sig.signer.len > out->name.len)
            *out = (struct target){sig.signer, true};
    }
}

static bool add_target(struct targets *t, const struct target *target)
{
    for (unsigned i = 0; i < t->count; i++)
        if (name_equal(&t->target[i].name, &target->name)) {
            t->target[i].exact |= target->exact;
            return true;
        }
    if (t->count == TARGETS_MAX)
        return false;
    t->target[t->count++] = *target;
    return true;
}

static bool name_in_set(const struct rrsets *sets, const struct rrset *set, struct dns_name *out)
{
    size_t at = (size_t)(sets->item[set->rr].rr.rdata.data - sets->message.data);
    return name_read(sets->message, &at, out);
}

/* owner, with the DNAME's owner replaced by its target, is the CNAME's target (RFC 6672 2.2). */
static bool substitutes(const struct dns_name *owner, const struct dns_name *from, const struct dns_name *to,
                        const struct dns_name *result)
{
    size_t keep = (size_t)(owner->len - from->len);
    return keep + to->len == result->len &&
           bytes_equal_nocase(bytes_of(owner->wire, keep), bytes_of(result->wire, keep)) &&
           bytes_equal_nocase(bytes_of(to->wire, to->len), bytes_of(result->wire + keep, to->len));
}

/* An unsigned CNAME that a DNAME in the answer accounts for: judged by that DNAME. */
static bool is_synthesized(const struct rrsets *sets, const struct rrset *cname)
{
    struct dns_name target, dname;
    if (cname->type != DNS_CNAME || cname->sig != RRSET_END || cname->rr_count != 1 ||
        !name_in_set(sets, cname, &target))
        return false;
    for (unsigned i = 0; i < sets->count; i++) {
        const struct rrset *set = &sets->set[i];
        if (set->section == DNS_ANSWER && set->type == DNS_DNAME && set->rr_count == 1 &&
            set->owner.len < cname->owner.len && name_within(&cname->owner, &set->owner) &&
            name_in_set(sets, set, &dname) && substitutes(&cname->owner, &set->owner, &dname, &target))
            return true;
    }
    return false;
}

static bool is_judged(const struct rrsets *sets, const struct rrset *set)
{
    return set->section == DNS_ANSWER && set->rr_count && !is_synthesized(sets, set);
}

/* Follows the chain from the question; false if it ends in data. */
static bool find_end(const struct rrsets *sets, const struct dns_query *q, struct dns_name *name)
{
    *name = q->name;
    for (unsigned links = 0; links <= LINKS_MAX; links++) {
        if (rrsets_find(sets, DNS_ANSWER, name, q->type))
            return false;
        const struct rrset *cname = rrsets_find(sets, DNS_ANSWER, name, DNS_CNAME);
        if (!cname || !name_in_set(sets, cname, name))
            return true;
    }
    return true;
}

static const struct rrset *find_soa(const struct rrsets *sets, const struct dns_name *name)
{
    for (unsigned i = 0; i < sets->count; i++) {
        const struct rrset *set = &sets->set[i];
        if (set->section == DNS_AUTHORITY && set->type == DNS_SOA && set->rr_count &&
            name_within(name, &set->owner))
            return set;
    }
    return NULL;
}

static bool is_proof(const struct rrset *set)
{
    return set->section == DNS_AUTHORITY && set->rr_count &&
           (set->type == DNS_NSEC || set->type == DNS_NSEC3);
}

/* Whose denial this is: the SOA's signer, or the proofs' if there is no SOA; if nobody signed, the name's own
 * place. */
static void denier_of(const struct rrsets *sets, const struct dns_query *q, const struct dns_name *name,
                      struct target *out)
{
    const struct rrset *soa = find_soa(sets, name);
    struct dns_name home = *name;
    if (q->type == DNS_DS)
        (void)name_parent(name, &home);
    if (soa) {
        target_of(sets, soa, out);
        if (out->exact)
            return;
    }
    for (unsigned i = 0; !soa && i < sets->count; i++) {
        if (!is_proof(&sets->set[i]))
            continue;
        target_of(sets, &sets->set[i], out);
        if (out->exact && name_within(&home, &out->name))
            return;
    }
    *out = (struct target){.name = home};
}

bool judge_targets(const struct bench *b, const struct dns_query *q, struct targets *out)
{
    struct target target;
    struct dns_name end;
    out->count = 0;
    for (unsigned i = 0; i < b->sets.count; i++) {
        if (!is_judged(&b->sets, &b->sets.set[i]))
            continue;
        target_of(&b->sets, &b->sets.set[i], &target);
        if (!add_target(out, &target))
            return false;
    }
    if (!find_end(&b->sets, q, &end))
        return true;
    denier_of(&b->sets, q, &end, &target);
    return add_target(out, &target);
}

/* Judging */

struct judge {
    struct bench *b;
    const struct targets *targets;
    struct zone *const *zones;
    uint8_t *wire;
    uint32_t now;
    struct verdict verdict;
    struct zone *proofs_of; /* whose proofs b->proofs holds */
    enum reason proof_why;  /* why one of them was left out */
};

/* The worst stays: bogus, then failed, then insecure. */
static void lower(struct judge *j, enum verdict_kind kind, enum reason why)
{
    if (kind == VERDICT_BOGUS ? j->verdict.kind == VERDICT_BOGUS : kind <= j->verdict.kind)
        return;
    if (j->verdict.kind == VERDICT_BOGUS)
        return;
    j->verdict.kind = kind;
    j->verdict.why = why;
}

static struct zone *zone_of(const struct judge *j, const struct dns_name *target)
{
    for (unsigned i = 0; i < j->targets->count; i++)
        if (name_equal(&j->targets->target[i].name, target))
            return j->zones[i];
    return NULL;
}

static void cut_ttls(struct judge *j, const struct rrset *set, uint32_t max)
{
    const uint16_t lists[2] = {set->rr, set->sig};
    for (unsigned k = 0; j->wire && k < 2; k++)
        for (uint16_t i = lists[k]; i != RRSET_END; i = j->b->sets.item[i].next) {
            const struct dns_rr *rr = &j->b->sets.item[i].rr;
            if (rr->ttl > max)
                put_u32(j->wire + rr->ttl_at, max);
        }
    if (max < j->verdict.ttl_max)
        j->verdict.ttl_max = max;
}

static enum reason check_set(struct judge *j, struct zone *z, const struct rrset *set, struct verified *out)
{
    enum reason why = verify_set(&j->b->verifier, &j->verdict.budget, &j->b->sets, set, &z->name, z->key,
                                 z->key_count, j->now, out);
    if (why == REASON_OK) {
        j->b->checked[set - j->b->sets.set] = true;
        cut_ttls(j, set, out->ttl_max);
    }
    return why;
}

/* Verifies what the zone says about absence, once. */
static struct proofs *proofs_of(struct judge *j, struct zone *z)
{
    struct rrsets *sets = &j->b->sets;
    struct proofs *p = &j->b->proofs;
    struct verified v;
    if (j->proofs_of == z)
        return p;
    j->proofs_of = z;
    j->proof_why = REASON_DNSSEC_NO_PROOF;
    proofs_init(p, &z->name, &j->b->verifier.crypto, &j->verdict.budget);
    for (unsigned i = 0; i < sets->count; i++) {
        const struct rrset *set = &sets->set[i];
        if (!is_proof(set) || !name_within(&set->owner, &z->name))
            continue;
        enum reason why = check_set(j, z, set, &v);
        if (why != REASON_OK)
            j->proof_why = why;
        /* One made from a wildcard would deny names at will. */
        else if (v.labels == canon_labels(&set->owner))
            proofs_add(p, set->type, &set->owner, sets->item[set->rr].rr.rdata);
    }
    return p;
}

static void take_denial(struct judge *j, enum denial d)
{
    if (d == DENIAL_UNPROVEN)
        lower(j, VERDICT_BOGUS, j->proof_why);
    else if (d == DENIAL_INSECURE)
        lower(j, VERDICT_INSECURE, REASON_OK);
}

/* The zone that must have signed what is judged by target; NULL if there is none, and the verdict says so. */
static struct zone *signing_zone(struct judge *j, const struct target *target)
{
    struct zone *z = zone_of(j, &target->name);
    if (!z)
        lower(j, VERDICT_FAILED, REASON_NO_MEMORY);
    else if (z->state == ZONE_BOGUS)
        lower(j, VERDICT_BOGUS, z->why);
    else if (z->state == ZONE_FAILED)
        lower(j, VERDICT_FAILED, z->why);
    else if (z->state == ZONE_INSECURE)
        lower(j, VERDICT_INSECURE, REASON_OK);
    else if (!target->exact)
        lower(j, VERDICT_BOGUS, REASON_DNSSEC_NO_SIGNATURE);
    else if (z->state == ZONE_NO_CUT)
        lower(j, VERDICT_BOGUS, REASON_DNSSEC_NO_KEY);
    else
        return z;
    return NULL;
}

static void judge_set(struct judge *j, const struct rrset *set)
{
    struct target target;
    struct verified v;
    target_of(&j->b->sets, set, &target);
    struct zone *z = signing_zone(j, &target);
    if (!z)
        return;
    enum reason why = check_set(j, z, set, &v);
    if (why != REASON_OK)
        lower(j, VERDICT_BOGUS, why);
    else if (v.labels < canon_labels(&set->owner))
        take_denial(j, denial_closer(proofs_of(j, z), &set->owner, v.labels));
}

static void judge_negative(struct judge *j, const struct dns_query *q, const struct dns_name *name,
                           uint16_t rcode)
{
    struct target target;
    struct verified v;
    denier_of(&j->b->sets, q, name, &target);
    struct zone *z = signing_zone(j, &target);
    if (!z)
        return;
    const struct rrset *soa = find_soa(&j->b->sets, name);
    enum reason why = soa ? check_set(j, z, soa, &v) : REASON_OK;
    if (why != REASON_OK) {
        lower(j, VERDICT_BOGUS, why);
        return;
    }
    struct proofs *p = proofs_of(j, z);
    take_denial(j, rcode == DNS_NXDOMAIN ? denial_name(p, name) : denial_type(p, name, q->type));
}

/* Proofs that nobody needed, and so nobody checked, may stand in a secure answer only if they are good. */
static void judge_rest(struct judge *j)
{
    for (unsigned i = 0; i < j->b->sets.count; i++)
        if (j->verdict.kind == VERDICT_SECURE && is_proof(&j->b->sets.set[i]) && !j->b->checked[i])
            lower(j, VERDICT_INSECURE, REASON_OK);
}

static struct judge judge_begin(struct bench *b, uint32_t now)
{
    memset(b->checked, 0, sizeof b->checked);
    return (struct judge){.b = b,
                          .now = now,
                          .verdict = {.ttl_max = UINT32_MAX, .budget = BUDGET_FULL},
                          .proof_why = REASON_DNSSEC_NO_PROOF};
}

struct verdict judge_answer(struct bench *b, const struct dns_query *q, uint16_t rcode,
                            const struct targets *targets, struct zone *const *zones, uint8_t *wire,
                            uint32_t now)
{
    struct judge j = judge_begin(b, now);
    struct dns_name end;
    j.targets = targets;
    j.zones = zones;
    j.wire = wire;
    for (unsigned i = 0; i < b->sets.count; i++)
        if (is_judged(&b->sets, &b->sets.set[i]))
            judge_set(&j, &b->sets.set[i]);
    if (find_end(&b->sets, q, &end))
        judge_negative(&j, q, &end, rcode);
    judge_rest(&j);
    return j.verdict;
}

/* The chain's own questions */

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
    struct proofs *p = proofs_of(j, above);
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
    if (!cname || !is_synthesized(sets, cname))
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
        *why = check_set(&j, above, set ? set : alias, &v);
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
