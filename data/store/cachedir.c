/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files, locks and state of the shared cache: see cachedir.h. */
#include "data/store/cachedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/base/text.h"

enum { LOCK_WRITER = 0, LOCK_USERS = 1, NAME_CAP = 48, STATE_CAP = 128, BOOT_ID_LEN = 36 };
#define NUMBER_MAX 999999999999999999

static const char *const lock_name = "cache.lock", *const state_name = "cache.state",
                         *const state_new_name = "cache.state.new", *const bad_name = "cache.bad";

bool cachedir_open(const char *path, struct cachedir *d)
{
    *d = (struct cachedir){.dir = -1, .lock = -1};
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return false;
    d->path = strdup(path);
    d->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->path && d->dir >= 0)
        d->lock = openat(d->dir, lock_name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock >= 0)
        return true;
    int error = errno;
    cachedir_close(d);
    errno = error;
    return false;
}

void cachedir_close(struct cachedir *d)
{
    if (d->lock >= 0)
        close(d->lock);
    if (d->dir >= 0)
        close(d->dir);
    free(d->path);
    *d = (struct cachedir){.dir = -1, .lock = -1};
}

static bool set_lock(struct cachedir *d, off_t byte, short type)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1};
    return fcntl(d->lock, F_OFD_SETLK, &l) == 0;
}

bool cachedir_lock(struct cachedir *d)
{
    return set_lock(d, LOCK_WRITER, F_WRLCK);
}

void cachedir_unlock(struct cachedir *d)
{
    set_lock(d, LOCK_WRITER, F_UNLCK);
}

enum cachedir_join cachedir_join(struct cachedir *d)
{
    if (set_lock(d, LOCK_USERS, F_WRLCK))
        return CACHEDIR_ALONE;
    return set_lock(d, LOCK_USERS, F_RDLCK) ? CACHEDIR_SHARED : CACHEDIR_BUSY;
}

void cachedir_share(struct cachedir *d)
{
    set_lock(d, LOCK_USERS, F_RDLCK);
}

void cachedir_leave(struct cachedir *d)
{
    set_lock(d, LOCK_USERS, F_UNLCK);
}

/* Text of a small file without its last newline; empty if it cannot be read. */
static void read_line(int dir, const char *name, char *out, size_t cap)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    if (fd >= 0)
        close(fd);
    if (n > 0 && out[n - 1] == '\n')
        n--;
    out[n > 0 ? n : 0] = '\0';
}

/* Where the kernel does not tell (a container without /proc), no boot is like another: only clean files
 * count. */
static void state_line(char out[STATE_CAP], bool clean)
{
    char boot[BOOT_ID_LEN + 2];
    read_line(AT_FDCWD, "/proc/sys/kernel/random/boot_id", boot, sizeof boot);
    if (clean)
        snprintf(out, STATE_CAP, "polynya-cache 1 clean");
    else if (strlen(boot) == BOOT_ID_LEN)
        snprintf(out, STATE_CAP, "polynya-cache 1 used %s", boot);
    else
        snprintf(out, STATE_CAP, "polynya-cache 1 used in an unknown boot %ld", (long)getpid());
}

bool cachedir_trusted(struct cachedir *d, bool *used)
{
    char have[STATE_CAP], want[STATE_CAP];
    read_line(d->dir, state_name, have, sizeof have);
    state_line(want, false);
    *used = strcmp(have, want) == 0;
    state_line(want, true);
    return *used || strcmp(have, want) == 0;
}

static bool write_synced(int dir, const char *name, const char *text)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return false;
    size_t len = strlen(text);
    errno = EIO; /* for a short write */
    bool done = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int error = errno;
    close(fd);
    errno = error;
    return done;
}

bool cachedir_mark(struct cachedir *d, bool clean)
{
    char line[STATE_CAP];
    state_line(line, clean);
    strcat(line, "\n");
    return write_synced(d->dir, state_new_name, line) &&
           renameat(d->dir, state_new_name, d->dir, state_name) == 0 && fsync(d->dir) == 0;
}

/* "cache-<number>.mdb" with `suffix` behind. */
static const char *file_name(uint64_t number, const char *suffix, char out[NAME_CAP])
{
    snprintf(out, NAME_CAP, "cache-%llu.mdb%s", (unsigned long long)number, suffix);
    return out;
}

/* The number in a generation's or its lock file's name; 0 for all other files. */
static uint64_t number_of(const char *name)
{
    struct bytes text = bytes_str(name);
    char again[NAME_CAP];
    uint64_t number;
    const char *dot = strchr(name, '.');
    if (!bytes_starts_with(text, BYTES_LIT("cache-")) || !dot ||
        !uint_parse(bytes_of(name + 6, (size_t)(dot - name - 6)), NUMBER_MAX, &number))
        return 0;
    bool ours = strcmp(name, file_name(number, "", again)) == 0 ||
                strcmp(name, file_name(number, "-lock", again)) == 0;
    return ours ? number : 0;
}

static DIR *list_open(struct cachedir *d)
{
    int fd = openat(d->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd < 0 ? NULL : fdopendir(fd);
    if (fd >= 0 && !list)
        close(fd);
    return list;
}

static bool is_lock_file(const char *name)
{
    return strchr(name, '.')[4] != '\0';
}

void cachedir_newest(struct cachedir *d, uint64_t number[2])
{
    number[0] = number[1] = 0;
    DIR *list = list_open(d);
    if (!list)
        return;
    for (struct dirent *e; (e = readdir(list));) {
        uint64_t n = number_of(e->d_name);
        if (n == 0 || is_lock_file(e->d_name))
            continue;
        if (n > number[0]) {
            number[1] = number[0];
            number[0] = n;
        } else if (n > number[1]) {
            number[1] = n;
        }
    }
    rewinddir(list);
    for (struct dirent *e; (e = readdir(list));) {
        uint64_t n = number_of(e->d_name);
        if (n && n != number[0] && n != number[1])
            unlinkat(d->dir, e->d_name, 0);
    }
    closedir(list);
}

bool cachedir_path(const struct cachedir *d, uint64_t number, char *out, size_t cap)
{
    char name[NAME_CAP];
    int n = snprintf(out, cap, "%s/%s", d->path, file_name(number, "", name));
    return n > 0 && (size_t)n < cap;
}

static bool file_stat(const struct cachedir *d, uint64_t number, struct stat *out)
{
    char name[NAME_CAP];
    return fstatat(d->dir, file_name(number, "", name), out, AT_SYMLINK_NOFOLLOW) == 0;
}

ino_t cachedir_inode(const struct cachedir *d, uint64_t number)
{
    struct stat st;
    return file_stat(d, number, &st) ? st.st_ino : 0;
}

off_t cachedir_size(const struct cachedir *d, uint64_t number)
{
    struct stat st;
    return file_stat(d, number, &st) ? st.st_size : 0;
}

void cachedir_remove(struct cachedir *d, uint64_t number)
{
    char name[NAME_CAP];
    unlinkat(d->dir, file_name(number, "", name), 0);
    unlinkat(d->dir, file_name(number, "-lock", name), 0);
}

void cachedir_set_aside(struct cachedir *d, uint64_t number, off_t keep)
{
    char name[NAME_CAP];
    if (cachedir_size(d, number) <= keep)
        renameat(d->dir, file_name(number, "", name), d->dir, bad_name);
    cachedir_remove(d, number);
}

void cachedir_clear(struct cachedir *d, off_t keep)
{
    uint64_t number[2];
    cachedir_newest(d, number);
    for (int i = 1; i >= 0; i--)
        if (number[i])
            cachedir_set_aside(d, number[i], keep);
}
