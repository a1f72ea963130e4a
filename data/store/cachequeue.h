/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the cache is to write at its next commit: keys and values, one behind the other in a bounded buffer.
 */
#ifndef POLYNYA_STORE_CACHEQUEUE_H
#define POLYNYA_STORE_CACHEQUEUE_H

#include "data/store/store.h"

struct cachequeue {
    uint8_t *data;
    size_t len, cap, max; /* max is the caller's to set: bytes that may wait */
    unsigned count;
};

/* A key that the store takes. */
bool cachequeue_key_fits(struct bytes key);
/* Copies both; false if there is no room. forward: a copy out of the previous generation, never to be put
 * over a newer value; such copies may fill half of the queue, so that they never crowd out what is new. */
bool cachequeue_add(struct cachequeue *q, struct bytes key, struct bytes value, bool forward);
/* Writes everything in one transaction; the queue stays as it is. */
enum store_result cachequeue_write(const struct cachequeue *q, struct store *to);
/* Empties it, giving back memory that only a crowd needed. */
void cachequeue_clear(struct cachequeue *q);
void cachequeue_fini(struct cachequeue *q);

#endif
