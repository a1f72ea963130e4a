/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared answer cache: two generations of LMDB files instead of a garbage collector.
 *
 * Writes go to the current file, reads try the current, then the previous one; a hit there is copied forward.
 * When the current file reaches half of the configured size it becomes the previous one, a new one begins
 * and the oldest is unlinked, so the disk never holds more than the configured size. One worker leads a
 * rotation under a file lock and tells the others by the generation counter.
 *
 * Nothing here fails a query: what cannot be read is a miss, what cannot be written is dropped and counted.
 * A full, foreign, torn or older file is set aside (renamed *.bad, one kept) and replaced. A file from before the last boot that
 * was not synced at a clean stop is discarded: NOSYNC promises nothing across a power cut. */
#ifndef POLYNYA_STORE_CACHE_H
#define POLYNYA_STORE_CACHE_H

#include "data/base/bytes.h"

struct cache;

struct cache_options {
    const char *dir;              /* files are cache-<number>.mdb in it */
    size_t size;                  /* bytes on disk over both generations */
    uint32_t *generation;         /* shared counter (shm), bumped at rotation */
};

/* Always gives a cache; one that could not open its files answers nothing and tries again every 10 s of use. NULL only without memory. */
struct cache *cache_open(const struct cache_options *options);
/* clean: this is an orderly stop, sync and mark the files as good across a power cut. */
void cache_close(struct cache **c, bool clean);

/* The answer block stored under key, borrowed until cache_end; false on a miss. Checks nothing inside the value. */
bool cache_get(struct cache *c, struct bytes key, struct bytes *value);
/* Ends the read transaction of this turn of the loop; cheap when there is none. */
void cache_end(struct cache *c);
/* Queues a copy for the next commit; dropped and counted when more than 4 MiB wait. */
void cache_put(struct cache *c, struct bytes key, struct bytes value);
/* Milliseconds (monotonic) until the next commit is due, -1 if nothing waits. */
int64_t cache_due(const struct cache *c, int64_t now_ms);
/* Commits what waits if it is due (100 ms after the first put), follows or leads a rotation, retries a failed
 * open. Call it when cache_due says so. */
void cache_tick(struct cache *c, int64_t now_ms);

struct cache_usage {
    size_t used, size;
    uint64_t number; /* of the current file */
};
void cache_usage(struct cache *c, struct cache_usage *out);

#endif
