/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One NSEC3's RDATA and owner taken apart (RFC 5155 3), and the circle of hashes. */
#ifndef POLYNYA_VALIDATOR_NSEC3_H
#define POLYNYA_VALIDATOR_NSEC3_H

#include "resolver/validator/key.h"

struct nsec3 {
    bool opt_out;
    uint16_t iterations;
    struct bytes salt;
    struct bytes next; /* NSEC3_HASH_LEN bytes */
    struct bytes types;
};

/* False if it is malformed, of a hash other than SHA-1, or has flags other than opt-out. */
bool nsec3_read(struct bytes rdata, struct nsec3 *out);
/* The hash in an owner name: its first label in base32hex (RFC 4648 7). False if it is none. */
bool nsec3_owner_hash(const struct dns_name *owner, uint8_t out[NSEC3_HASH_LEN]);
/* Whether hash lies strictly between owner and next on the circle. */
bool nsec3_covers(const uint8_t owner[NSEC3_HASH_LEN], const uint8_t *next, const uint8_t *hash);

#endif
