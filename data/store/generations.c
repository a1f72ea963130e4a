/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two files of the cache: see generations.h. */
#include "data/store/generations.h"

#include <limits.h>

#include "data/base/log.h"
#include "data/base/metric.h"
#include "data/store/shm.h"

enum {
    SIZE_MIN = 1 << 20,
    RESERVE = 64 << 10, /* lock files and state */
    SETTLE_TRIES = 4
};

void generations_init(struct generations *g, size_t size, uint32_t *shared)
{
    *g = (struct generations){.size = size < SIZE_MIN ? SIZE_MIN : size, .shared = shared};
    g->half = (g->size - g->size / 16 - RESERVE) / 2 / 4096 * 4096;
    g->dir = (struct cachedir){.dir = -1, .lock = -1};
}

void generations_trouble(struct generations *g, const char *what, const char *why)
{
    metric_count(METRIC_CACHE_ERRORS);
    if (!g->in_trouble)
        log_warn("cache.trouble", "what=%s error=\"%s\"", what, why);
    g->in_trouble = true;
}

void generations_trouble_over(struct generations *g)
{
    if (g->in_trouble)
        log_info("cache.recovered", "number=%llu", (unsigned long long)g->current.number);
    g->in_trouble = false;
}

static void generation_end_read(struct generation *one)
{
    if (one->read)
        store_abort(one->read);
    one->read = NULL;
}

static void generation_close(struct generation *one)
{
    generation_end_read(one);
    store_close(&one->store);
    *one = (struct generation){0};
}

static off_t keep_bytes(const struct generations *g)
{
    return (off_t)(g->size / 32);
}

/* Others find out by the counter; we have seen it ourselves. */
static void tell(struct generations *g)
{
    shm_bump(g->shared);
    g->seen = shm_load(g->shared);
}

/* The handle of that file if `from` has it open, taken out of it. */
static bool generation_move(struct generations *g, uint64_t number, struct generation *from,
                            struct generation *to)
{
    if (!from->store || from->number != number || from->corrupt ||
        cachedir_inode(&g->dir, number) != store_inode(from->store))
        return false;
    *to = *from;
    *from = (struct generation){0};
    return true;
}

static void set_aside(struct generations *g, uint64_t number)
{
    metric_count(METRIC_CACHE_ERRORS);
    log_warn("cache.set-aside", "number=%llu why=\"foreign, torn or of another format\"",
             (unsigned long long)number);
    cachedir_set_aside(&g->dir, number, keep_bytes(g));
}

static enum store_result generation_open(struct generations *g, uint64_t number, bool trusted,
                                         struct generation *one)
{
    char path[PATH_MAX];
    struct store_options options = {.size = g->half, .trusted = trusted};
    /* Left by a larger configured size. */
    if (cachedir_size(&g->dir, number) > (off_t)g->half)
        cachedir_remove(&g->dir, number);
    *one = (struct generation){.number = number};
    if (!cachedir_path(&g->dir, number, path, sizeof path))
        return STORE_FAILED;
    enum store_result result = store_open(path, &options, &one->store);
    if (result == STORE_CORRUPT)
        set_aside(g, number);
    else if (result != STORE_OK)
        generations_trouble(g, "open", store_error(NULL));
    return result;
}

static enum store_result generation_take(struct generations *g, uint64_t number, bool trusted,
                                         struct generation old[2], struct generation *out)
{
    if (generation_move(g, number, &old[0], out) || generation_move(g, number, &old[1], out))
        return STORE_OK;
    return generation_open(g, number, trusted, out);
}

/* Opens the file to write to: the newest, or one more if there is none or it is no good. Gives the number
 * that stands before it, 0 for none. */
static enum store_result settle_current(struct generations *g, bool trusted, struct generation old[2],
                                        uint64_t *before)
{
    uint64_t number[2], last = old[0].number;
    for (int tries = 0; tries < SETTLE_TRIES; tries++) {
        cachedir_newest(&g->dir, number);
        bool create = number[0] == 0 || number[0] < last;
        uint64_t want = create ? last + 1 : number[0];
        *before = create ? number[0] : number[1];
        enum store_result result = generation_take(g, want, trusted, old, &g->current);
        if (result == STORE_OK && create)
            tell(g);
        if (result != STORE_CORRUPT)
            return result;
        last = want;
    }
    return STORE_CORRUPT;
}

bool generations_settle(struct generations *g, bool trusted)
{
    struct generation old[2] = {g->current, g->previous};
    uint64_t before;
    g->current = g->previous = (struct generation){0};
    g->seen = shm_load(g->shared);
    for (int i = 0; i < 2; i++)
        if (old[i].corrupt && cachedir_inode(&g->dir, old[i].number) == store_inode(old[i].store))
            set_aside(g, old[i].number);
    enum store_result result = settle_current(g, trusted, old, &before);
    /* Without the previous one it is a smaller cache, no more. */
    if (result == STORE_OK && before && generation_take(g, before, trusted, old, &g->previous) != STORE_OK)
        g->previous = (struct generation){0};
    generation_close(&old[0]);
    generation_close(&old[1]);
    return result == STORE_OK;
}

bool generations_unsettled(const struct generations *g)
{
    return g->current.corrupt || g->previous.corrupt || g->seen != shm_load(g->shared);
}

bool generations_behind(const struct generations *g)
{
    return generations_unsettled(g) ||
           cachedir_inode(&g->dir, g->current.number) != store_inode(g->current.store) ||
           cachedir_inode(&g->dir, g->current.number + 1) != 0;
}

bool generations_rotate(struct generations *g)
{
    struct generation fresh;
    uint64_t number = g->current.number + 1;
    if (g->previous.store)
        cachedir_remove(&g->dir, g->previous.number);
    generation_close(&g->previous);
    if (generation_open(g, number, false, &fresh) != STORE_OK)
        return false;
    g->previous = g->current;
    g->current = fresh;
    tell(g);
    metric_count(METRIC_CACHE_ROTATIONS);
    return true;
}

bool generations_begin_alone(struct generations *g)
{
    bool used;
    if (!cachedir_trusted(&g->dir, &used)) {
        uint64_t number[2];
        cachedir_newest(&g->dir, number);
        if (number[0])
            log_warn("cache.discarded",
                     "number=%llu why=\"not left clean before this boot, or of another format\"",
                     (unsigned long long)number[0]);
        cachedir_clear(&g->dir, keep_bytes(g));
        used = false;
    }
    return used || cachedir_mark(&g->dir, false);
}

bool generations_full(const struct generations *g)
{
    return store_used(g->current.store) >= g->half - g->half / 10;
}

void generations_end_reads(struct generations *g)
{
    generation_end_read(&g->current);
    generation_end_read(&g->previous);
}

void generations_close(struct generations *g)
{
    generation_close(&g->current);
    generation_close(&g->previous);
    cachedir_close(&g->dir);
}
