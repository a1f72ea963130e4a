/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared cache's files: their names, their locks, and whether they may be believed.
 *
 *   cache-<number>.mdb, …-lock   generations, the two with the greatest numbers live
 *   cache.lock                   byte 0: whoever writes or changes the set of files; byte 1: all who have it
 * open cache.state                  one line: format, boot, "used" or "clean" cache.bad the last file set
 * aside
 *
 * Locks are those of open file descriptions: they end with the process that holds them, and are never waited
 * for. All that changes or lists files is called with the writer's lock held. The directory may hold other
 * files. */
#ifndef POLYNYA_STORE_CACHEDIR_H
#define POLYNYA_STORE_CACHEDIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct cachedir {
    char *path;
    int dir, lock; /* descriptors, -1 when closed */
};

/* Makes the directory (0700) if it is missing. False and errno. */
bool cachedir_open(const char *path, struct cachedir *d);
void cachedir_close(struct cachedir *d);

/* False at once if another process has it. */
bool cachedir_lock(struct cachedir *d);
void cachedir_unlock(struct cachedir *d);

enum cachedir_join { CACHEDIR_ALONE, CACHEDIR_SHARED, CACHEDIR_BUSY };
/* Says that this process uses the files. ALONE: nobody else does, and nobody can join before cachedir_share.
 */
enum cachedir_join cachedir_join(struct cachedir *d);
void cachedir_share(struct cachedir *d);
void cachedir_leave(struct cachedir *d);

/* The files are ours: of this format, and used since this boot or synced at a clean stop. `used` tells which.
 */
bool cachedir_trusted(struct cachedir *d, bool *used);
/* Replaces cache.state and syncs it, contents and name. False and errno. */
bool cachedir_mark(struct cachedir *d, bool clean);

/* Finds the two greatest numbers, greatest first (0: none), and unlinks all lesser generations. */
void cachedir_newest(struct cachedir *d, uint64_t number[2]);
/* out holds the file's whole path; false if it does not fit. */
bool cachedir_path(const struct cachedir *d, uint64_t number, char *out, size_t cap);
/* 0 if there is no such file. */
ino_t cachedir_inode(const struct cachedir *d, uint64_t number);
off_t cachedir_size(const struct cachedir *d, uint64_t number);
void cachedir_remove(struct cachedir *d, uint64_t number);
/* Renames the file to cache.bad, or unlinks it if it is larger than keep bytes. */
void cachedir_set_aside(struct cachedir *d, uint64_t number, off_t keep);
/* Sets all generations aside. */
void cachedir_clear(struct cachedir *d, off_t keep);

#endif
