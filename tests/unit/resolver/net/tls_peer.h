/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A server on loopback for tests of the client side, in the test's own process: OpenSSL's, or a bare socket.
 * Nothing blocks but poll, and that for TLS_PEER_PATIENCE at most. */
#ifndef POLYNYA_TEST_NET_TLS_PEER_H
#define POLYNYA_TEST_NET_TLS_PEER_H

#include "certs.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "data/base/address.h"

enum { TLS_PEER_PATIENCE = 20000 /* ms */, TLS_PEER_DAY = 86400 };

struct tls_peer {
    int listener, fd; /* fd: the latest connection; -1: none */
    SSL_CTX *ctx;     /* NULL: no TLS */
    SSL *ssl;
    bool shaken;
    char sni[64]; /* of the latest connection */
};

static inline void tls_peer_nonblocking(int fd)
{
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK), 0);
}

static inline void tls_peer_init(struct tls_peer *p)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    *p = (struct tls_peer){.listener = socket(AF_INET, SOCK_STREAM, 0), .fd = -1};
    assert_int_equal(bind(p->listener, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(p->listener, 8), 0);
    tls_peer_nonblocking(p->listener);
}

static inline int tls_peer_alpn(SSL *ssl, const unsigned char **out, unsigned char *len,
                                const unsigned char *in, unsigned in_len, void *wanted)
{
    (void)ssl;
    const unsigned char *list = wanted;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)out, len, list, list[0] + 1u, in, in_len) ==
                   OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_NOACK;
}

/* It shows leaf, and behind it `extra` if that is not NULL; alpn: one protocol with its length in front, or
 * NULL. */
static inline void tls_peer_show(struct tls_peer *p, const struct made *leaf, const struct made *extra,
                                 const char *alpn)
{
    SSL_CTX_free(p->ctx);
    p->ctx = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(p->ctx, leaf->cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(p->ctx, leaf->key), 1);
    if (extra)
        assert_int_equal(SSL_CTX_add1_chain_cert(p->ctx, extra->cert), 1);
    if (alpn)
        SSL_CTX_set_alpn_select_cb(p->ctx, tls_peer_alpn, (void *)(uintptr_t)alpn);
}

static inline union sock_addr tls_peer_address(const struct tls_peer *p)
{
    union sock_addr out;
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    struct ip loopback = {.len = 4, .addr = {127, 0, 0, 1}};
    assert_int_equal(getsockname(p->listener, (struct sockaddr *)&a, &len), 0);
    sock_addr_of(&loopback, ntohs(a.sin_port), &out);
    return out;
}

static inline void tls_peer_hang_up(struct tls_peer *p)
{
    SSL_free(p->ssl);
    if (p->fd >= 0)
        close(p->fd);
    p->ssl = NULL;
    p->fd = -1;
    p->shaken = false;
}

static inline void tls_peer_fini(struct tls_peer *p)
{
    tls_peer_hang_up(p);
    SSL_CTX_free(p->ctx);
    close(p->listener);
}

/* Does what can be done without waiting: takes a connection if it has none, goes on with the handshake. */
static inline void tls_peer_step(struct tls_peer *p)
{
    if (p->fd < 0 && (p->fd = accept(p->listener, NULL, NULL)) >= 0) {
        tls_peer_nonblocking(p->fd);
        p->ssl = p->ctx ? SSL_new(p->ctx) : NULL;
        if (p->ssl)
            SSL_set_fd(p->ssl, p->fd);
    }
    if (p->fd < 0 || !p->ssl || p->shaken)
        return;
    p->shaken = SSL_accept(p->ssl) == 1;
    const char *sni = SSL_get_servername(p->ssl, TLSEXT_NAMETYPE_host_name);
    snprintf(p->sni, sizeof p->sni, "%s", sni ? sni : "");
}

/* Bytes of the client, without TLS or as they were before it; 0 if there is nothing yet. */
static inline size_t tls_peer_read(struct tls_peer *p, void *buf, size_t cap)
{
    ssize_t n = p->ssl ? SSL_read(p->ssl, buf, (int)cap) : p->fd >= 0 ? recv(p->fd, buf, cap, 0) : 0;
    return n > 0 ? (size_t)n : 0;
}

static inline void tls_peer_write(struct tls_peer *p, const void *data, size_t len)
{
    ssize_t n = p->ssl ? SSL_write(p->ssl, data, (int)len) : send(p->fd, data, len, MSG_NOSIGNAL);
    assert_int_equal(n, (ssize_t)len);
}

/* A moment, for whoever waits for another; false once it was waited too long since `start` (monotonic ms). */
static inline bool tls_peer_wait(int64_t start)
{
    poll(NULL, 0, 1);
    return clock_mono_ms() - start < TLS_PEER_PATIENCE;
}

#endif
