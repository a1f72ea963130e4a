/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS, or a bare socket in the same words: see byte_io.h. */
#include "resolver/net/byte_io.h"

#include <errno.h>
#include <sys/socket.h>

static enum tls_status status_of(ssize_t n, enum tls_status again)
{
    if (n > 0)
        return TLS_DONE;
    if (n == 0)
        return TLS_CLOSED;
    return errno == EAGAIN || errno == EINTR ? again : TLS_ERROR;
}

enum tls_status byte_read(struct tls_conn *tls, int fd, void *buf, size_t cap, size_t *n)
{
    if (tls)
        return tls_read(tls, buf, cap, n);
    ssize_t got = recv(fd, buf, cap, 0);
    *n = got > 0 ? (size_t)got : 0;
    return status_of(got, TLS_WANT_READ);
}

enum tls_status byte_write(struct tls_conn *tls, int fd, const void *data, size_t len, size_t *n)
{
    if (tls)
        return tls_write(tls, data, len, n);
    ssize_t sent = send(fd, data, len, MSG_NOSIGNAL);
    *n = sent > 0 ? (size_t)sent : 0;
    return status_of(sent, TLS_WANT_WRITE);
}
