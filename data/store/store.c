/* SPDX-License-Identifier: GPL-3.0-or-later */
/* LMDB behind store.h.
 *
 * Flags: one file instead of a directory; reader slots tied to transactions, not threads; never WRITEMAP (a
 * stray write would corrupt, a full disk be a SIGBUS) nor NOMEMINIT (heap would leak into the file). LMDB's
 * errors become results in one place, `fail`. Only the main database of a file is used, so opening never
 * writes. */
#include "data/store/store.h"

#include <errno.h>
#include <lmdb.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "data/store/check.h"

enum { READERS_DEFAULT = 256, KEY_MAX = 511, CHECK_PAGES = 65536 };

struct store_txn {
    struct store *store;
    MDB_txn *txn;
    bool open;
};

struct store {
    MDB_env *env;
    MDB_dbi dbi;
    int error; /* LMDB's or errno */
    ino_t inode;
    struct store_txn read; /* .txn is kept between reads, reset */
    struct store_txn write;
};

/* The one piece of state outside a handle: a failed open leaves no handle to ask. */
static int open_error;

static enum store_result result_of(int error)
{
    switch (error) {
    case MDB_SUCCESS:
        return STORE_OK;
    case MDB_NOTFOUND:
        return STORE_NOT_FOUND;
    case MDB_MAP_FULL:
    case MDB_TXN_FULL:
        return STORE_FULL;
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_VERSION_MISMATCH:
    case MDB_INCOMPATIBLE:
        return STORE_CORRUPT;
    case MDB_READERS_FULL:
    case EBUSY:
        return STORE_BUSY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EIO:
    case EROFS:
        return STORE_DISK;
    default:
        return STORE_FAILED;
    }
}

static enum store_result fail(struct store *s, int error)
{
    if (error != MDB_SUCCESS && error != MDB_NOTFOUND)
        s->error = error;
    return result_of(error);
}

const char *store_error(const struct store *s)
{
    return mdb_strerror(s ? s->error : open_error);
}

static int env_open(struct store *s, const char *path, const struct store_options *options)
{
    unsigned flags = MDB_NOSUBDIR | MDB_NOTLS;
    if (!options->durable)
        flags |= MDB_NOSYNC | MDB_NORDAHEAD;
    if (options->read_only)
        flags |= MDB_RDONLY;
    int error = mdb_env_create(&s->env);
    if (!error)
        error = mdb_env_set_mapsize(s->env, options->size);
    if (!error)
        error = mdb_env_set_maxreaders(s->env, options->readers ? options->readers : READERS_DEFAULT);
    if (!error)
        error = mdb_env_open(s->env, path, flags, 0600);
    return error;
}

/* The handle of the main database and a first read transaction, reset at once. */
static int first_read(struct store *s)
{
    int dead;
    mdb_reader_check(s->env, &dead);
    int error = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read.txn);
    if (error == MDB_MAP_RESIZED) {
        error = mdb_env_set_mapsize(s->env, 0);
        if (!error)
            error = mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read.txn);
    }
    if (error)
        return error;
    error = mdb_dbi_open(s->read.txn, NULL, 0, &s->dbi);
    if (error) {
        mdb_txn_abort(s->read.txn);
        s->read.txn = NULL;
        return error;
    }
    mdb_txn_reset(s->read.txn);
    return 0;
}

static int note_inode(struct store *s)
{
    mdb_filehandle_t fd;
    struct stat st;
    int error = mdb_env_get_fd(s->env, &fd);
    if (!error && fstat(fd, &st) < 0)
        error = errno;
    if (!error)
        s->inode = st.st_ino;
    return error;
}

static int check_error(enum check_result result, const struct store_options *options)
{
    switch (result) {
    case CHECK_OK:
        return 0;
    case CHECK_EMPTY:
        return options->read_only ? MDB_NOTFOUND : 0;
    case CHECK_CORRUPT:
        return MDB_INVALID;
    case CHECK_FAILED:
        break;
    }
    return errno;
}

enum store_result store_open(const char *path, const struct store_options *options, struct store **out)
{
    *out = NULL;
    open_error = check_error(check_file(path, options->trusted ? 0 : CHECK_PAGES), options);
    if (open_error)
        return result_of(open_error);
    struct store *s = calloc(1, sizeof *s);
    if (!s) {
        open_error = ENOMEM;
        return STORE_FAILED;
    }
    s->read.store = s->write.store = s;
    int error = env_open(s, path, options);
    if (!error)
        error = first_read(s);
    if (!error)
        error = note_inode(s);
    if (error) {
        store_close(&s);
        open_error = error;
        return result_of(error);
    }
    *out = s;
    return STORE_OK;
}

/* With no read transaction left, this handle can take another map size. */
static void drop_read(struct store *s)
{
    if (s->read.txn)
        mdb_txn_abort(s->read.txn);
    s->read = (struct store_txn){.store = s};
}

