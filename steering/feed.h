/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a list's folder: root-N.json, list.json, delegations.json, and noticing that they changed.
 *
 * A feed only brings bytes; what is believed is trust's to say, so a half-written file is no special case: it
 * does not verify, and is read again when it changes. Only file: folders are read; another URL is refused by
 * name. */
#ifndef POLYNYA_STEERING_FEED_H
#define POLYNYA_STEERING_FEED_H

#include "data/base/arena.h"
#include "data/list/refusal.h"

enum { FEED_ROOTS_MAX = 32 }; /* read at a time; the walk goes on with the next update */

struct feed_documents {
    struct bytes roots[FEED_ROOTS_MAX]; /* root-<version+1>.json and up, without a gap */
    unsigned root_count;
    struct bytes list;
    struct bytes delegations;
};

/* Reads a regular file of at most max bytes into the arena. UNREADABLE, TOO_LARGE, NO_MEMORY. */
bool feed_read_file(const char *path, size_t max, struct arena *arena, struct bytes *out,
                    struct refusal *why);
/* Reads the folder behind url ("file:/folder/"); root_version is the newest root already known. Roots that
 * are there are given even if the rest cannot be read. */
bool feed_read(const char *url, uint64_t root_version, struct arena *arena, struct feed_documents *out,
               struct refusal *why);
/* A value that is another one when any file that feed_read would read has been replaced or written to. */
uint64_t feed_fingerprint(const char *url, uint64_t root_version);

/* inotify on folders. fd is readable when something happened in one of them; -1 if there is none to be had:
 * then only polling notices changes. */
struct feed_watch {
    int fd;
};
void feed_watch_init(struct feed_watch *w);
void feed_watch_fini(struct feed_watch *w);
/* Watches the folder behind url, and the one above it: folders are replaced as a whole, too. Call it again at
 * times: a folder that was not there, or another one by now, is then watched. */
void feed_watch_folder(struct feed_watch *w, const char *url);
/* Reads away what there is. */
void feed_watch_drain(struct feed_watch *w);

#endif
