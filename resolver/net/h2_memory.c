/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory for nghttp2: see h2_memory.h. */
#include "resolver/net/h2_memory.h"

#include <stdlib.h>
#include <string.h>

/* A frame of the least greatest size (RFC 9113 4.2) with its head and the length of its padding: nothing else
 * that a session asks for at its beginning is as long. Were it not asked for, or asked for twice, sessions
 * would work all the same. */
enum { FRAME_LEAST = 16384, FRAME_MOST = FRAME_LEAST + 64 };

static void *take(size_t n, void *self)
{
    struct h2_memory *m = self;
    return pool_alloc(&m->pool, n);
}

static void give(void *at, void *self)
{
    struct h2_memory *m = self;
    if (at != m->frame)
        pool_release(&m->pool, at);
}

static void *take_zeroed(size_t count, size_t size, void *self)
{
    struct h2_memory *m = self;
    return pool_zalloc(&m->pool, count, size);
}

/* Buffers are made by this one, too. Their own of more than the least greatest size have those only whose
 * peers ask for it. */
static void *resize(void *at, size_t n, void *self)
{
    struct h2_memory *m = self;
    if (!at && m->making && n >= FRAME_LEAST && n <= FRAME_MOST)
        return m->frame;
    if (at != m->frame)
        return pool_resize(&m->pool, at, n);
    if (n <= FRAME_MOST)
        return at;
    void *own = pool_alloc(&m->pool, n);
    return own ? memcpy(own, at, FRAME_MOST) : NULL;
}

bool h2_memory_init(struct h2_memory *m)
{
    *m = (struct h2_memory){.mem = {m, take, give, take_zeroed, resize}};
    m->frame = calloc(1, FRAME_MOST);
    return m->frame != NULL;
}

void h2_memory_fini(struct h2_memory *m)
{
    pool_fini(&m->pool);
    free(m->frame);
    m->frame = NULL;
}
