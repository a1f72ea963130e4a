/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sets and proofs checked with a zone's keys, for every kind of judging: see judge_inner.h. */
#include "resolver/validator/judge_inner.h"

struct judge judge_begin(struct bench *b, uint32_t now)
{
    memset(b->checked, 0, sizeof b->checked);
    return (struct judge){.b = b,
                          .now = now,
                          .verdict = {.ttl_max = UINT32_MAX, .budget = BUDGET_FULL},
                          .proof_why = REASON_DNSSEC_NO_PROOF};
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

enum reason judge_set_signed(struct judge *j, struct zone *z, const struct rrset *set, struct verified *out)
{
    enum reason why = verify_set(&j->b->verifier, &j->verdict.budget, &j->b->sets, set, &z->name, z->key,
                                 z->key_count, j->now, out);
    if (why == REASON_OK) {
        j->b->checked[set - j->b->sets.set] = true;
        cut_ttls(j, set, out->ttl_max);
    }
    return why;
}

struct proofs *judge_proofs(struct judge *j, struct zone *z)
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
        if (!judged_is_proof(set) || !name_within(&set->owner, &z->name))
            continue;
        enum reason why = judge_set_signed(j, z, set, &v);
        if (why != REASON_OK)
            j->proof_why = why;
        /* One made from a wildcard would deny names at will. */
        else if (v.labels == canon_labels(&set->owner))
            proofs_add(p, set->type, &set->owner, sets->item[set->rr].rr.rdata);
    }
    return p;
}
