/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A region of memory that is freed at once.
 *
 * Everything a request, a document or a reload allocates lives in one arena and ends with it. An arena has
 * a limit in bytes: past it allocations fail with NULL, which bounds what one client or document can cost. */
#ifndef POLYNYA_BASE_ARENA_H
#define POLYNYA_BASE_ARENA_H

#include "data/base/bytes.h"

struct arena_chunk;

struct arena {
    struct arena_chunk *head;
    size_t limit; /* bytes of chunks that may be held, headers included */
    size_t held;
};

/* Allocates nothing yet. limit in bytes; SIZE_MAX for none. */
void arena_init(struct arena *a, size_t limit);
/* Aligned for any type, not zeroed; NULL when the limit or the memory is exhausted. n = 0 gives a valid
 * pointer. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);
/* count objects of size bytes, zeroed, overflow checked. */
void *arena_array(struct arena *a, size_t count, size_t size);
/* Copies; .data is NULL on failure. A NUL follows the copy and is not counted. */
struct bytes arena_copy(struct arena *a, struct bytes b);
char *arena_text(struct arena *a, struct bytes b);
char *arena_printf(struct arena *a, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Frees everything; the arena can be used again. */
void arena_fini(struct arena *a);

#endif
