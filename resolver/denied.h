/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names known not to exist, so that none below them need be asked for (RFC 8020, "NXDOMAIN cut"). Pure: times
 * are arguments.
 *
 * A table of fixed size, in sets of four; the entry that ends first gives way. It holds keyed hashes and only
 * says which answer to look for in the caches: that answer proves the denial, or nothing is denied. */
#ifndef POLYNYA_RESOLVER_DENIED_H
#define POLYNYA_RESOLVER_DENIED_H

#include "data/base/hash.h"
#include "data/dns/answer.h"

enum {
    DENIED_SETS = 2048,
    DENIED_WAYS = 4,
    DENIED_DEPTH = 16 /* ancestors of a name looked at, the nearest first: bounds the work of a miss */
};

struct denied_entry {
    uint64_t tag; /* of name, DO and CD; with until 0: free */
    uint32_t until;
    uint16_t type; /* that was asked for */
};

struct denied {
    struct hash_key hash;
    uint32_t last; /* until then some entry may hold */
    struct denied_entry entry[DENIED_SETS][DENIED_WAYS];
};

void denied_init(struct denied *d);
/* The answer under key denies its name until then (Unix seconds). */
void denied_note(struct denied *d, const struct answer_key *key, uint32_t until);
/* Walks key's ancestors: the next that may be denied at now. depth: 0 at first, then as it was left. False at
 * the end, else out is the key of the answer that may say so. */
bool denied_above(const struct denied *d, const struct answer_key *key, uint32_t now, unsigned *depth,
                  struct answer_key *out);

#endif
