/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For the store's tests: a directory that goes away with the test, and bodies run in child processes. */
#ifndef POLYNYA_TEST_SCRATCH_H
#define POLYNYA_TEST_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char scratch[64];

static inline const char *scratch_path(const char *name)
{
    static char path[4][400];
    static unsigned next;
    char *out = path[next++ % 4];
    snprintf(out, sizeof path[0], "%s/%s", scratch, name);
    return out;
}

static inline int scratch_make(void **state)
{
    (void)state;
    strcpy(scratch, "/tmp/polynya-test-XXXXXX");
    return mkdtemp(scratch) ? 0 : -1;
}

static inline int scratch_remove(void **state)
{
    (void)state;
    DIR *list = opendir(scratch);
    for (struct dirent *e; list && (e = readdir(list));)
        if (e->d_name[0] != '.')
            unlink(scratch_path(e->d_name));
    if (list)
        closedir(list);
    return rmdir(scratch);
}

static inline void scratch_write(const char *name, const void *data, size_t len)
{
    int fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, data, len), len);
    close(fd);
}

static inline bool scratch_has(const char *name)
{
    return access(scratch_path(name), F_OK) == 0;
}

/* Bytes on disk of all files. */
static inline size_t scratch_disk(void)
{
    size_t total = 0;
    DIR *list = opendir(scratch);
    for (struct dirent *e; list && (e = readdir(list));) {
        struct stat st;
        if (e->d_name[0] != '.' && stat(scratch_path(e->d_name), &st) == 0)
            total += (size_t)st.st_blocks * 512;
    }
    if (list)
        closedir(list);
    return total;
}

/* Runs body in a child, its result the exit status; *pipe_out reads what the child writes to fd `out`. */
static inline pid_t child_start(int (*body)(int out, void *arg), void *arg, int *pipe_out)
{
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(ends[0]);
        _exit(body(ends[1], arg));
    }
    close(ends[1]);
    *pipe_out = ends[0];
    return pid;
}

/* The wait status. */
static inline int child_end(pid_t pid, int pipe_out)
{
    int status;
    close(pipe_out);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static inline int child_run(int (*body)(int out, void *arg), void *arg)
{
    int fd;
    pid_t pid = child_start(body, arg, &fd);
    char sink[256];
    while (read(fd, sink, sizeof sink) > 0)
        ;
    return child_end(pid, fd);
}

#endif
