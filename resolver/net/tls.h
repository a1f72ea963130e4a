/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS of the server side, and connections of both sides (tls_conn.h, tls_client.h).
 *
 * Certificates are read and checked in one step, by whoever may read the keys; the result is inherited over
 * fork. */
#ifndef POLYNYA_NET_TLS_H
#define POLYNYA_NET_TLS_H

#include "data/base/bytes.h"
#include "data/store/shm.h"

struct tls_server;
struct tls_conn;

struct tls_files {
    const char *chain, *key;
};

/* Loads all pairs (first is the default, the others are chosen by SNI and by the client's algorithms), checks
 * that key and leaf match, that the chain links up, and that nothing in it has expired or is not yet valid at
 * `now`. NULL on failure, with error "FILE: what". ring is borrowed; NULL turns tickets off. */
struct tls_server *tls_server_new(const struct tls_files *files, unsigned count,
                                  const struct ticket_ring *ring, int64_t now, char *error, size_t cap);
void tls_server_free(struct tls_server **s);
/* The earliest notAfter of all leaves, Unix seconds. */
int64_t tls_server_expires(const struct tls_server *s);

/* What is offered by ALPN: h2 and http/1.1, or dot (RFC 7858 says nothing of it, so clients may, too). */
enum tls_use { TLS_FOR_HTTP, TLS_FOR_DNS };
enum tls_alpn { TLS_ALPN_NONE, TLS_ALPN_H1, TLS_ALPN_H2 };
enum tls_status { TLS_DONE, TLS_WANT_READ, TLS_WANT_WRITE, TLS_CLOSED, TLS_ERROR };

/* The connection cannot be used any more. */
static inline bool tls_is_over(enum tls_status s)
{
    return s == TLS_CLOSED || s == TLS_ERROR;
}

struct tls_conn *tls_accept(struct tls_server *s, int fd, enum tls_use use);
void tls_conn_free(struct tls_conn **c);
enum tls_status tls_handshake(struct tls_conn *c);
/* TLS_DONE with *n > 0, or another status with *n = 0. A peer that goes on without any data, as by key
 * updates, is an error. */
enum tls_status tls_read(struct tls_conn *c, void *buf, size_t cap, size_t *n);
enum tls_status tls_write(struct tls_conn *c, const void *buf, size_t len, size_t *n);
/* Bytes that came from the socket since this was asked last: what reading has cost. */
size_t tls_taken(struct tls_conn *c);
/* Decrypted bytes that a read would give without the socket. */
bool tls_pending(const struct tls_conn *c);
/* Sends close_notify if the state allows; does not wait. */
void tls_shutdown(struct tls_conn *c);
enum tls_alpn tls_alpn(const struct tls_conn *c);
bool tls_resumed(const struct tls_conn *c);

#endif
