/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Key-value files: the only user of LMDB.
 *
 * A store is opened after fork, by one handle per process. Values returned by a read are borrowed until the
 * transaction ends; no transaction outlives a turn of the event loop. No error here ends a process. */
#ifndef POLYNYA_STORE_STORE_H
#define POLYNYA_STORE_STORE_H

#include <sys/types.h>

#include "data/base/bytes.h"

struct store;
struct store_txn;

enum store_result {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_FULL,    /* the map is full */
    STORE_CORRUPT, /* foreign, torn or of another format */
    STORE_BUSY,    /* too many readers, or a transaction of this handle is in the way */
    STORE_DISK,    /* the disk is full or failing */
    STORE_FAILED   /* everything else; the cause is in store_error */
};

struct store_options {
    size_t size;      /* bytes the file may grow to */
    bool durable;     /* sync at every commit (steering, registry); else never within the loop (cache) */
    bool read_only;   /* the file must exist */
    bool trusted;     /* others serve from the file right now: its pages are not walked first */
    unsigned readers; /* 0: 256 */
};

/* Opens or creates FILE (mode 0600; its lock file beside it, "FILE-lock"). LMDB believes every byte of its
 * file, so an existing one is walked first (see check.h). STORE_NOT_FOUND: read_only and no such file, or an
 * empty one. Open a file once per process, after fork: a second handle's close would drop the first one's
 * file locks. */
enum store_result store_open(const char *path, const struct store_options *options, struct store **out);
void store_close(struct store **s);
/* errno-like text of the last failure of this handle, or with NULL of the last failed open. */
const char *store_error(const struct store *s);
/* Frees the reader slots of processes that died; call at start and once a minute. */
void store_check_readers(struct store *s);
/* Bytes of the file up to the last page ever used: what it takes on disk at most. */
size_t store_used(struct store *s);
enum store_result store_sync(struct store *s);
/* The file behind the handle, to notice that another has taken its place. */
ino_t store_inode(const struct store *s);

/* A read transaction is kept and renewed: beginning one costs next to nothing. One of each kind at a time.
 * store_write waits for another process' write transaction to end; a killed one's lock is taken over. */
enum store_result store_read(struct store *s, struct store_txn **out);
enum store_result store_write(struct store *s, struct store_txn **out);
enum store_result store_get(struct store_txn *t, struct bytes key, struct bytes *value);
/* Keys are 1 to 511 bytes, values up to 4 GiB; STORE_FAILED otherwise. After STORE_FULL only store_abort is
 * left. */
enum store_result store_put(struct store_txn *t, struct bytes key, struct bytes value);
/* Calls each for every key that starts with prefix, in order, until it returns false. */
enum store_result store_each(struct store_txn *t, struct bytes prefix,
                             bool (*each)(void *self, struct bytes key, struct bytes value), void *self);
/* Ends either kind; for a read this is the same as store_abort. t is gone in any case. */
enum store_result store_commit(struct store_txn *t);
void store_abort(struct store_txn *t);

#endif
