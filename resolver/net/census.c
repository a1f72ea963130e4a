/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counters by client prefix: see census.h. A chained table of fixed size. */
#include "resolver/net/census.h"

#include <stdlib.h>

#include "data/base/hash.h"

/* The address' first half and its length: v4 and v6 never meet. */
struct prefix {
    uint8_t bits[8];
    uint64_t family;
};

struct census_entry {
    struct census_entry *next;
    struct prefix prefix;
    unsigned count;
};

struct census {
    struct hash_key key;
    size_t mask;
    struct census_entry *bucket[];
};

static struct prefix prefix_of(const struct ip *ip)
{
    struct prefix p = {.family = ip->len};
    memcpy(p.bits, ip->addr, ip->len == 4 ? 4 : 8);
    return p;
}

static struct census_entry **find(struct census *c, const struct prefix *p)
{
    struct census_entry **at = &c->bucket[hash_siphash(&c->key, p, sizeof *p) & c->mask];
    while (*at && memcmp(&(*at)->prefix, p, sizeof *p) != 0)
        at = &(*at)->next;
    return at;
}

struct census *census_new(unsigned expected)
{
    size_t size = 64;
    while (size < expected)
        size *= 2;
    struct census *c = calloc(1, sizeof *c + size * sizeof *c->bucket);
    if (c) {
        random_fill(&c->key, sizeof c->key);
        c->mask = size - 1;
    }
    return c;
}

void census_free(struct census **c)
{
    free(*c);
    *c = NULL;
}

struct census_entry *census_enter(struct census *c, const struct ip *ip, unsigned limit)
{
    struct prefix p = prefix_of(ip);
    struct census_entry **at = find(c, &p);
    if (!*at && limit) {
        *at = calloc(1, sizeof **at);
        if (*at)
            (*at)->prefix = p;
    }
    if (!*at || (*at)->count >= limit)
        return NULL;
    (*at)->count++;
    return *at;
}

void census_leave(struct census *c, struct census_entry *e)
{
    if (--e->count)
        return;
    *find(c, &e->prefix) = e->next;
    free(e);
}
