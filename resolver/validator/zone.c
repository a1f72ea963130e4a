/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zones and their cache: see zone.h. Hash buckets of rings, and one ring in order of use. */
#include "resolver/validator/zone.h"

#include <stdlib.h>

struct zones {
    struct hash_key hash;
    struct link queue; /* least recently used first */
    unsigned count, max;
    size_t mask;
    struct link bucket[];
};

struct zone *zone_new(enum zone_state state, const struct dns_name *name, const struct bytes *keys,
                      unsigned key_count)
{
    size_t size = sizeof(struct zone) + key_count * sizeof(struct key), at = size;
    for (unsigned i = 0; i < key_count; i++)
        size += keys[i].len;
    struct zone *z = calloc(1, size);
    if (!z)
        return NULL;
    z->refs = 1;
    z->state = state;
    z->name = *name;
    link_init(&z->bucket);
    link_init(&z->queue);
    for (unsigned i = 0; i < key_count; i++) {
        uint8_t *copy = (uint8_t *)z + at;
        memcpy(copy, keys[i].data, keys[i].len);
        at += keys[i].len;
        if (key_init(&z->key[z->key_count], bytes_of(copy, keys[i].len)))
            z->key_count++;
    }
    return z;
}

struct zone *zone_hold(struct zone *z)
{
    z->refs++;
    return z;
}

void zone_release(struct zone *z)
{
    if (!z || --z->refs)
        return;
    for (unsigned i = 0; i < z->key_count; i++)
        key_fini(&z->key[i]);
    zone_release(z->above); /* a zone with keys, which has none above: one step deep */
    free(z);
}

struct zones *zones_new(unsigned max)
{
    size_t buckets = 64;
    while (buckets < max)
        buckets *= 2;
    struct zones *t = calloc(1, sizeof *t + buckets * sizeof t->bucket[0]);
    if (!t)
        return NULL;
    random_fill(&t->hash, sizeof t->hash);
    t->max = max;
    t->mask = buckets - 1;
    link_init(&t->queue);
    for (size_t i = 0; i < buckets; i++)
        link_init(&t->bucket[i]);
    return t;
}

static void drop(struct zones *t, struct zone *z)
{
    link_remove(&z->bucket);
    link_remove(&z->queue);
    t->count--;
    zone_release(z);
}

void zones_free(struct zones **t)
{
    if (!*t)
        return;
    while (!link_empty(&(*t)->queue))
        drop(*t, holder_of((*t)->queue.next, struct zone, queue));
    free(*t);
    *t = NULL;
}

static struct link *bucket_of(struct zones *t, const struct dns_name *name)
{
    return &t->bucket[hash_siphash(&t->hash, name->wire, name->len) & t->mask];
}

static struct zone *find(struct zones *t, const struct dns_name *name)
{
    struct link *bucket = bucket_of(t, name);
    for (struct link *at = bucket->next; at != bucket; at = at->next) {
        struct zone *z = holder_of(at, struct zone, bucket);
        if (name_equal(&z->name, name))
            return z;
    }
    return NULL;
}

struct zone *zones_get(struct zones *t, const struct dns_name *name, uint32_t now)
{
    struct zone *z = find(t, name);
    if (!z)
        return NULL;
    if (z->expires <= now || now < z->since) {
        drop(t, z);
        return NULL;
    }
    link_remove(&z->queue);
    link_append(&t->queue, &z->queue);
    return z;
}

void zones_put(struct zones *t, struct zone *z)
{
    struct zone *old = find(t, &z->name);
    if (old)
        drop(t, old);
    while (t->count >= t->max)
        drop(t, holder_of(t->queue.next, struct zone, queue));
    link_append(bucket_of(t, &z->name), &z->bucket);
    link_append(&t->queue, &z->queue);
    t->count++;
    zone_hold(z);
}
