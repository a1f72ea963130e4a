/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet cache: answer blocks in this process' memory, found by key in one probe or two.
 *
 * Bounded in bytes, evicted by SIEVE (a hit sets one bit; a hand walks for a victim); those whose life is
 * over stay until their place is needed, and go first. Blocks were checked when they came in and are not
 * checked again. The table's hash is keyed: clients choose the names. */
#ifndef POLYNYA_RESOLVER_PCACHE_H
#define POLYNYA_RESOLVER_PCACHE_H

#include "data/base/hash.h"
#include "data/dns/answer.h"

struct pcache;

/* bytes: everything it may hold, its table included. NULL without memory. */
struct pcache *pcache_new(size_t bytes, const struct hash_key *hash);
void pcache_free(struct pcache **c);

enum pcache_found {
    PCACHE_NONE,
    PCACHE_OVER,  /* its life is over: of use only while nothing better is to be had */
    PCACHE_ALIVE, /* at now */
    PCACHE_DUE /* alive, asked for at least twice and soon over: told once, so that it be renewed in time */
};

/* The block of key at now (Unix seconds), borrowed until the next pcache_put. */
enum pcache_found pcache_get(struct pcache *c, const struct answer_key *key, uint32_t now,
                             struct answer *out);
/* Copies block; replaces what was under key. A block too large for an eighth of the cache is not kept. asked:
 * somebody waits for it, which counts as asking for it once. */
void pcache_put(struct pcache *c, const struct answer_key *key, struct bytes block, bool asked);
size_t pcache_used(const struct pcache *c);

#endif
