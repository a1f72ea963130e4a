/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leaky buckets by client network: see rate.h. */
#include "resolver/net/rate.h"

#include <stdlib.h>

#include "data/base/hash.h"

enum { SETS = 2048, WAYS = 4 };
static const int64_t SECOND = 1000000000;
static const int64_t FULL = 2 * RATE_BURST * 1000000000LL; /* charged afterwards, a bucket may be overfull */

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

/* The bucket of who is called so; one that was another's is handed over empty. */
static struct bucket *find(const struct rate *r, struct bucket table[SETS][WAYS], const void *who, size_t len)
{
    uint64_t tag = hash_siphash(&r->key, who, len) | 1;
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

/* The bucket of the network that the first bytes of ip stand for. */
static struct bucket *find_network(const struct rate *r, struct bucket table[SETS][WAYS], const struct ip *ip,
                                   size_t bytes)
{
    uint8_t text[1 + 16] = {ip->len};
    memcpy(text + 1, ip->addr, bytes);
    return find(r, table, text, 1 + bytes);
}

/* When the bucket will be empty with `cost` nanoseconds more in it. One that is fuller than it can be was
 * filled before the clock was set back. */
static int64_t pour(const struct bucket *b, int64_t now, int64_t cost)
{
    bool filled = b->empty > now && b->empty - now <= FULL;
    int64_t empty = (filled ? b->empty : now) + cost;
    return empty - now < FULL ? empty : now + FULL;
}

static int64_t nanoseconds(double seconds)
{
    return (int64_t)(seconds * (double)SECOND);
}

struct visit {
    struct bucket *narrow, *wide;
    int64_t now, narrow_empty, wide_empty; /* with n more in them */
};

static struct visit visit_of(struct rate *r, const struct ip *ip, double seconds, unsigned n)
{
    int64_t now = nanoseconds(seconds);
    struct visit v = {.now = now,
                      .narrow = find_network(r, r->narrow, ip, ip->len == 4 ? 4 : 7),
                      .wide = find_network(r, r->wide, ip, ip->len == 4 ? 3 : 6)};
    v.narrow_empty = pour(v.narrow, now, r->interval * n);
    v.wide_empty = pour(v.wide, now, r->interval * n / RATE_WIDE);
    return v;
}

static void count(const struct visit *v)
{
    v->narrow->empty = v->narrow_empty;
    v->wide->empty = v->wide_empty;
}

static bool unlimited(const struct rate *r, const struct ip *ip)
{
    return !r || r->interval == 0 || ip->len == 0;
}

bool rate_take(struct rate *r, const struct ip *ip, double seconds, unsigned n)
{
    if (unlimited(r, ip))
        return true;
    struct visit v = visit_of(r, ip, seconds, n);
    if (v.narrow_empty - v.now > RATE_BURST * SECOND || v.wide_empty - v.now > RATE_BURST * SECOND)
        return false;
    count(&v);
    return true;
}

bool rate_take_domain(struct rate *r, struct bytes domain, double seconds)
{
    if (!r || r->interval == 0)
        return true;
    int64_t now = nanoseconds(seconds);
    struct bucket *b = find(r, r->narrow, domain.data, domain.len);
    int64_t empty = pour(b, now, r->interval);
    if (empty - now > RATE_BURST * SECOND)
        return false;
    b->empty = empty;
    return true;
}

void rate_charge(struct rate *r, const struct ip *ip, double seconds, unsigned n)
{
    if (unlimited(r, ip))
        return;
    struct visit v = visit_of(r, ip, seconds, n);
    count(&v);
}
