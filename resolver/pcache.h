/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet cache: answer blocks in this process' memory, found by key in one probe or two.
 *
 * Bounded in bytes, evicted by SIEVE (a hit sets one bit; a hand walks for a victim). Blocks were checked
 * when they came in and are not checked again. The table's hash is keyed: clients choose the names. */
#ifndef POLYNYA_RESOLVER_PCACHE_H
#define POLYNYA_RESOLVER_PCACHE_H

#include "data/base/hash.h"
#include "data/dns/answer.h"

struct pcache;

/* bytes: everything it may hold, its table included. NULL without memory. */
struct pcache *pcache_new(size_t bytes, const struct hash_key *hash);
void pcache_free(struct pcache **c);
/* The block of key that is still alive at now (Unix seconds), borrowed until the next pcache_put; false on a
 * miss. An expired one is dropped. */
bool pcache_get(struct pcache *c, const struct answer_key *key, uint32_t now, struct answer *out);
/* Copies block; replaces what was under key. A block too large for an eighth of the cache is not kept. */
void pcache_put(struct pcache *c, const struct answer_key *key, struct bytes block);
size_t pcache_used(const struct pcache *c);

#endif
