/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over UDP: see udp.h. */
#include "resolver/udp.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/hash.h"
#include "data/base/link.h"
#include "data/base/metric.h"

enum { PORT_MIN = 1024, PORT_COUNT = 65536 - PORT_MIN, PORT_DRAWS = 5 };

/* Failing to bind is no error: connect then gives the socket a port of the kernel's choice, random too. */
static void bind_random(int fd, sa_family_t family)
{
    union sock_addr any;
    memset(&any, 0, sizeof any);
    any.sa.sa_family = family;
    for (int i = 0; i < PORT_DRAWS; i++) {
        in_port_t port = htons((uint16_t)(PORT_MIN + random_below(PORT_COUNT)));
        if (family == AF_INET6)
            any.in6.sin6_port = port;
        else
            any.in.sin_port = port;
        if (bind(fd, &any.sa, sock_addr_len(&any)) == 0)
            return;
    }
}

/* One datagram a turn of the loop: a flood to one socket does not starve the others. */
static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct udp_query *q = holder_of(io, struct udp_query, io);
    union sock_addr from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(io->fd, q->udp->buffer, sizeof q->udp->buffer, 0, &from.sa, &from_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0)
        q->failed(q, errno);
    else if (sock_addr_equal(&from, q->server))
        q->reply(q, q->udp->buffer, (size_t)n);
    else
        metric_count(METRIC_UPSTREAM_BAD_SOURCE);
}

int udp_send(struct udp *u, struct udp_query *q, const union sock_addr *server, struct bytes message)
{
    if (u->open >= u->max)
        return EMFILE;
    int fd = socket(server->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    bind_random(fd, server->sa.sa_family);
    if (connect(fd, &server->sa, sock_addr_len(server)) < 0 || send(fd, message.data, message.len, 0) < 0) {
        int error = errno;
        close(fd);
        return error;
    }
    q->udp = u;
    q->server = server;
    ev_io_init(&q->io, on_readable, fd, EV_READ);
    ev_io_start(u->loop, &q->io);
    u->open++;
    return 0;
}

void udp_close(struct udp_query *q)
{
    ev_io_stop(q->udp->loop, &q->io);
    close(q->io.fd);
    q->udp->open--;
}
