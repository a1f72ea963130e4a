/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cache of cache.h: opening, reading, and the commit of what waits.
 *
 * Every commit, as every change to the set of files (generations.h), happens under the writer's lock of
 * cachedir.h, which is tried and never waited for: LMDB's own writer mutex is then free, and a stopped
 * process cannot stop the others. */
#include "data/store/cache.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "data/base/metric.h"
#include "data/store/cachequeue.h"
#include "data/store/generations.h"

enum {
    QUEUE_MAX = 4 << 20,
    DISCARD_KEEPS = 32 << 10, /* bytes of cache.bad that outlive a discard */
    COMMIT_MS = 100,
    LOCK_RETRY_MS = 10,
    OPEN_RETRY_MS = 10000,
    READERS_MS = 60000,
    OPEN_TRIES = 200 /* × 5 ms at start, where waiting harms nobody */
};

struct cache {
    char *path;
    bool is_open, broken;
    struct generations files;
    struct cachequeue queue;
    int64_t commit_at, retry_at, readers_at; /* not before, monotonic ms */
};

static void queue_drop(struct cache *c)
{
    metric_add(METRIC_CACHE_DROPPED, c->queue.count);
    cachequeue_clear(&c->queue);
}

static void queue_add(struct cache *c, struct bytes key, struct bytes value, bool forward)
{
    if (!c->is_open || !cachequeue_add(&c->queue, key, value, forward))
        metric_count(METRIC_CACHE_DROPPED);
}

static void shut(struct cache *c, int64_t retry_at)
{
    generations_close(&c->files);
    queue_drop(c);
    c->is_open = c->broken = false;
    c->retry_at = retry_at;
}

/* One attempt to open; false with errno EAGAIN if another process is in the way for a moment. */
static bool try_open(struct cache *c)
{
    if (!cachedir_open(c->path, &c->files.dir))
        return false;
    enum cachedir_join join = cachedir_join(&c->files.dir);
    errno = EAGAIN;
    bool done = join != CACHEDIR_BUSY && cachedir_lock(&c->files.dir);
    if (done && join == CACHEDIR_ALONE)
        done = generations_begin_alone(&c->files);
    if (done && !generations_settle(&c->files, join == CACHEDIR_SHARED)) {
        errno = EIO;
        done = false;
    }
    int error = errno;
    if (!done) {
        cachedir_close(&c->files.dir); /* and all its locks */
    } else {
        cachedir_share(&c->files.dir);
        cachedir_unlock(&c->files.dir);
        c->is_open = true;
        generations_trouble_over(&c->files);
    }
    errno = error;
    return done;
}

static void open_again(struct cache *c, int64_t now_ms)
{
    if (try_open(c))
        return;
    if (errno == EAGAIN) {
        c->retry_at = now_ms + COMMIT_MS;
        return;
    }
    generations_trouble(&c->files, "open", strerror(errno));
    c->retry_at = now_ms + OPEN_RETRY_MS;
}

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
}

struct cache *cache_open(const struct cache_options *options)
{
    struct cache *c = calloc(1, sizeof *c);
    if (!c || !(c->path = strdup(options->dir))) {
        free(c);
        return NULL;
    }
    generations_init(&c->files, options->size, options->generation);
    c->queue.max = c->files.half / 4 < QUEUE_MAX ? c->files.half / 4 : QUEUE_MAX;
    int error = EAGAIN;
    for (int i = 0; i < OPEN_TRIES && !c->is_open && error == EAGAIN; i++) {
        if (i)
            nap();
        error = try_open(c) ? 0 : errno;
    }
    if (!c->is_open)
        generations_trouble(&c->files, "open", strerror(error));
    return c;
}

/* What a failed read means: nothing now, something for the next tick. */
static void note_read_failure(struct cache *c, struct generation *g, enum store_result result)
{
    generations_trouble(&c->files, "read", store_error(g->store));
    if (result == STORE_CORRUPT)
        g->corrupt = true;
    else if (result != STORE_BUSY)
        c->broken = true;
}

static bool generation_get(struct cache *c, struct generation *g, struct bytes key, struct bytes *value)
{
    if (!g->store || g->corrupt)
        return false;
    enum store_result result = g->read ? STORE_OK : store_read(g->store, &g->read);
    if (result == STORE_OK)
        result = store_get(g->read, key, value);
    if (result != STORE_OK && result != STORE_NOT_FOUND)
        note_read_failure(c, g, result);
    return result == STORE_OK;
}

bool cache_get(struct cache *c, struct bytes key, struct bytes *value)
{
    if (!cachequeue_key_fits(key))
        return false;
    if (generation_get(c, &c->files.current, key, value))
        return true;
    if (!generation_get(c, &c->files.previous, key, value))
        return false;
    queue_add(c, key, *value, true);
    return true;
}

