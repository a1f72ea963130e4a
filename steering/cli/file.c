/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files the commands read and write: bounded, never overwritten unasked, never left half-written. */
#include "steering/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static bool read_all(int fd, uint8_t *to, size_t cap, size_t *len)
{
    *len = 0;
    while (*len < cap) {
        ssize_t n = read(fd, to + *len, cap - *len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n == 0;
        *len += (size_t)n;
    }
    return true;
}

bool cli_read(struct cli *c, const char *path, size_t max, struct bytes *out)
{
    struct stat st;
    size_t len = 0;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0 || S_ISDIR(st.st_mode)) {
        cli_fail("cannot read %s: %s; check the path", path, fd < 0 ? strerror(errno) : "not a file");
        goto done;
    }
    /* A pipe has no size: it gets all the room there may be. */
    size_t room =
        S_ISREG(st.st_mode) && st.st_size >= 0 && (size_t)st.st_size < max ? (size_t)st.st_size : max;
    uint8_t *data = arena_alloc(&c->arena, room + 2);
    if (!data || !read_all(fd, data, room + 1, &len))
        cli_fail("cannot read %s: %s", path, data ? strerror(errno) : "out of memory");
    else if (len > max)
        cli_fail("%s is longer than the %zu bytes such a file may have; is it the right one?", path, max);
    else {
        data[len] = 0;
        *out = bytes_of(data, len);
        ok = true;
    }
done:
    if (fd >= 0)
        close(fd);
    return ok;
}

bool cli_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

static bool write_all(int fd, struct bytes b)
{
    while (b.len) {
        ssize_t n = write(fd, b.data, b.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        b.data += n;
        b.len -= (size_t)n;
    }
    return fsync(fd) == 0;
}

bool cli_create(const char *path, struct bytes content, unsigned mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd < 0 && errno == EEXIST)
        return cli_fail("%s exists and is not overwritten; move it away or choose another name", path), false;
    if (fd < 0)
        return cli_fail("cannot create %s: %s; check the folder", path, strerror(errno)), false;
    bool ok = write_all(fd, content);
    int error = errno;
    if (close(fd) != 0 && ok) {
        ok = false;
        error = errno;
    }
    if (!ok) {
        unlink(path);
        cli_fail("cannot write %s: %s; is the disk full?", path, strerror(error));
    }
    return ok;
}

/* The rename itself lasts only once the folder is on disk. */
static void sync_folder(const char *path)
{
    char copy[4096];
    snprintf(copy, sizeof copy, "%s", path);
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
}

bool cli_replace(const char *path, struct bytes content)
{
    char temporary[4096];
    int n = snprintf(temporary, sizeof temporary, "%s.%d.tmp", path, (int)getpid());
    if (n < 0 || (size_t)n >= sizeof temporary)
        return cli_fail("the path %s is too long", path), false;
    if (!cli_create(temporary, content, 0644))
        return false;
    if (rename(temporary, path) != 0) {
        cli_fail("cannot put %s in place: %s", path, strerror(errno));
        unlink(temporary);
        return false;
    }
    sync_folder(path);
    return true;
}

bool cli_save(const char *path, struct bytes content, bool replace)
{
    return replace ? cli_replace(path, content) : cli_create(path, content, 0644);
}

const char *cli_path(struct cli *c, const char *dir, const char *name)
{
    const char *path = arena_printf(&c->arena, "%s/%s", dir, name);
    return path ? path : "";
}
