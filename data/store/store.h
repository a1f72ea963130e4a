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
    STORE_FULL,    /* the map or the disk is full */
    STORE_CORRUPT, /* foreign, torn or of another format */
    STORE_BUSY,    /* too many readers, or another writer (with no_wait) */
    STORE_FAILED   /* everything else; the cause is in store_error */
};

struct store_options {
    size_t size;        /* bytes the file may grow to */
    bool durable;       /* sync at every commit (steering, registry); else never within the loop (cache) */
    bool read_only;     /* the file must exist */
    unsigned readers;   /* 0: 256 */
};

/* Opens or creates FILE (mode 0600; its lock file beside it, "FILE-lock"). */
enum store_result store_open(const char *path, const struct store_options *options, struct store **out);
void store_close(struct store **s);
/* errno-like text of the last failure of this handle or of the last failed open. */
const char *store_error(const struct store *s);
/* Frees the reader slots of processes that died; call at start and once a minute. */
void store_check_readers(struct store *s);
/* Bytes of pages in use. */
size_t store_used(struct store *s);
enum store_result store_sync(struct store *s);
/* The file behind the handle, to notice that another has taken its place. */
ino_t store_inode(const struct store *s);

/* A read transaction is kept and renewed: beginning one costs next to nothing. One of each kind at a time. */
enum store_result store_read(struct store *s, struct store_txn **out);
enum store_result store_write(struct store *s, struct store_txn **out);
enum store_result store_get(struct store_txn *t, struct bytes key, struct bytes *value);
enum store_result store_put(struct store_txn *t, struct bytes key, struct bytes value);
enum store_result store_delete(struct store_txn *t, struct bytes key);
/* Calls each for every key that starts with prefix, in order, until it returns false. */
enum store_result store_each(struct store_txn *t, struct bytes prefix,
                             bool (*each)(void *self, struct bytes key, struct bytes value), void *self);
/* Ends either kind; for a read this is the same as store_abort. t is gone in any case. */
enum store_result store_commit(struct store_txn *t);
void store_abort(struct store_txn *t);

#endif