void cache_end(struct cache *c)
{
    generations_end_reads(&c->files);
}

void cache_put(struct cache *c, struct bytes key, struct bytes value)
{
    queue_add(c, key, value, false);
}

static void commit_failed(struct cache *c, enum store_result result, int64_t now_ms)
{
    generations_trouble(&c->files, "write", store_error(c->files.current.store));
    queue_drop(c);
    if (result == STORE_CORRUPT)
        c->files.current.corrupt = true;
    else if (result == STORE_DISK)
        c->commit_at = now_ms + OPEN_RETRY_MS; /* reads go on meanwhile */
    else if (result != STORE_FULL)
        c->broken = true;
}

/* Writer's lock held, our current file the newest. */
static void commit(struct cache *c, int64_t now_ms)
{
    c->commit_at = now_ms + COMMIT_MS;
    enum store_result result = cachequeue_write(&c->queue, c->files.current.store);
    if (result == STORE_FULL && generations_rotate(&c->files))
        result = cachequeue_write(&c->queue, c->files.current.store);
    if (result != STORE_OK) {
        commit_failed(c, result, now_ms);
        return;
    }
    metric_add(METRIC_CACHE_WRITES, c->queue.count);
    cachequeue_clear(&c->queue);
    generations_trouble_over(&c->files);
    if (generations_full(&c->files))
        generations_rotate(&c->files);
}

static void check_readers(struct cache *c, int64_t now_ms)
{
    if (now_ms < c->readers_at)
        return;
    c->readers_at = now_ms + READERS_MS;
    store_check_readers(c->files.current.store);
    if (c->files.previous.store)
        store_check_readers(c->files.previous.store);
}

void cache_tick(struct cache *c, int64_t now_ms)
{
    cache_end(c);
    if (c->broken)
        shut(c, now_ms + OPEN_RETRY_MS);
    if (!c->is_open) {
        if (now_ms >= c->retry_at)
            open_again(c, now_ms);
        return;
    }
    check_readers(c, now_ms);
    if (now_ms < c->commit_at || !(c->queue.len || generations_unsettled(&c->files)))
        return;
    if (!cachedir_lock(&c->files.dir)) {
        c->commit_at = now_ms + LOCK_RETRY_MS;
        return;
    }
    if (generations_behind(&c->files) && !generations_settle(&c->files, true))
        shut(c, now_ms + OPEN_RETRY_MS);
    else if (c->queue.len)
        commit(c, now_ms);
    if (c->is_open)
        cachedir_unlock(&c->files.dir);
}

/* The last one out syncs and says so. Whoever leaves while others stay has nothing to say: their writes
 * follow. */
static void leave_clean(struct cache *c)
{
    cachedir_leave(&c->files.dir);
    if (cachedir_join(&c->files.dir) != CACHEDIR_ALONE)
        return;
    bool synced = store_sync(c->files.current.store) == STORE_OK &&
                  (!c->files.previous.store || store_sync(c->files.previous.store) == STORE_OK);
    if (!synced || !cachedir_mark(&c->files.dir, true))
        generations_trouble(&c->files, "close",
                            synced ? strerror(errno) : store_error(c->files.current.store));
}

void cache_close(struct cache **cache, bool clean)
{
    struct cache *c = *cache;
    if (!c)
        return;
    cache_end(c);
    for (int i = 0; i < OPEN_TRIES && clean && c->is_open && !c->broken &&
                    (c->queue.len || generations_unsettled(&c->files));
         i++) {
        if (i)
            nap();
        c->commit_at = 0;
        cache_tick(c, 0);
    }
    if (clean && c->is_open && !c->broken && !generations_unsettled(&c->files))
        leave_clean(c);
    shut(c, 0);
    cachequeue_fini(&c->queue);
    free(c->path);
    free(c);
    *cache = NULL;
}

void cache_usage(struct cache *c, struct cache_usage *out)
{
    *out = (struct cache_usage){.size = c->files.size, .number = c->files.current.number};
    if (c->files.current.store)
        out->used += store_used(c->files.current.store);
    if (c->files.previous.store)
        out->used += store_used(c->files.previous.store);
}

void cache_discard(const char *path)
{
    struct cachedir d;
    if (!cachedir_open(path, &d))
        return;
    for (int i = 0; i < OPEN_TRIES && !cachedir_lock(&d); i++)
        nap();
    /* A stopped process may hold the lock for ever; these files go in any case. */
    cachedir_clear(&d, DISCARD_KEEPS);
    cachedir_close(&d);
}
