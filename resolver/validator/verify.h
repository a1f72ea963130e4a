/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RRsets checked against a zone's keys, within a budget.
 *
 * What one message may cost is fixed before it is looked at (KeyTrap, CVE-2023-50387; CVE-2023-50868): so
 * many signatures checked, so many keys of one tag tried for a signature, so many hashes. A message
 * that needs more is bogus. */
#ifndef POLYNYA_VALIDATOR_VERIFY_H
#define POLYNYA_VALIDATOR_VERIFY_H

#include "data/base/reason.h"
#include "resolver/validator/canon.h"
#include "resolver/validator/memo.h"

enum {
    VERIFY_CHECKS = 48,          /* signatures checked for one message */
    VERIFY_SET_CHECKS = 8,       /* for one RRset */
    VERIFY_TAG_KEYS = 4,         /* keys of one tag and algorithm tried for a signature */
    VERIFY_HASHES = 3264,        /* SHA-1 runs for NSEC3 for one message: 64 names of 50 iterations */
    VERIFY_HASHES_A_CHECK = 100, /* such that cost about as much as a signature */
    VERIFY_KEYS_MAX = 48,        /* keys of a zone that are looked at */
    VERIFY_DS_MAX = 16           /* DS of a zone that are looked at */
};

/* What was not done because it is more than one message may cost: bits of budget.limited. */
enum limited {
    LIMITED_CHECKS = 1,    /* signatures */
    LIMITED_TAG_KEYS = 2,  /* keys of one tag */
    LIMITED_HASHES = 4,    /* names hashed for NSEC3 */
    LIMITED_ITERATIONS = 8 /* NSEC3 with too many of them */
};

struct budget {
    unsigned checks, hashes;         /* left */
    unsigned checks_done, hash_work; /* signatures checked; SHA-1 runs, iterations included */
    unsigned remembered;             /* signatures that the memo knew, which are in checks too */
    unsigned limited;                /* LIMITED_… */
};
#define BUDGET_FULL ((struct budget){.checks = VERIFY_CHECKS, .hashes = VERIFY_HASHES})

/* Adds what another message cost. */
static inline void budget_charge(struct budget *b, const struct budget *other)
{
    b->checks_done += other->checks_done;
    b->hash_work += other->hash_work;
    b->remembered += other->remembered;
    b->limited |= other->limited;
}

/* In signatures checked. */
static inline unsigned budget_work(const struct budget *b)
{
    return b->checks_done + b->hash_work / VERIFY_HASHES_A_CHECK;
}

/* Scratch memory of all checks: one per thread, too large for a stack. */
struct verifier {
    struct crypto crypto;
    struct canon canon;
    struct memo memo;
    uint8_t text[CANON_SIGNED_MAX];
};

/* What a good signature says about its RRset. */
struct verified {
    uint8_t labels;     /* fewer than the owner's: made from a wildcard */
    uint32_t ttl_max;   /* seconds: original TTL, and what is left of the signature's life (RFC 4035 5.3.3) */
    bool only_the_time; /* with a reason: the signature is good, but for the time */
};

/* REASON_OK if one of set's signatures by `zone` is good at now (Unix seconds), else a REASON_DNSSEC_…: the
 * most telling thing that was wrong. */
enum reason verify_set(struct verifier *v, struct budget *b, const struct rrsets *sets,
                       const struct rrset *set, const struct dns_name *zone, struct key *keys,
                       unsigned key_count, uint32_t now, struct verified *out);

#endif
