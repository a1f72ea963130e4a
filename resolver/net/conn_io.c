/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two transports of a connection, TLS and the bare socket: see conn_inner.h. */
#include <errno.h>
#include <sys/socket.h>

#include "resolver/net/conn_inner.h"

static enum tls_status status_of(ssize_t n, enum tls_status again)
{
    if (n > 0)
        return TLS_DONE;
    if (n == 0)
        return TLS_CLOSED;
    return errno == EAGAIN || errno == EINTR ? again : TLS_ERROR;
}

enum tls_status conn_read(struct conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    if (c->tls)
        return tls_read(c->tls, buf, cap, n);
    ssize_t got = recv(c->io.fd, buf, cap, 0);
    *n = got > 0 ? (size_t)got : 0;
    return status_of(got, TLS_WANT_READ);
}

enum tls_status conn_write(struct conn *c, const uint8_t *data, size_t len, size_t *n)
{
    if (c->tls)
        return tls_write(c->tls, data, len, n);
    ssize_t sent = send(c->io.fd, data, len, MSG_NOSIGNAL);
    *n = sent > 0 ? (size_t)sent : 0;
    return status_of(sent, TLS_WANT_WRITE);
}

bool conn_has_more(const struct conn *c, size_t n, size_t cap)
{
    return c->tls ? tls_pending(c->tls) : n == cap;
}
