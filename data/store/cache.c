/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two generations of cache.h, and the queue of what is to be written.
 *
 * Every change to the set of files and every commit happens under the writer's lock of cachedir.h, which is
 * tried and never waited for: LMDB's own writer mutex is then free, and a stopped process cannot stop the
 * others. The shared counter only tells sooner; what counts is what stands in the directory, looked at before
 * every commit. Each file's map is half of the size less a sixteenth (lock files, cache.bad), so LMDB itself
 * holds the bound; a generation ends at 90 % of it, for copy-on-write needs room to turn. */
#include "data/store/cache.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <time.h>

#include "data/base/log.h"
#include "data/base/metric.h"
#include "data/store/cachedir.h"
#include "data/store/shm.h"
#include "data/store/store.h"

enum {
    SIZE_MIN = 1 << 20,
    RESERVE = 64 << 10, /* lock files and state */
    QUEUE_MAX = 4 << 20,
    QUEUE_KEPT = 256 << 10, /* memory of the queue that stays between commits */
    KEY_MAX = 511,
    COMMIT_MS = 100,
    LOCK_RETRY_MS = 10,
    OPEN_RETRY_MS = 10000,
    READERS_MS = 60000,
    OPEN_TRIES = 200, /* × 5 ms at start, where waiting harms nobody */
    SETTLE_TRIES = 4
};

struct generation {
    uint64_t number;
    struct store *store;    /* NULL: none */
    struct store_txn *read; /* of this turn */
    bool corrupt;           /* a read found it so */
};

struct cache {
    char *path;
    size_t size, half;
    uint32_t *shared; /* the counter */
    uint32_t seen;
    bool is_open, broken, in_trouble;
    struct cachedir dir;
    struct generation current, previous;
    uint8_t *queue;
    size_t queued, queue_cap, queue_max;
    unsigned queued_count;
    int64_t commit_at, retry_at, readers_at; /* not before, monotonic ms */
};

/* Head of an item of the queue; key and value follow. */
struct item {
    uint32_t value_len;
    uint16_t key_len;
    bool forward; /* copied from the previous generation: never over a newer one */
};

/* One line when trouble begins and one when it ends; the metric counts them all. */
static void trouble(struct cache *c, const char *what, const char *why)
{
    metric_count(METRIC_CACHE_ERRORS);
    if (!c->in_trouble)
        log_warn("cache.trouble", "what=%s error=\"%s\"", what, why);
    c->in_trouble = true;
}

static void trouble_over(struct cache *c)
{
    if (c->in_trouble)
        log_info("cache.recovered", "number=%llu", (unsigned long long)c->current.number);
    c->in_trouble = false;
}

static void generation_end_read(struct generation *g)
{
    if (g->read)
        store_abort(g->read);
    g->read = NULL;
}

static void generation_close(struct generation *g)
{
    generation_end_read(g);
    store_close(&g->store);
    *g = (struct generation){0};
}

static void queue_clear(struct cache *c)
{
    c->queued = c->queued_count = 0;
    if (c->queue_cap > QUEUE_KEPT) {
        free(c->queue);
        c->queue = NULL;
        c->queue_cap = 0;
    }
}

static void queue_drop(struct cache *c)
{
    metric_add(METRIC_CACHE_DROPPED, c->queued_count);
    queue_clear(c);
}

/* Copies may fill half of the queue: they never crowd out what is new. */
static bool queue_reserve(struct cache *c, size_t len, bool forward)
{
    size_t max = forward ? c->queue_max / 2 : c->queue_max;
    if (c->queued + len > max)
        return false;
    if (c->queued + len <= c->queue_cap)
        return true;
    size_t cap = c->queue_cap ? c->queue_cap : 4096;
    while (cap < c->queued + len)
        cap *= 2;
    uint8_t *grown = realloc(c->queue, cap);
    if (!grown)
        return false;
    c->queue = grown;
    c->queue_cap = cap;
    return true;
}

static bool key_fits(struct bytes key)
{
    return key.len >= 1 && key.len <= KEY_MAX;
}

