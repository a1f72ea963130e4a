/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One TLS connection, of a server or a client: see tls.h and tls_conn.h. The socket is reached through a BIO
 * of our own, which remembers that the socket was emptied: that spares the system call that would only say
 * so. */
#include "resolver/net/tls_conn.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

/* SSL reads on without coming back for as long as key updates arrive, and does not count them. So bytes that
 * bring no data are, of which each record may have some; a whole one may be under way. */
enum { SILENT_MAX = 20 * 1024, SILENT_RECORD = 1024 };

struct tls_conn {
    SSL *ssl;
    int fd;
    size_t taken;  /* bytes read since that was asked last */
    size_t silent; /* bytes read that have brought no data */
    bool shaking;  /* a handshake ends by itself */
    bool drained;  /* the socket gave less than was asked for, and what it gave is not used up */
    bool eof;
    bool failed; /* after a fatal error nothing may be sent */
};

/* The socket */

static int socket_read(BIO *bio, char *buf, int cap)
{
    struct tls_conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    if (c->drained) {
        BIO_set_retry_read(bio);
        return -1;
    }
    if (c->silent > SILENT_MAX && !c->shaking)
        return -1;
    ssize_t n = recv(c->fd, buf, (size_t)cap, 0);
    c->taken += n > 0 ? (size_t)n : 0;
    c->silent += n > 0 ? (size_t)n : 0;
    c->drained = n < cap;
    c->eof = n == 0;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_read(bio);
    return (int)n;
}

/* A ticket is urgent to nobody: it goes with what is sent next, or when the kernel has waited long enough. */
static bool sends_ticket(const struct tls_conn *c)
{
    return SSL_get_state(c->ssl) == TLS_ST_SW_SESSION_TICKET && SSL_version(c->ssl) == TLS1_3_VERSION;
}

static int socket_write(BIO *bio, const char *data, int len)
{
    struct tls_conn *c = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    ssize_t n = send(c->fd, data, (size_t)len, MSG_NOSIGNAL | (sends_ticket(c) ? MSG_MORE : 0));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        BIO_set_retry_write(bio);
    return (int)n;
}

static long socket_control(BIO *bio, int command, long number, void *pointer)
{
    (void)number, (void)pointer;
    const struct tls_conn *c = BIO_get_data(bio);
    if (command == BIO_CTRL_EOF)
        return c->eof;
    return command == BIO_CTRL_FLUSH;
}

BIO_METHOD *tls_socket_method(void)
{
    BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "socket");
    if (m) {
        BIO_meth_set_read(m, socket_read);
        BIO_meth_set_write(m, socket_write);
        BIO_meth_set_ctrl(m, socket_control);
    }
    return m;
}

/* The connection */

/* What is left there by others would be taken for an error of this connection. To clear a queue that is empty
 * costs OpenSSL 32 calls of free. */
static void forget_errors(void)
{
    if (ERR_peek_error())
        ERR_clear_error();
}

struct tls_conn *tls_conn_new(BIO_METHOD *method, SSL_CTX *ctx, int fd)
{
    forget_errors();
    struct tls_conn *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->fd = fd;
    c->ssl = SSL_new(ctx);
    BIO *bio = c->ssl ? BIO_new(method) : NULL;
    if (!bio) {
        tls_conn_free(&c);
        return NULL;
    }
    BIO_set_data(bio, c);
    BIO_set_init(bio, 1);
    SSL_set_bio(c->ssl, bio, bio);
    return c;
}

SSL *tls_conn_ssl(const struct tls_conn *c)
{
    return c->ssl;
}

void tls_conn_free(struct tls_conn **c)
{
    if (!*c)
        return;
    /* A connection that was cut off says nothing against its session, which OpenSSL else makes void. */
    if ((*c)->ssl)
        SSL_set_shutdown((*c)->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free((*c)->ssl);
    free(*c);
    *c = NULL;
}

static enum tls_status status_of(struct tls_conn *c, int result)
{
    switch (SSL_get_error(c->ssl, result)) {
    case SSL_ERROR_WANT_READ:
        return TLS_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return TLS_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return TLS_CLOSED;
    default:
        c->failed = true;
        return c->eof ? TLS_CLOSED : TLS_ERROR;
    }
}

enum tls_status tls_handshake(struct tls_conn *c)
{
    forget_errors();
    c->drained = false;
    c->shaking = true;
    int result = SSL_do_handshake(c->ssl);
    c->shaking = false;
    c->silent = 0;
    return result == 1 ? TLS_DONE : status_of(c, result);
}

enum tls_status tls_read(struct tls_conn *c, void *buf, size_t cap, size_t *n)
{
    forget_errors();
    if (!SSL_has_pending(c->ssl))
        c->drained = false;
    int result = SSL_read_ex(c->ssl, buf, cap, n);
    if (result == 1) {
        c->silent -= *n + SILENT_RECORD < c->silent ? *n + SILENT_RECORD : c->silent;
        return TLS_DONE;
    }
    *n = 0;
    c->drained = false;
    return status_of(c, result);
}

enum tls_status tls_write(struct tls_conn *c, const void *buf, size_t len, size_t *n)
{
    forget_errors();
    int result = SSL_write_ex(c->ssl, buf, len, n);
    if (result == 1)
        return TLS_DONE;
    *n = 0;
    return status_of(c, result);
}

size_t tls_taken(struct tls_conn *c)
{
    size_t n = c->taken;
    c->taken = 0;
    return n;
}

bool tls_pending(const struct tls_conn *c)
{
    return !c->drained || SSL_has_pending(c->ssl);
}

void tls_shutdown(struct tls_conn *c)
{
    if (c->failed || !SSL_is_init_finished(c->ssl))
        return;
    forget_errors();
    SSL_shutdown(c->ssl);
}

enum tls_alpn tls_alpn(const struct tls_conn *c)
{
    const unsigned char *name;
    unsigned len;
    SSL_get0_alpn_selected(c->ssl, &name, &len);
    if (len == 0)
        return TLS_ALPN_NONE;
    return len == 2 ? TLS_ALPN_H2 : TLS_ALPN_H1;
}

bool tls_resumed(const struct tls_conn *c)
{
    return SSL_session_reused(c->ssl) == 1;
}
