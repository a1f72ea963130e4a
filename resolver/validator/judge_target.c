/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which names' places in the chain of trust an answer must be judged by: see judge_inner.h and judge.h.
 *
 * A set that nobody signed is looked up by its owner's own place: under an unsigned delegation it is
 * insecure, anywhere else its signature was taken away. */
#include "resolver/validator/judge_inner.h"

enum { LINKS_MAX = 12 };

void judged_target(const struct rrsets *sets, const struct rrset *set, struct target *out)
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

bool judged_is_synthesized(const struct rrsets *sets, const struct rrset *cname)
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

bool judged_is_set(const struct rrsets *sets, const struct rrset *set)
{
    return set->section == DNS_ANSWER && set->rr_count && !judged_is_synthesized(sets, set);
}

bool judged_end(const struct rrsets *sets, const struct dns_query *q, struct dns_name *name)
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

const struct rrset *judged_soa(const struct rrsets *sets, const struct dns_name *name)
{
    for (unsigned i = 0; i < sets->count; i++) {
        const struct rrset *set = &sets->set[i];
        if (set->section == DNS_AUTHORITY && set->type == DNS_SOA && set->rr_count &&
            name_within(name, &set->owner))
            return set;
    }
    return NULL;
}

bool judged_is_proof(const struct rrset *set)
{
    return set->section == DNS_AUTHORITY && set->rr_count &&
           (set->type == DNS_NSEC || set->type == DNS_NSEC3);
}

void judged_denier(const struct rrsets *sets, const struct dns_query *q, const struct dns_name *name,
                   struct target *out)
{
    const struct rrset *soa = judged_soa(sets, name);
    struct dns_name home = *name;
    if (q->type == DNS_DS)
        (void)name_parent(name, &home);
    if (soa) {
        judged_target(sets, soa, out);
        if (out->exact)
            return;
    }
    for (unsigned i = 0; !soa && i < sets->count; i++) {
        if (!judged_is_proof(&sets->set[i]))
            continue;
        judged_target(sets, &sets->set[i], out);
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
        if (!judged_is_set(&b->sets, &b->sets.set[i]))
            continue;
        judged_target(&b->sets, &b->sets.set[i], &target);
        if (!add_target(out, &target))
            return false;
    }
    if (!judged_end(&b->sets, q, &end))
        return true;
    judged_denier(&b->sets, q, &end, &target);
    return add_target(out, &target);
}
