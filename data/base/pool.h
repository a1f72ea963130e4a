/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An allocator of small blocks that come and go by the thousand: lists of free blocks by size, kept for the
 * next.
 *
 * malloc caches seven blocks of a size at most; a connection with 32 requests under way goes past that with
 * each, and pays for splitting and merging. What is kept is bounded, and nothing under AddressSanitizer or
 * Valgrind (the Makefile says how many of a size), so that these see what is used after its end; larger
 * blocks are malloc's own. Not thread-safe. */
#ifndef POLYNYA_BASE_POOL_H
#define POLYNYA_BASE_POOL_H

#include <stddef.h>

enum { POOL_STEP = 64, POOL_CLASSES = 36, POOL_KEPT = POLYNYA_POOL_KEPT };

struct pool {
    struct pool_block *free[POOL_CLASSES];
    unsigned kept[POOL_CLASSES];
};

/* A zeroed struct pool is ready, and so is one after pool_fini, whatever of it is still in use. */
void pool_fini(struct pool *p);
/* As malloc, calloc, realloc and free. */
void *pool_alloc(struct pool *p, size_t n);
void *pool_zalloc(struct pool *p, size_t count, size_t size);
void *pool_resize(struct pool *p, void *at, size_t n);
void pool_release(struct pool *p, void *at);

#endif
