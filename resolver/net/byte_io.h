/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and writing a byte stream over TLS or a bare socket alike, for either end of it. */
#ifndef POLYNYA_NET_BYTE_IO_H
#define POLYNYA_NET_BYTE_IO_H

#include "resolver/net/tls.h"

/* tls NULL: the socket fd, which must not block. TLS_DONE with *n > 0; TLS_WANT_READ or TLS_WANT_WRITE:
 * nothing for now; TLS_CLOSED or TLS_ERROR: the stream is over. */
enum tls_status byte_read(struct tls_conn *tls, int fd, void *buf, size_t cap, size_t *n);
enum tls_status byte_write(struct tls_conn *tls, int fd, const void *data, size_t len, size_t *n);

#endif
