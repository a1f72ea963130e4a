/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Watching files: see watch.h. Should inotify fail, the hourly look is all there is. */
#include "resolver/watch.h"

#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "data/base/file.h"
#include "resolver/keeper.h"

enum { QUIET = 1000 };

void watch_init(struct watch *w)
{
    *w = (struct watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
}

void watch_fini(struct watch *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

struct watch_marks watch_look(const struct conf *conf)
{
    struct watch_marks m = {0};
    char anchors[PATH_MAX];
    for (unsigned i = 0; i < conf->tls.count; i++)
        m.certificates = file_mark(conf->tls.certificates[i].key,
                                   file_mark(conf->tls.certificates[i].chain, m.certificates));
    if (conf->geoip)
        m.geoip = file_mark(conf->geoip, 0);
    if (keeper_wanted(conf)) {
        keeper_path(conf, anchors, sizeof anchors);
        m.anchors = file_mark(anchors, 0);
    }
    return m;
}

/* Files come, go, and are written over. */
enum { CHANGES = IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ATTRIB | IN_DELETE | IN_MOVED_FROM };

/* False if it cannot be watched, as where there is none. Twice is as good as once. */
static bool watch_folder_of(struct watch *w, const char *path)
{
    char copy[PATH_MAX];
    return snprintf(copy, sizeof copy, "%s", path) < PATH_MAX &&
           inotify_add_watch(w->fd, dirname(copy), CHANGES) >= 0;
}

/* The prober makes this folder, at the first start after we wanted to watch it: tried again with every look,
 * and these go on until it is there. */
static void watch_anchors(struct watch *w, const struct conf *conf, int64_t now)
{
    char anchors[PATH_MAX];
    if (w->fd < 0 || !keeper_wanted(conf))
        return;
    keeper_path(conf, anchors, sizeof anchors);
    if (!watch_folder_of(w, anchors))
        w->quiet_at = now + QUIET;
}

void watch_files(struct watch *w, const struct conf *conf, struct watch_marks loaded, int64_t now)
{
    /* A fresh descriptor drops the folders of the former config. */
    watch_fini(w);
    watch_init(w);
    for (unsigned i = 0; w->fd >= 0 && i < conf->tls.count; i++) {
        watch_folder_of(w, conf->tls.certificates[i].chain);
        watch_folder_of(w, conf->tls.certificates[i].key);
    }
    if (w->fd >= 0 && conf->geoip)
        watch_folder_of(w, conf->geoip);
    w->seen = loaded;
    w->quiet_at = now + QUIET; /* and then for the anchors' folder, too */
}

void watch_read(struct watch *w, int64_t now)
{
    char events[4096];
    while (read(w->fd, events, sizeof events) > 0)
        w->quiet_at = now + QUIET;
}

unsigned watch_changed(struct watch *w, const struct conf *conf, int64_t now)
{
    if (!w->quiet_at || now < w->quiet_at)
        return 0;
    w->quiet_at = 0;
    watch_anchors(w, conf, now); /* before the look: what comes between the two is told by both */
    struct watch_marks before = w->seen;
    w->seen = watch_look(conf);
    return (w->seen.certificates != before.certificates ? WATCH_CERTIFICATES : 0) |
           (w->seen.geoip != before.geoip ? WATCH_GEOIP : 0) |
           (w->seen.anchors != before.anchors ? WATCH_ANCHORS : 0);
}
