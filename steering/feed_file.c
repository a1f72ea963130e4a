/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeds in folders: see feed_file.h. */
#include "steering/feed_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/base/file.h"
#include "data/list/root.h"

enum { FEED_PATH_MAX = 4200 };

static bool folder_of(const char *url, struct bytes *out)
{
    struct bytes all = bytes_str(url);
    if (!bytes_starts_with(all, BYTES_LIT("file:")))
        return false;
    *out = bytes_of(all.data + 5, all.len - 5);
    if (bytes_starts_with(*out, BYTES_LIT("//")))
        *out = bytes_of(out->data + 2, out->len - 2);
    while (out->len > 1 && out->data[out->len - 1] == '/')
        out->len--;
    return out->len > 0;
}

static bool path_of(const char *url, const char *name, char out[FEED_PATH_MAX])
{
    struct bytes folder;
    if (!folder_of(url, &folder))
        return false;
    int n = snprintf(out, FEED_PATH_MAX, "%.*s/%s", (int)folder.len, (const char *)folder.data, name);
    return n > 0 && n < FEED_PATH_MAX;
}

/* One byte more than allowed tells a file that has grown too large. */
static bool read_all(int fd, size_t size, struct arena *arena, struct bytes *out)
{
    uint8_t *data = arena_alloc(arena, size + 1);
    size_t len = 0;
    ssize_t n = 1;
    while (data && len <= size && (n = read(fd, data + len, size + 1 - len)) > 0)
        len += (size_t)n;
    *out = bytes_of(data, len);
    return data && n >= 0;
}

bool feed_read_file(const char *path, size_t max, struct arena *arena, struct bytes *out, struct refusal *why)
{
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct stat st;
    /* Not blocking: the path may be a pipe, and nobody may ever write to it. */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return refuse(why, REFUSAL_UNREADABLE, "%s", name);
    bool regular = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= 0;
    bool fits = regular && (uint64_t)st.st_size <= max;
    bool ok = fits && read_all(fd, (size_t)st.st_size, arena, out);
    close(fd);
    if (!regular)
        return refuse(why, REFUSAL_UNREADABLE, "%s", name);
    if (!fits)
        return refuse(why, REFUSAL_TOO_LARGE, "%s", name);
    if (!ok)
        return refuse(why, out->data ? REFUSAL_UNREADABLE : REFUSAL_NO_MEMORY, "%s", name);
    /* Growing under our hands: half-written, and written to again. */
    return out->len <= (size_t)st.st_size || refuse(why, REFUSAL_UNREADABLE, "%s", name);
}

enum feed_end feed_file_read(const char *url, const char *name, size_t max, struct arena *arena,
                             struct bytes *out, struct refusal *why)
{
    char path[FEED_PATH_MAX];
    if (!path_of(url, name, path)) {
        refuse(why, REFUSAL_UNSUPPORTED, "%.100s", url);
        return FEED_FAILED;
    }
    if (feed_read_file(path, max, arena, out, why))
        return FEED_GOT;
    return why->why == REFUSAL_UNREADABLE && access(path, F_OK) != 0 ? FEED_ABSENT : FEED_FAILED;
}

bool feed_is_file(const char *url)
{
    return bytes_starts_with(bytes_str(url), BYTES_LIT("file:"));
}

static uint64_t mark_file(const char *url, const char *name, uint64_t before)
{
    char path[FEED_PATH_MAX];
    return path_of(url, name, path) ? file_mark(path, before) : before;
}

uint64_t feed_mark(const char *url, uint64_t root_version)
{
    char name[ROOT_FILE_NAME];
    if (!feed_is_file(url))
        return 0;
    return mark_file(url, root_file_name(root_version + 1, name),
                     mark_file(url, "delegations.json", mark_file(url, "list.json", 0)));
}

void feed_watch_init(struct feed_watch *w)
{
    w->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
}

void feed_watch_fini(struct feed_watch *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* Watches the folder that path stands in; cuts path to it. */
static void watch_above(const struct feed_watch *w, char *path, uint32_t events)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return;
    slash[slash == path] = '\0';
    inotify_add_watch(w->fd, path, events | IN_ONLYDIR | IN_MASK_ADD);
}

void feed_watch_folder(struct feed_watch *w, const char *url)
{
    char path[FEED_PATH_MAX];
    struct bytes folder;
    if (w->fd < 0 || !folder_of(url, &folder) || !path_of(url, "", path))
        return;
    inotify_add_watch(w->fd, path, IN_CLOSE_WRITE | IN_MOVED_TO | IN_CREATE | IN_ONLYDIR);
    /* The folder above tells when this one, or a link in its place, is made or replaced. */
    path[folder.len] = '\0';
    watch_above(w, path, IN_MOVED_TO | IN_CREATE);
}

void feed_watch_file(struct feed_watch *w, const char *path)
{
    char copy[FEED_PATH_MAX];
    int n = snprintf(copy, sizeof copy, "%s", path);
    if (w->fd >= 0 && n > 0 && n < FEED_PATH_MAX)
        watch_above(w, copy, IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_CREATE | IN_DELETE);
}

void feed_watch_drain(struct feed_watch *w)
{
    char events[4096];
    while (w->fd >= 0 && read(w->fd, events, sizeof events) > 0)
        ;
}
