/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What judging answers (judge.c) and judging the chain's own questions (judge_link.c) share; for them alone.
 *
 * judged_…: which sets of an answer count, and who must have signed them, read off the message alone
 * (judge_target.c). judge_…: signatures checked and paid for (judge_check.c). */
#ifndef POLYNYA_VALIDATOR_JUDGE_INNER_H
#define POLYNYA_VALIDATOR_JUDGE_INNER_H

#include "resolver/validator/judge.h"

/* What a set is judged by: the closest of its signers above it, or its owner's own place if it has none. */
void judged_target(const struct rrsets *sets, const struct rrset *set, struct target *out);
/* Whether a set of the answer section is judged: an unsigned CNAME that a DNAME accounts for is not. */
bool judged_is_set(const struct rrsets *sets, const struct rrset *set);
/* An unsigned CNAME that a DNAME in the answer accounts for: judged by that DNAME. */
bool judged_is_synthesized(const struct rrsets *sets, const struct rrset *cname);
/* Follows the chain from the question; false if it ends in data. */
bool judged_end(const struct rrsets *sets, const struct dns_query *q, struct dns_name *name);
/* The SOA of a zone that name is in; NULL if there is none. */
const struct rrset *judged_soa(const struct rrsets *sets, const struct dns_name *name);
/* NSEC or NSEC3, in the authority section. */
bool judged_is_proof(const struct rrset *set);
/* Whose denial this is: the SOA's signer, or the proofs' if there is no SOA; if nobody signed, the name's own
 * place. */
void judged_denier(const struct rrsets *sets, const struct dns_query *q, const struct dns_name *name,
                   struct target *out);

struct judge {
    struct bench *b;
    const struct dns_name *name; /* the question's */
    const struct targets *targets;
    struct zone *const *zones;
    uint8_t *wire;
    uint32_t now;
    struct verdict verdict;
    struct zone *proofs_of; /* whose proofs b->proofs holds */
    enum reason proof_why;  /* why one of them was left out */
};

/* With a full budget, nothing checked, and neither targets, zones nor a message whose TTLs are cut. */
struct judge judge_begin(struct bench *b, uint32_t now);
/* Checks a set with its zone's keys; REASON_OK, or what is wrong. Cuts its TTLs to what was signed. */
enum reason judge_set_signed(struct judge *j, struct zone *z, const struct rrset *set, struct verified *out);
/* What the zone says about absence, verified once; j->proof_why says why one was left out. */
struct proofs *judge_proofs(struct judge *j, struct zone *z);

#endif
