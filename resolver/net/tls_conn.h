/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How tls.c and tls_client.c make connections; for these two alone. What is done with one afterwards stands
 * in tls.h. */
#ifndef POLYNYA_NET_TLS_CONN_H
#define POLYNYA_NET_TLS_CONN_H

#include <openssl/ssl.h>

#include "resolver/net/tls.h"

/* What SSL reads and writes through; freed with BIO_meth_free, after all its connections. NULL without
 * memory.
 */
BIO_METHOD *tls_socket_method(void);
/* fd, non-blocking, stays the caller's. NULL without memory. */
struct tls_conn *tls_conn_new(BIO_METHOD *method, SSL_CTX *ctx, int fd);
SSL *tls_conn_ssl(const struct tls_conn *c);

#endif
