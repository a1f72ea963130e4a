/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists of free blocks: see pool.h. Before each block stands how much it holds. */
#include "data/base/pool.h"

#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct pool_block {
    size_t room; /* bytes of data; a multiple of POOL_STEP */
    struct pool_block *next;
    alignas(max_align_t) unsigned char data[];
};

static struct pool_block *block_of(void *at)
{
    return (struct pool_block *)(void *)((char *)at - offsetof(struct pool_block, data));
}

/* POOL_CLASSES or more: not kept. */
static size_t class_of(size_t room)
{
    return room / POOL_STEP - 1;
}

void *pool_alloc(struct pool *p, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    size_t room = n ? (n + POOL_STEP - 1) / POOL_STEP * POOL_STEP : POOL_STEP, class = class_of(room);
    if (class < POOL_CLASSES && p->free[class]) {
        struct pool_block *b = p->free[class];
        p->free[class] = b->next;
        p->kept[class]--;
        return b->data;
    }
    struct pool_block *b = malloc(sizeof *b + room);
    if (!b)
        return NULL;
    b->room = room;
    return b->data;
}

void *pool_zalloc(struct pool *p, size_t count, size_t size)
{
    size_t n;
    if (__builtin_mul_overflow(count, size, &n))
        return NULL;
    void *at = pool_alloc(p, n);
    return at ? memset(at, 0, n) : NULL;
}

void pool_release(struct pool *p, void *at)
{
    if (!at)
        return;
    struct pool_block *b = block_of(at);
    size_t class = class_of(b->room);
    if (class >= POOL_CLASSES || p->kept[class] + 1 > POOL_KEPT) {
        free(b);
        return;
    }
    b->next = p->free[class];
    p->free[class] = b;
    p->kept[class]++;
}

void *pool_resize(struct pool *p, void *at, size_t n)
{
    if (at && n && n <= block_of(at)->room)
        return at;
    void *grown = pool_alloc(p, n);
    if (!grown || !at)
        return grown;
    size_t room = block_of(at)->room;
    memcpy(grown, at, room < n ? room : n);
    pool_release(p, at);
    return grown;
}

void pool_fini(struct pool *p)
{
    for (int i = 0; i < POOL_CLASSES; i++)
        while (p->free[i]) {
            struct pool_block *next = p->free[i]->next;
            free(p->free[i]);
            p->free[i] = next;
        }
    *p = (struct pool){0};
}