static void queue_add(struct cache *c, struct bytes key, struct bytes value, bool forward)
{
    struct item item = {(uint32_t)value.len, (uint16_t)key.len, forward};
    if (!c->is_open || !key_fits(key) || value.len > c->queue_max ||
        !queue_reserve(c, sizeof item + key.len + value.len, forward)) {
        metric_count(METRIC_CACHE_DROPPED);
        return;
    }
    struct writer w = writer_of(c->queue + c->queued, c->queue_cap - c->queued);
    writer_put(&w, &item, sizeof item);
    writer_bytes(&w, key);
    writer_bytes(&w, value);
    c->queued += w.len;
    c->queued_count++;
}

static void shut(struct cache *c, int64_t retry_at)
{
    generation_close(&c->current);
    generation_close(&c->previous);
    cachedir_close(&c->dir);
    queue_drop(c);
    c->is_open = c->broken = false;
    c->retry_at = retry_at;
}

static off_t keep_bytes(const struct cache *c)
{
    return (off_t)(c->size / 32);
}

/* Others find out by the counter; we have seen it ourselves. */
static void tell(struct cache *c)
{
    shm_bump(c->shared);
    c->seen = shm_load(c->shared);
}

/* The handle of that file if `from` has it open, taken out of it. */
static bool generation_move(struct cache *c, uint64_t number, struct generation *from, struct generation *to)
{
    if (!from->store || from->number != number || from->corrupt ||
        cachedir_inode(&c->dir, number) != store_inode(from->store))
        return false;
    *to = *from;
    *from = (struct generation){0};
    return true;
}

static void set_aside(struct cache *c, uint64_t number)
{
    metric_count(METRIC_CACHE_ERRORS);
    log_warn("cache.set-aside", "number=%llu why=\"foreign, torn or of another format\"",
             (unsigned long long)number);
    cachedir_set_aside(&c->dir, number, keep_bytes(c));
}

static enum store_result generation_open(struct cache *c, uint64_t number, bool trusted, struct generation *g)
{
    char path[PATH_MAX];
    struct store_options options = {.size = c->half, .trusted = trusted};
    /* Left by a larger configured size. */
    if (cachedir_size(&c->dir, number) > (off_t)c->half)
        cachedir_remove(&c->dir, number);
    *g = (struct generation){.number = number};
    if (!cachedir_path(&c->dir, number, path, sizeof path))
        return STORE_FAILED;
    enum store_result result = store_open(path, &options, &g->store);
    if (result == STORE_CORRUPT)
        set_aside(c, number);
    else if (result != STORE_OK)
        trouble(c, "open", store_error(NULL));
    return result;
}

static enum store_result generation_take(struct cache *c, uint64_t number, bool trusted,
                                         struct generation old[2], struct generation *out)
{
    if (generation_move(c, number, &old[0], out) || generation_move(c, number, &old[1], out))
        return STORE_OK;
    return generation_open(c, number, trusted, out);
}

/* Opens the file to write to: the newest, or one more if there is none or it is no good. Gives the number
 * that stands before it, 0 for none. */
static enum store_result settle_current(struct cache *c, bool trusted, struct generation old[2],
                                        uint64_t *before)
{
    uint64_t number[2], last = old[0].number;
    for (int tries = 0; tries < SETTLE_TRIES; tries++) {
        cachedir_newest(&c->dir, number);
        bool create = number[0] == 0 || number[0] < last;
        uint64_t want = create ? last + 1 : number[0];
        *before = create ? number[0] : number[1];
        enum store_result result = generation_take(c, want, trusted, old, &c->current);
        if (result == STORE_OK && create)
            tell(c);
        if (result != STORE_CORRUPT)
            return result;
        last = want;
    }
    return STORE_CORRUPT;
}

/* Makes our two handles those of the two newest files. Writer's lock held, no reads open. */
static bool settle(struct cache *c, bool trusted)
{
    struct generation old[2] = {c->current, c->previous};
    uint64_t before;
    c->current = c->previous = (struct generation){0};
    c->seen = shm_load(c->shared);
    for (int i = 0; i < 2; i++)
        if (old[i].corrupt && cachedir_inode(&c->dir, old[i].number) == store_inode(old[i].store))
            set_aside(c, old[i].number);
    enum store_result result = settle_current(c, trusted, old, &before);
    /* Without the previous one it is a smaller cache, no more. */
    if (result == STORE_OK && before && generation_take(c, before, trusted, old, &c->previous) != STORE_OK)
        c->previous = (struct generation){0};
    generation_close(&old[0]);
    generation_close(&old[1]);
    return result == STORE_OK;
}

