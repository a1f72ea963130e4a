/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers judged: see judge.h. */
#include "resolver/validator/judge_inner.h"

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
    judged_target(&j->b->sets, set, &target);
    struct zone *z = signing_zone(j, &target);
    if (!z)
        return;
    enum reason why = judge_set_signed(j, z, set, &v);
    /* Its own set, or that of the DNAME above it. */
    if (why == REASON_OK && name_within(j->name, &set->owner))
        j->verdict.name_is_signed = true;
    if (why != REASON_OK)
        lower(j, VERDICT_BOGUS, why);
    else if (v.labels < canon_labels(&set->owner))
        take_denial(j, denial_closer(judge_proofs(j, z), &set->owner, v.labels));
}

static void judge_negative(struct judge *j, const struct dns_query *q, const struct dns_name *name,
                           uint16_t rcode)
{
    struct target target;
    struct verified v;
    judged_denier(&j->b->sets, q, name, &target);
    struct zone *z = signing_zone(j, &target);
    if (!z)
        return;
    if (name_equal(j->name, name))
        j->verdict.name_is_signed = true;
    const struct rrset *soa = judged_soa(&j->b->sets, name);
    enum reason why = soa ? judge_set_signed(j, z, soa, &v) : REASON_OK;
    if (why != REASON_OK) {
        lower(j, VERDICT_BOGUS, why);
        return;
    }
    struct proofs *p = judge_proofs(j, z);
    take_denial(j, rcode == DNS_NXDOMAIN ? denial_name(p, name) : denial_type(p, name, q->type));
}

/* Proofs that nobody needed, and so nobody checked, may stand in a secure answer only if they are good. */
static void judge_rest(struct judge *j)
{
    for (unsigned i = 0; i < j->b->sets.count; i++)
        if (j->verdict.kind == VERDICT_SECURE && judged_is_proof(&j->b->sets.set[i]) && !j->b->checked[i])
            lower(j, VERDICT_INSECURE, REASON_OK);
}

struct verdict judge_answer(struct bench *b, const struct dns_query *q, uint16_t rcode,
                            const struct targets *targets, struct zone *const *zones, uint8_t *wire,
                            uint32_t now)
{
    struct judge j = judge_begin(b, now);
    struct dns_name end;
    j.name = &q->name;
    j.targets = targets;
    j.zones = zones;
    j.wire = wire;
    for (unsigned i = 0; i < b->sets.count; i++)
        if (judged_is_set(&b->sets, &b->sets.set[i]))
            judge_set(&j, &b->sets.set[i]);
    if (judged_end(&b->sets, q, &end))
        judge_negative(&j, q, &end, rcode);
    judge_rest(&j);
    return j.verdict;
}
