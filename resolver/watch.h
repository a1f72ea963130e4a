/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Notices that certificate files were replaced: inotify on their folders, and a fingerprint of the files, so
 * that only a real change counts. Renewal tools write chain and key one after the other: a change is reported
 * once the folder has been quiet for a second. */
#ifndef POLYNYA_RESOLVER_WATCH_H
#define POLYNYA_RESOLVER_WATCH_H

#include "data/conf/conf.h"

struct watch {
    int fd;           /* readable when something happened in a folder; -1 if inotify is not to be had */
    uint64_t seen;    /* fingerprint of the files in use */
    int64_t quiet_at; /* monotonic ms at which to look, 0 if nothing happened */
};

void watch_init(struct watch *w);
void watch_fini(struct watch *w);
/* What conf's certificate files are now: to be taken before they are loaded. */
uint64_t watch_fingerprint(const struct conf *conf);
/* Watches conf's certificate files from now on; loaded is the fingerprint of those in use. Looks once a
 * second from now, in case they changed since. */
void watch_files(struct watch *w, const struct conf *conf, uint64_t loaded, int64_t now);
/* Call when fd is readable. */
void watch_read(struct watch *w, int64_t now);
/* Whether it is time to look, and the files differ from those in use. They then count as seen. */
bool watch_changed(struct watch *w, const struct conf *conf, int64_t now);

#endif
