/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening and accepting: see sock.h. */
#include "resolver/net/sock.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */

static bool set_on(int fd, int level, int option)
{
    return setsockopt(fd, level, option, &(int){1}, sizeof(int)) == 0;
}

/* TCP_NODELAY is inherited by what is accepted, which saves a system call for each connection. */
static bool bind_inet(int fd, const union sock_addr *a, bool reuse_port)
{
    if (!set_on(fd, SOL_SOCKET, SO_REUSEADDR) || !set_on(fd, IPPROTO_TCP, TCP_NODELAY))
        return false;
    if (reuse_port && !set_on(fd, SOL_SOCKET, SO_REUSEPORT))
        return false;
    if (a->sa.sa_family == AF_INET6 && !set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY))
        return false;
    return bind(fd, &a->sa, sock_addr_len(a)) == 0;
}

static bool answers(const union sock_addr *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool taken = fd >= 0 && (connect(fd, &a->sa, sock_addr_len(a)) == 0 || errno == EAGAIN);
    if (fd >= 0)
        close(fd);
    return taken;
}

static bool unlink_stale(const union sock_addr *a)
{
    struct stat st;
    if (lstat(a->un.sun_path, &st) != 0)
        return errno == ENOENT;
    if (!S_ISSOCK(st.st_mode) || answers(a)) {
        errno = EADDRINUSE;
        return false;
    }
    return unlink(a->un.sun_path) == 0;
}

/* The mode is set on the socket before bind, so there is no moment at which others could connect. */
static bool bind_unix(int fd, const union sock_addr *a)
{
    return unlink_stale(a) && fchmod(fd, 0600) == 0 && bind(fd, &a->sa, sock_addr_len(a)) == 0;
}

int sock_listen(const union sock_addr *address, bool reuse_port)
{
    int family = address->sa.sa_family;
    int fd = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bool bound = family == AF_UNIX ? bind_unix(fd, address) : bind_inet(fd, address, reuse_port);
    if (bound && listen(fd, BACKLOG) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

int sock_accept(int listener, union sock_addr *peer)
{
    *peer = (union sock_addr){0};
    socklen_t len = sizeof *peer;
    return accept4(listener, &peer->sa, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}