/* Nobody else has the files: the time to judge them. False and errno if that cannot be written down. */
static bool begin_alone(struct cache *c)
{
    bool used;
    if (!cachedir_trusted(&c->dir, &used)) {
        uint64_t number[2];
        cachedir_newest(&c->dir, number);
        if (number[0])
            log_warn("cache.discarded",
                     "number=%llu why=\"not left clean before this boot, or of another format\"",
                     (unsigned long long)number[0]);
        cachedir_clear(&c->dir, keep_bytes(c));
        used = false;
    }
    return used || cachedir_mark(&c->dir, false);
}

/* One attempt to open; false with errno EAGAIN if another process is in the way for a moment. */
static bool try_open(struct cache *c)
{
    if (!cachedir_open(c->path, &c->dir))
        return false;
    enum cachedir_join join = cachedir_join(&c->dir);
    errno = EAGAIN;
    bool done = join != CACHEDIR_BUSY && cachedir_lock(&c->dir);
    if (done && join == CACHEDIR_ALONE)
        done = begin_alone(c);
    if (done && !settle(c, join == CACHEDIR_SHARED)) {
        errno = EIO;
        done = false;
    }
    int error = errno;
    if (!done) {
        cachedir_close(&c->dir); /* and all its locks */
    } else {
        cachedir_share(&c->dir);
        cachedir_unlock(&c->dir);
        c->is_open = true;
        trouble_over(c);
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
    trouble(c, "open", strerror(errno));
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
    c->size = options->size < SIZE_MIN ? SIZE_MIN : options->size;
    c->half = (c->size - c->size / 16 - RESERVE) / 2 / 4096 * 4096;
    c->queue_max = c->half / 4 < QUEUE_MAX ? c->half / 4 : QUEUE_MAX;
    c->shared = options->generation;
    c->dir = (struct cachedir){.dir = -1, .lock = -1};
    int error = EAGAIN;
    for (int i = 0; i < OPEN_TRIES && !c->is_open && error == EAGAIN; i++) {
        if (i)
            nap();
        error = try_open(c) ? 0 : errno;
    }
    if (!c->is_open)
        trouble(c, "open", strerror(error));
    return c;
}

/* What a failed read means: nothing now, something for the next tick. */
static void note_read_failure(struct cache *c, struct generation *g, enum store_result result)
{
    trouble(c, "read", store_error(g->store));
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
    if (!key_fits(key))
        return false;
    if (generation_get(c, &c->current, key, value))
        return true;
    if (!generation_get(c, &c->previous, key, value))
        return false;
    queue_add(c, key, *value, true);
    return true;
}

void cache_end(struct cache *c)
{
    generation_end_read(&c->current);
    generation_end_read(&c->previous);
}

void cache_put(struct cache *c, struct bytes key, struct bytes value)
{
    queue_add(c, key, value, false);
}

static bool must_settle(const struct cache *c)
{
    return c->current.corrupt || c->previous.corrupt || c->seen != shm_load(c->shared);
}

/* The directory says that our current file is no longer the newest. */
static bool behind(const struct cache *c)
{
    return must_settle(c) || cachedir_inode(&c->dir, c->current.number) != store_inode(c->current.store) ||
           cachedir_inode(&c->dir, c->current.number + 1) != 0;
}

int64_t cache_due(const struct cache *c, int64_t now_ms)
{
    int64_t at;
    if (!c->is_open)
        at = c->retry_at;
    else if (c->broken)
        return 0;
    else if (c->queued || must_settle(c))
        at = c->commit_at;
    else
        return -1;
    return at > now_ms ? at - now_ms : 0;
}

static enum store_result put_item(struct store_txn *t, struct item item, const uint8_t *data)
{
    struct bytes key = bytes_of(data, item.key_len), there;
    if (item.forward) {
        enum store_result result = store_get(t, key, &there);
        if (result != STORE_NOT_FOUND)
            return result;
    }
    return store_put(t, key, bytes_of(data + item.key_len, item.value_len));
}

static enum store_result write_queue(struct cache *c)
{
    struct store_txn *t;
    struct item item;
    enum store_result result = store_write(c->current.store, &t);
    if (result != STORE_OK)
        return result;
    for (size_t at = 0; at < c->queued; at += item.key_len + item.value_len) {
        memcpy(&item, c->queue + at, sizeof item);
        at += sizeof item;
        result = put_item(t, item, c->queue + at);
        if (result != STORE_OK) {
            store_abort(t);
            return result;
        }
    }
    return store_commit(t);
}

/* Begins a new generation; the oldest goes first, so that the disk never holds three. */
static bool rotate(struct cache *c)
{
    struct generation fresh;
    uint64_t number = c->current.number + 1;
    if (c->previous.store)
        cachedir_remove(&c->dir, c->previous.number);
    generation_close(&c->previous);
    if (generation_open(c, number, false, &fresh) != STORE_OK)
        return false;
    c->previous = c->current;
    c->current = fresh;
    tell(c);
    metric_count(METRIC_CACHE_ROTATIONS);
    return true;
}

static void commit_failed(struct cache *c, enum store_result result, int64_t now_ms)
{
    trouble(c, "write", store_error(c->current.store));
    queue_drop(c);
    if (result == STORE_CORRUPT)
        c->current.corrupt = true;
    else if (result == STORE_DISK)
        c->commit_at = now_ms + OPEN_RETRY_MS; /* reads go on meanwhile */
    else if (result != STORE_FULL)
        c->broken = true;
}

/* Writer's lock held, our current file the newest. */
static void commit(struct cache *c, int64_t now_ms)
{
    c->commit_at = now_ms + COMMIT_MS;
    enum store_result result = write_queue(c);
    if (result == STORE_FULL && rotate(c))
        result = write_queue(c);
    if (result != STORE_OK) {
        commit_failed(c, result, now_ms);
        return;
    }
    metric_add(METRIC_CACHE_WRITES, c->queued_count);
    queue_clear(c);
    trouble_over(c);
    if (store_used(c->current.store) >= c->half - c->half / 10)
        rotate(c);
}

static void check_readers(struct cache *c, int64_t now_ms)
{
    if (now_ms < c->readers_at)
        return;
    c->readers_at = now_ms + READERS_MS;
    store_check_readers(c->current.store);
    if (c->previous.store)
        store_check_readers(c->previous.store);
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
    if (now_ms < c->commit_at || !(c->queued || must_settle(c)))
        return;
    if (!cachedir_lock(&c->dir)) {
        c->commit_at = now_ms + LOCK_RETRY_MS;
        return;
    }
    if (behind(c) && !settle(c, true))
        shut(c, now_ms + OPEN_RETRY_MS);
    else if (c->queued)
        commit(c, now_ms);
    if (c->is_open)
        cachedir_unlock(&c->dir);
}

/* The last one out syncs and says so. Whoever leaves while others stay has nothing to say: their writes
 * follow. */
static void leave_clean(struct cache *c)
{
    cachedir_leave(&c->dir);
    if (cachedir_join(&c->dir) != CACHEDIR_ALONE)
        return;
    bool synced = store_sync(c->current.store) == STORE_OK &&
                  (!c->previous.store || store_sync(c->previous.store) == STORE_OK);
    if (!synced || !cachedir_mark(&c->dir, true))
        trouble(c, "close", synced ? strerror(errno) : store_error(c->current.store));
}

void cache_close(struct cache **cache, bool clean)
{
    struct cache *c = *cache;
    if (!c)
        return;
    cache_end(c);
    for (int i = 0; i < OPEN_TRIES && clean && c->is_open && !c->broken && (c->queued || must_settle(c));
         i++) {
        if (i)
            nap();
        c->commit_at = 0;
        cache_tick(c, 0);
    }
    if (clean && c->is_open && !c->broken && !must_settle(c))
        leave_clean(c);
    shut(c, 0);
    free(c->queue);
    free(c->path);
    free(c);
    *cache = NULL;
}

void cache_usage(struct cache *c, struct cache_usage *out)
{
    *out = (struct cache_usage){.size = c->size, .number = c->current.number};
    if (c->current.store)
        out->used += store_used(c->current.store);
    if (c->previous.store)
        out->used += store_used(c->previous.store);
}

void cache_discard(const char *path)
{
    struct cachedir d;
    if (!cachedir_open(path, &d))
        return;
    for (int i = 0; i < OPEN_TRIES && !cachedir_lock(&d); i++)
        nap();
    /* A stopped process may hold the lock for ever; these files go in any case. */
    cachedir_clear(&d, SIZE_MIN / 32);
    cachedir_close(&d);
}
