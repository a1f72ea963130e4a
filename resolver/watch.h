/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices that certificate files, the geoip database or the kept trust anchors were replaced: inotify on
 * their folders, and marks of the files (data/base/file.h), so that only a real change counts. Renewal tools
 * write chain and key one after the other: a change is reported once the folders have been quiet for a
 * second. */
#ifndef POLYNYA_RESOLVER_WATCH_H
#define POLYNYA_RESOLVER_WATCH_H

#include "data/conf/conf.h"

/* Of the files, data/base/file.h. */
struct watch_marks {
    uint64_t certificates, geoip, anchors; /* anchors: those kept in state-dir */
};

enum { WATCH_CERTIFICATES = 1, WATCH_GEOIP = 2, WATCH_ANCHORS = 4 };

struct watch {
    int fd; /* readable when something happened in a folder; -1 if inotify is not to be had */
    struct watch_marks seen; /* of the files in use, or found wanting */
    int64_t quiet_at;        /* monotonic ms at which to look, 0 if nothing happened */
};

void watch_init(struct watch *w);
void watch_fini(struct watch *w);
/* What conf's files are now: to be taken before they are loaded. */
struct watch_marks watch_look(const struct conf *conf);
/* Watches conf's files from now on; loaded are the marks of those in use. Looks once a second from now, in
 * case they changed since. */
void watch_files(struct watch *w, const struct conf *conf, struct watch_marks loaded, int64_t now);
/* Call when fd is readable. */
void watch_read(struct watch *w, int64_t now);
/* 0 while it is not time to look; then which files differ from those in use. They then count as seen. */
unsigned watch_changed(struct watch *w, const struct conf *conf, int64_t now);

#endif
