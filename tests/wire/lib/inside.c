/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Preloaded into a daemon under test: does in one of its processes, at a turn of its loop, what whoever had
 * taken that over would try. inside.py writes into the shared memory that POLYNYA_TEST_INSIDE names whose
 * turn it is, and reads there how the kernel liked it. */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

enum what { EXEC, FORK, TRACE, SIGNAL, READ, WRITE, REMOVE, CONNECT, MULTIPATH, LISTEN, PACKETS, DUMP, HANG };
enum { TURN = 50 /* ms: an idle loop must come by, too */ };

struct order {
    volatile int32_t pid; /* 0 when it has been carried out */
    int32_t what, number; /* a port or another process */
    int32_t error;        /* 0: it was allowed */
    char path[256];
};

static struct order *order;
static int (*real)(int, struct epoll_event *, int, int);

__attribute__((constructor)) static void begin(void)
{
    const char *path = getenv("POLYNYA_TEST_INSIDE");
    int fd = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
    void *at = fd < 0 ? MAP_FAILED : mmap(NULL, sizeof *order, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    order = at == MAP_FAILED ? NULL : at;
    *(void **)&real = dlsym(RTLD_NEXT, "epoll_wait");
}

static int at_port(int (*call)(int, const struct sockaddr *, socklen_t), int protocol, int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM, protocol);
    int result = fd < 0 ? -1 : call(fd, (const struct sockaddr *)&a, sizeof a);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static int at_path(int flags)
{
    int fd = open(order->path, flags | O_CLOEXEC, 0600);
    if (fd >= 0)
        close(fd);
    return fd;
}

static int fork_and_end(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return pid;
}

/* Into a file, or to the program that core_pattern names, for which a limit of 0 is none (core(5)). */
static int may_be_dumped(void)
{
    errno = EPERM;
    return prctl(PR_GET_DUMPABLE) == 0 ? -1 : 0;
}

static int carry_out(void)
{
    static char *const argv[] = {"true", NULL};
    switch (order->what) {
    case EXEC:
        return execv("/bin/true", argv);
    case FORK:
        return fork_and_end();
    case TRACE:
        return (int)ptrace(PTRACE_SEIZE, order->number, NULL, NULL);
    case SIGNAL:
        return tgkill(order->number, order->number, 0);
    case READ:
        return at_path(O_RDONLY);
    case WRITE:
        return at_path(O_WRONLY | O_CREAT);
    case REMOVE:
        return unlink(order->path);
    case CONNECT:
        return at_port(connect, 0, order->number);
    case MULTIPATH:
        return at_port(connect, IPPROTO_MPTCP, order->number);
    case LISTEN:
        return at_port(bind, 0, 0);
    case PACKETS:
        return socket(AF_PACKET, SOCK_RAW, 0);
    case DUMP:
        return may_be_dumped();
    default:
        for (;;)
            ;
    }
}

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout)
{
    if (order && order->pid == getpid()) {
        order->error = carry_out() < 0 ? errno : 0;
        order->pid = 0;
    }
    return real(fd, events, most, order && (timeout < 0 || timeout > TURN) ? TURN : timeout);
}
