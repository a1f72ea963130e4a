/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two newest files of the cache, open: the one that is written to, and the one before it.
 *
 * Every change to the set of files happens under the writer's lock of cachedir.h, which is the caller's to
 * take. The shared counter only tells sooner that another process made a change; what counts is what stands
 * in the directory. Each file's map is half of the size less a sixteenth (lock files, cache.bad), so LMDB
 * itself holds the bound. */
#ifndef POLYNYA_STORE_GENERATIONS_H
#define POLYNYA_STORE_GENERATIONS_H

#include "data/store/cachedir.h"
#include "data/store/store.h"

struct generation {
    uint64_t number;
    struct store *store;    /* NULL: none */
    struct store_txn *read; /* of this turn */
    bool corrupt;           /* a read found it so */
};

struct generations {
    size_t size, half; /* bytes of all files, and of one */
    uint32_t *shared;  /* the counter */
    uint32_t seen;
    struct cachedir dir;
    struct generation current, previous;
    bool in_trouble;
};

/* size: bytes of all files, at least 1 MiB. shared is borrowed. Opens nothing. */
void generations_init(struct generations *g, size_t size, uint32_t *shared);
/* Nobody else has the files: the time to judge them. False and errno if that cannot be written down. */
bool generations_begin_alone(struct generations *g);
/* Makes the two handles those of the two newest files, beginning one if there is none. trusted: another
 * process has them open, so they were judged. No reads open. */
bool generations_settle(struct generations *g, bool trusted);
/* It has to be done again: another process has changed the set, or a file turned out to be corrupt. */
bool generations_unsettled(const struct generations *g);
/* The same, or the directory says that our current file is no longer the newest. */
bool generations_behind(const struct generations *g);
/* Begins a new one; the oldest goes first, so that the disk never holds three. */
bool generations_rotate(struct generations *g);
/* The current one should make way: copy-on-write needs room to turn. */
bool generations_full(const struct generations *g);
/* Ends the reads of this turn. */
void generations_end_reads(struct generations *g);
/* Closes both and the folder, and with it all locks. */
void generations_close(struct generations *g);

/* One line when trouble begins and one when it ends; the metric counts them all. */
void generations_trouble(struct generations *g, const char *what, const char *why);
void generations_trouble_over(struct generations *g);

#endif
