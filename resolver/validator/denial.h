/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What NSEC and NSEC3 records prove to be absent (RFC 4035 5.4, RFC 5155 8, RFC 6840 4). Pure.
 *
 * All records given were verified with the keys of one zone. A proof that holds but for opt-out, or that is
 * too dear to check (RFC 9276 3.2), makes an answer insecure, not bogus. */
#ifndef POLYNYA_VALIDATOR_DENIAL_H
#define POLYNYA_VALIDATOR_DENIAL_H

#include "resolver/validator/verify.h"

enum { PROOFS_MAX = 32, NSEC3_ITERATIONS_MAX = 50, PROOF_NAMES = 16 };

enum denial {
    DENIAL_UNPROVEN,
    DENIAL_INSECURE, /* opt-out, or more iterations than NSEC3_ITERATIONS_MAX */
    DENIAL_PROVEN
};

struct proof {
    struct dns_name owner;
    struct bytes rdata;
};

struct proofs {
    const struct dns_name *zone;
    struct crypto *crypto;
    struct budget *budget;
    unsigned nsec_count, nsec3_count;
    struct proof nsec[PROOFS_MAX];
    struct proof nsec3[PROOFS_MAX];
    /* Names hashed so far, by the parameters of the first NSEC3. */
    struct {
        struct dns_name name;
        uint8_t hash[NSEC3_HASH_LEN];
    } hashed[PROOF_NAMES];
    unsigned hashed_count;
};

/* Empty; zone, crypto and budget are borrowed. */
void proofs_init(struct proofs *p, const struct dns_name *zone, struct crypto *crypto, struct budget *budget);
/* Takes a verified NSEC or NSEC3; type says which. Malformed ones, NSEC3 of an unknown hash or with unknown
 * flags (RFC 5155 8.1, 8.2), those with other parameters than the first, and what is not directly below the
 * zone, are left out. Its rdata is borrowed. */
void proofs_add(struct proofs *p, uint16_t type, const struct dns_name *owner, struct bytes rdata);

/* There is no such name. */
enum denial denial_name(struct proofs *p, const struct dns_name *name);
/* The name, or the wildcard that stands for it, has nothing of this type. */
enum denial denial_type(struct proofs *p, const struct dns_name *name, uint16_t type);
/* There is nothing closer to name than the wildcard below its last `labels` labels. */
enum denial denial_closer(struct proofs *p, const struct dns_name *name, unsigned labels);

/* What the absence of a DS at name says about name. */
enum ds_absence {
    DELEGATION_UNPROVEN,
    DELEGATION_NONE, /* no zone begins here */
    DELEGATION_INSECURE
};
enum ds_absence denial_delegation(struct proofs *p, const struct dns_name *name);

#endif
