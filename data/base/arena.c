/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Chunked region allocator: see arena.h. Chunks double up to 64 KiB; larger requests get a chunk of their
 * own. */
#include "data/base/arena.h"

#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>

#include "data/base/pool.h"

enum { FIRST_CHUNK = 992, LARGEST_CHUNK = 65536 };

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    size_t used;
    alignas(max_align_t) uint8_t data[];
};

/* Small chunks come and go by the thousand. */
static _Thread_local struct pool chunks;

void arena_init(struct arena *a, size_t limit)
{
    *a = (struct arena){.limit = limit};
}

static struct arena_chunk *chunk_new(struct arena *a, size_t need)
{
    size_t size = a->head ? a->head->size * 2 : FIRST_CHUNK;
    if (size > LARGEST_CHUNK)
        size = LARGEST_CHUNK;
    if (size < need)
        size = need;
    size_t left = a->limit - a->held;
    if (size + sizeof(struct arena_chunk) > left)
        size = need;
    if (size > SIZE_MAX - sizeof(struct arena_chunk) || size + sizeof(struct arena_chunk) > left)
        return NULL;
    struct arena_chunk *c = pool_alloc(&chunks, sizeof *c + size);
    if (!c)
        return NULL;
    c->size = size;
    c->used = 0;
    c->next = a->head;
    a->head = c;
    a->held += sizeof *c + size;
    return c;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2)
        return NULL;
    n = (n + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_chunk *c = a->head;
    if (!c || n > c->size - c->used) {
        c = chunk_new(a, n);
        if (!c)
            return NULL;
    }
    void *p = c->data + c->used;
    c->used += n;
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    size_t n;
    return __builtin_mul_overflow(count, size, &n) ? NULL : arena_zalloc(a, n);
}

struct bytes arena_copy(struct arena *a, struct bytes b)
{
    uint8_t *p = arena_alloc(a, b.len + 1);
    if (!p)
        return BYTES_NONE;
    if (b.len)
        memcpy(p, b.data, b.len);
    p[b.len] = 0;
    return bytes_of(p, b.len);
}

char *arena_text(struct arena *a, struct bytes b)
{
    return (char *)(uintptr_t)arena_copy(a, b).data;
}

char *arena_printf(struct arena *a, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, format, again);
    va_end(again);
    return p;
}

void arena_fini(struct arena *a)
{
    while (a->head) {
        struct arena_chunk *next = a->head->next;
        pool_release(&chunks, a->head);
        a->head = next;
    }
    a->held = 0;
}
