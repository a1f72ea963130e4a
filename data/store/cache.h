/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared answer cache: two generations of LMDB files instead of a garbage collector.
 *
 * Writes go to the current file, reads try the current, then the previous one; a hit there is copied forward.
 * When the current file reaches half of the configured size it becomes the previous one, a new one begins
 * and the oldest is unlinked, so the disk never holds more than the configured size. One worker leads a
 * rotation under a file lock and tells the others by the generation counter.
 *
 * Nothing here fails a query: what cannot be read is a miss, what cannot be written is dropped and counted.
 * A full, foreign, torn or older file is set aside (renamed cache.bad; the last one is kept unless it is
 * larger than a 32nd of the size) and replaced. A file from before the last boot that was not synced at a
 * clean stop is discarded: NOSYNC promises nothing across a power cut. The other files in the directory are
 * described in cachedir.h. */
#ifndef POLYNYA_STORE_CACHE_H
#define POLYNYA_STORE_CACHE_H

#include "data/base/bytes.h"

struct cache;

struct cache_options {
    const char *dir;      /* files are cache-<number>.mdb in it; made (0700) if missing */
    size_t size;          /* bytes on disk over both generations, at least 1 MiB */
    uint32_t *generation; /* shared counter (shm), bumped at rotation */
};

/* Always gives a cache; one that could not open its files answers nothing and tries again every 10 s. May
 * wait up to a second for another process that is just opening or closing. NULL only without memory. */
struct cache *cache_open(const struct cache_options *options);
/* clean: this is an orderly stop. What waits is written; the last process to leave syncs and marks the files
 * as good across a power cut. */
void cache_close(struct cache **c, bool clean);

/* The answer block stored under key, borrowed until cache_end; false on a miss. Checks nothing inside the
 * value. */
bool cache_get(struct cache *c, struct bytes key, struct bytes *value);
/* Ends the read transaction of this turn of the loop; cheap when there is none. */
void cache_end(struct cache *c);
/* Queues a copy for the next commit; dropped and counted when more than 4 MiB wait. */
void cache_put(struct cache *c, struct bytes key, struct bytes value);
/* Commits what waits (at most once in 100 ms), follows or leads a rotation, retries a failed open. Never
 * waits for another process. Ends the turn's reads as cache_end does. */
void cache_tick(struct cache *c, int64_t now_ms);

struct cache_usage {
    size_t used, size;
    uint64_t number; /* of the current file */
};
void cache_usage(struct cache *c, struct cache_usage *out);

/* Throws all generations away. For the supervisor, after two workers died of SIGSEGV or SIGBUS within a
 * minute: LMDB trusts its file, and a torn page that the walk at open missed would kill every worker that
 * reads it. Then shm_bump the counter: processes that still have the files open leave them and begin new
 * ones. */
void cache_discard(const char *dir);

#endif
