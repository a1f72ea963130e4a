/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeds in folders of this machine: reading their files, and noticing that they changed.
 *
 * A half-written file is no special case: it does not verify, and is read again when it changes. */
#ifndef POLYNYA_STEERING_FEED_FILE_H
#define POLYNYA_STEERING_FEED_FILE_H

#include "steering/feed.h"

bool feed_is_file(const char *url);
/* Reads a regular file of at most max bytes into the arena. UNREADABLE, TOO_LARGE, NO_MEMORY. */
bool feed_read_file(const char *path, size_t max, struct arena *arena, struct bytes *out,
                    struct refusal *why);
/* The same of a document in the folder behind url ("file:/folder/"). */
enum feed_end feed_file_read(const char *url, const char *name, size_t max, struct arena *arena,
                             struct bytes *out, struct refusal *why);
/* One mark (data/base/file.h) of all files that an update would read; root_version is the newest root already
 * known. 0 of other URLs. */
uint64_t feed_mark(const char *url, uint64_t root_version);

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
/* The same for one file, whether it is there or not. */
void feed_watch_file(struct feed_watch *w, const char *path);
/* Reads away what there is. */
void feed_watch_drain(struct feed_watch *w);

#endif
