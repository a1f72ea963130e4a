/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leaky buckets by client network: see rate.h. */
#include "resolver/net/rate.h"

#include <stdlib.h>

#include "data/base/hash.h"

enum { SETS = 2048, WAYS = 4 };
static const int64_t SECOND = 1000000000;

/* `empty` is when all that was counted has leaked out, in nanoseconds; 0 and tag 0: free. */
struct bucket {
    uint64_t tag;
    int64_t empty;
};

struct rate {
    struct hash_key key;
    int64_t interval; /* nanoseconds one of them takes to leak out of a narrow bucket; 0: no limit */
    struct bucket narrow[SETS][WAYS], wide[SETS][WAYS];
};

struct rate *rate_new(unsigned per_second)
{
    struct rate *r = calloc(1, sizeof *r);
    if (!r)
        return NULL;
    random_fill(&r->key, sizeof r->key);
    r->interval = per_second ? SECOND / per_second : 0;
    return r;
}

void rate_free(struct rate **r)
{
    free(*r);
    *r = NULL;
}

/* The bucket of the network that the first bytes of ip stand for; one that was another's is handed over
 * empty. */
static struct bucket *find(const struct rate *r, struct bucket table[SETS][WAYS], const struct ip *ip,
                           size_t bytes)
{
    uint8_t text[1 + 16] = {ip->len};
    memcpy(text + 1, ip->addr, bytes);
    uint64_t tag = hash_siphash(&r->key, text, 1 + bytes) | 1;
    struct bucket *set = table[(tag >> 32) % SETS], *victim = set;
    for (int i = 0; i < WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].empty < victim->empty)
            victim = &set[i];
    }
    *victim = (struct bucket){.tag = tag};
    return victim;
}

/* When the bucket will be empty with `cost` nanoseconds more in it. */
static int64_t pour(const struct bucket *b, int64_t now, int64_t cost)
{
    return (b->empty > now ? b->empty : now) + cost;
}

bool rate_take(struct rate *r, const struct ip *ip, double seconds, unsigned n)
{
    if (!r || r->interval == 0 || ip->len == 0)
        return true;
    int64_t now = (int64_t)(seconds * (double)SECOND);
    struct bucket *narrow = find(r, r->narrow, ip, ip->len == 4 ? 4 : 7);
    struct bucket *wide = find(r, r->wide, ip, ip->len == 4 ? 3 : 6);
    int64_t narrow_empty = pour(narrow, now, r->interval * n);
    int64_t wide_empty = pour(wide, now, r->interval * n / RATE_WIDE);
    if (narrow_empty - now > RATE_BURST * SECOND || wide_empty - now > RATE_BURST * SECOND)
        return false;
    narrow->empty = narrow_empty;
    wide->empty = wide_empty;
    return true;
}
