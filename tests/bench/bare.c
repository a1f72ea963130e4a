/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The floor: nghttp2, OpenSSL and libev as a DoH server would use them, with one canned answer and nothing
 * else, no limits, no timers, no sandbox. What a server costs above it, it spends on being one.
 *
 *   bare PORT CHAIN KEY LENGTH      answers every request with so many bytes, and a max-age */
#include <arpa/inet.h>
#include <ev.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RECORD = 16384, BODY_MAX = 4096 };

struct client {
    ev_io io;
    SSL *ssl;
    nghttp2_session *session;
};

static struct ev_loop *loop;
static SSL_CTX *ctx;
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;
static uint8_t body[BODY_MAX], in[RECORD], out[2 * RECORD];
static size_t body_len;
static char length_text[16];

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t cap, uint32_t *flags,
                         nghttp2_data_source *source, void *self)
{
    (void)session, (void)id, (void)source, (void)self;
    *flags = NGHTTP2_DATA_FLAG_EOF;
    size_t n = body_len < cap ? body_len : cap;
    memcpy(buf, body, n);
    return (ssize_t)n;
}

#define FIELD(n, v, flag)                                                                                    \
    {                                                                                                        \
        .name = (uint8_t *)(uintptr_t)(n), .value = (uint8_t *)(uintptr_t)(v), .namelen = strlen(n),         \
        .valuelen = strlen(v),                                                                               \
        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE | (flag)                       \
    }

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    (void)self;
    if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM) ||
        (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA))
        return 0;
    const nghttp2_nv fields[] = {FIELD(":status", "200", 0),
                                 FIELD("content-type", "application/dns-message", 0),
                                 FIELD("content-length", length_text, NGHTTP2_NV_FLAG_NO_INDEX),
                                 FIELD("cache-control", "max-age=3600", NGHTTP2_NV_FLAG_NO_INDEX)};
    nghttp2_data_provider data = {.read_callback = give_body};
    return nghttp2_submit_response(session, frame->hd.stream_id, fields, 4, &data);
}

static void drop(struct client *c)
{
    ev_io_stop(loop, &c->io);
    close(c->io.fd);
    nghttp2_session_del(c->session);
    SSL_free(c->ssl);
    free(c);
}

static void start(struct client *c)
{
    const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, 100}};
    if (nghttp2_session_server_new2(&c->session, callbacks, c, options) != 0 ||
        nghttp2_submit_settings(c->session, 0, settings, 1) != 0)
        die("session");
}

/* All that nghttp2 has, in one record. False: the end. */
static bool answer(struct client *c)
{
    size_t len = 0;
    const uint8_t *frame;
    ssize_t n;
    while (len < RECORD && (n = nghttp2_session_mem_send(c->session, &frame)) > 0) {
        memcpy(out + len, frame, (size_t)n);
        len += (size_t)n;
    }
    return len == 0 || SSL_write(c->ssl, out, (int)len) > 0;
}

static bool take(struct client *c)
{
    do {
        int n = SSL_read(c->ssl, in, sizeof in);
        if (n <= 0)
            return SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ;
        if (nghttp2_session_mem_recv(c->session, in, (size_t)n) < 0)
            return false;
    } while (SSL_has_pending(c->ssl));
    return answer(c);
}

static void on_io(struct ev_loop *l, ev_io *w, int events)
{
    (void)l, (void)events;
    struct client *c = w->data;
    if (!c->session) {
        int n = SSL_do_handshake(c->ssl);
        if (n == 1) {
            start(c);
            if (!SSL_has_pending(c->ssl))
                return;
        } else if (SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_READ) {
            return;
        }
    }
    if (!c->session || !take(c)) {
        ERR_clear_error();
        drop(c);
    }
}

static void on_accept(struct ev_loop *l, ev_io *w, int events)
{
    (void)events;
    int fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (fd < 0)
        return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct client *c = calloc(1, sizeof *c);
    if (!c || !(c->ssl = SSL_new(ctx)))
        die("memory");
    SSL_set_fd(c->ssl, fd);
    SSL_set_accept_state(c->ssl);
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    ev_io_start(l, &c->io);
}

static int choose_h2(SSL *ssl, const unsigned char **chosen, unsigned char *len, const unsigned char *offers,
                     unsigned offers_len, void *arg)
{
    (void)ssl, (void)arg;
    return SSL_select_next_proto((unsigned char **)(uintptr_t)chosen, len, (const uint8_t *)"\2h2", 3, offers,
                                 offers_len) == OPENSSL_NPN_NEGOTIATED
               ? SSL_TLSEXT_ERR_OK
               : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void prepare(const char *chain, const char *key)
{
    ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || SSL_CTX_use_certificate_chain_file(ctx, chain) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die("certificate");
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set_num_tickets(ctx, 1);
    SSL_CTX_set_alpn_select_cb(ctx, choose_h2, NULL);
    nghttp2_session_callbacks_new(&callbacks);
    nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
    nghttp2_option_new(&options);
    nghttp2_option_set_max_deflate_dynamic_table_size(options, 128);
    nghttp2_option_set_no_closed_streams(options, 1);
}

static int listen_on(int port)
{
    struct sockaddr_in at = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(fd, 4096) != 0)
        die("listen");
    return fd;
}

int main(int argc, char **argv)
{
    if (argc != 5 || (body_len = strtoul(argv[4], NULL, 10)) > BODY_MAX) {
        fprintf(stderr, "usage: bare PORT CHAIN KEY LENGTH: see tests/bench/bare.c\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    snprintf(length_text, sizeof length_text, "%zu", body_len);
    prepare(argv[2], argv[3]);
    loop = ev_default_loop(EVFLAG_AUTO);
    ev_io listener;
    ev_io_init(&listener, on_accept, listen_on(atoi(argv[1])), EV_READ);
    ev_io_start(loop, &listener);
    ev_run(loop, 0);
}