void store_close(struct store **s)
{
    if (!*s)
        return;
    drop_read(*s);
    if ((*s)->write.open)
        mdb_txn_abort((*s)->write.txn);
    if ((*s)->env)
        mdb_env_close((*s)->env);
    free(*s);
    *s = NULL;
}

void store_check_readers(struct store *s)
{
    int dead;
    mdb_reader_check(s->env, &dead);
}

size_t store_used(struct store *s)
{
    MDB_envinfo info;
    MDB_stat stat;
    if (mdb_env_info(s->env, &info) || mdb_env_stat(s->env, &stat))
        return 0;
    return (info.me_last_pgno + 1) * stat.ms_psize;
}

enum store_result store_sync(struct store *s)
{
    return fail(s, mdb_env_sync(s->env, 1));
}

ino_t store_inode(const struct store *s)
{
    return s->inode;
}

/* Another process has let the file grow past our map: take its size, possible only between transactions. */
static int adopt_size(struct store *s)
{
    if (s->read.open || s->write.open)
        return EBUSY;
    drop_read(s);
    return mdb_env_set_mapsize(s->env, 0);
}

static int begin_read(struct store *s)
{
    if (s->read.txn) {
        int error = mdb_txn_renew(s->read.txn);
        if (!error)
            return 0;
        drop_read(s);
    }
    return mdb_txn_begin(s->env, NULL, MDB_RDONLY, &s->read.txn);
}

enum store_result store_read(struct store *s, struct store_txn **out)
{
    if (s->read.open)
        return fail(s, EBUSY);
    int error = begin_read(s);
    if (error == MDB_MAP_RESIZED && !(error = adopt_size(s)))
        error = begin_read(s);
    if (error == MDB_READERS_FULL) {
        store_check_readers(s);
        error = begin_read(s);
    }
    if (error) {
        s->read.txn = NULL;
        return fail(s, error);
    }
    s->read.open = true;
    *out = &s->read;
    return STORE_OK;
}

enum store_result store_write(struct store *s, struct store_txn **out)
{
    if (s->write.open)
        return fail(s, EBUSY);
    int error = mdb_txn_begin(s->env, NULL, 0, &s->write.txn);
    if (error == MDB_MAP_RESIZED && !(error = adopt_size(s)))
        error = mdb_txn_begin(s->env, NULL, 0, &s->write.txn);
    if (error)
        return fail(s, error);
    s->write.open = true;
    *out = &s->write;
    return STORE_OK;
}

static bool key_fits(struct bytes key)
{
    return key.len >= 1 && key.len <= KEY_MAX;
}

/* LMDB never writes through these. */
static MDB_val val_of(struct bytes b)
{
    static const uint8_t nothing;
    return (MDB_val){b.len, (void *)(b.len ? b.data : &nothing)};
}

static struct bytes bytes_of_val(MDB_val v)
{
    return bytes_of(v.mv_data, v.mv_size);
}

enum store_result store_get(struct store_txn *t, struct bytes key, struct bytes *value)
{
    MDB_val k = val_of(key), v;
    if (!key_fits(key))
        return fail(t->store, MDB_BAD_VALSIZE);
    int error = mdb_get(t->txn, t->store->dbi, &k, &v);
    if (!error)
        *value = bytes_of_val(v);
    return fail(t->store, error);
}

enum store_result store_put(struct store_txn *t, struct bytes key, struct bytes value)
{
    MDB_val k = val_of(key), v = val_of(value);
    if (!key_fits(key) || value.len > UINT32_MAX)
        return fail(t->store, MDB_BAD_VALSIZE);
    return fail(t->store, mdb_put(t->txn, t->store->dbi, &k, &v, 0));
}

enum store_result store_each(struct store_txn *t, struct bytes prefix,
                             bool (*each)(void *self, struct bytes key, struct bytes value), void *self)
{
    MDB_cursor *cursor;
    MDB_val k = val_of(prefix), v;
    if (prefix.len > KEY_MAX)
        return STORE_OK;
    int error = mdb_cursor_open(t->txn, t->store->dbi, &cursor);
    if (error)
        return fail(t->store, error);
    error = mdb_cursor_get(cursor, &k, &v, prefix.len ? MDB_SET_RANGE : MDB_FIRST);
    while (!error && bytes_starts_with(bytes_of_val(k), prefix) &&
           each(self, bytes_of_val(k), bytes_of_val(v)))
        error = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
    mdb_cursor_close(cursor);
    return error == MDB_NOTFOUND ? STORE_OK : fail(t->store, error);
}

enum store_result store_commit(struct store_txn *t)
{
    struct store *s = t->store;
    if (t == &s->read) {
        store_abort(t);
        return STORE_OK;
    }
    t->open = false;
    return fail(s, mdb_txn_commit(t->txn));
}

void store_abort(struct store_txn *t)
{
    t->open = false;
    if (t == &t->store->read)
        mdb_txn_reset(t->txn);
    else
        mdb_txn_abort(t->txn);
}
