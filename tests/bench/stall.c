/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a daemon: says on stderr when an event loop did not ask for events for longer than 5 ms,
 * with the time on the clock and the processor time that this took. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { STALL_US = 5000 };

static int (*real)(int, struct epoll_event *, int, int);
static __thread int64_t back_at, back_cpu;

static int64_t us_of(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static void tell(int64_t wall, int64_t cpu)
{
    char line[96];
    int n = snprintf(line, sizeof line, "stall pid=%d us=%lld cpu=%lld\n", (int)getpid(), (long long)wall,
                     (long long)cpu);
    if (write(STDERR_FILENO, line, (size_t)n) != n)
        return;
}

int epoll_wait(int fd, struct epoll_event *events, int count, int timeout)
{
    if (!real)
        *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
    int64_t now = us_of(CLOCK_MONOTONIC);
    if (back_at && now - back_at > STALL_US)
        tell(now - back_at, us_of(CLOCK_THREAD_CPUTIME_ID) - back_cpu);
    int result = real(fd, events, count, timeout);
    back_at = us_of(CLOCK_MONOTONIC);
    back_cpu = us_of(CLOCK_THREAD_CPUTIME_ID);
    return result;
}
