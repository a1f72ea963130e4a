/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What comes in on a connection, from its first byte: see conn_inner.h.
 *
 * Life: header of its proxy, where one hands connections on → handshake (TLS) → first bytes (in clear, to
 * tell HTTP/2 from HTTP/1) → a protocol speaks → lingering (our side is shut, the peer's last bytes are
 * thrown away so that ours arrive) → gone. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "data/base/metric.h"
#include "resolver/net/byte_io.h"
#include "resolver/net/conn_inner.h"
#include "resolver/net/proxy_v2.h"

static void feed(struct conn *c, const uint8_t *data, size_t n)
{
    if (!c->protocol->input(c->self, data, n))
        c->closing = true;
}

static bool start(struct conn *c, bool h2)
{
    c->set->start(c, h2);
    if (c->protocol && c->set->draining)
        c->protocol->drain(c->self, false);
    return c->protocol != NULL;
}

/* In clear the first four bytes tell HTTP/2's preface from any method of HTTP/1 (RFC 9113 3.4). */
static bool sniff(struct conn *c, const uint8_t **data, size_t *n)
{
    while (c->first_len < CONN_SNIFF && *n) {
        c->first[c->first_len++] = *(*data)++;
        --*n;
    }
    if (c->first_len < CONN_SNIFF)
        return true;
    if (!start(c, memcmp(c->first, "PRI ", CONN_SNIFF) == 0))
        return false;
    feed(c, c->first, CONN_SNIFF);
    return true;
}

static bool take_input(struct conn *c, const uint8_t *data, size_t n)
{
    if (!c->protocol && !(c->service->handler->message ? start(c, false) : sniff(c, &data, &n)))
        return false;
    if (c->protocol && n && !c->closing)
        feed(c, data, n);
    return true;
}

/* Half-open handshakes must not keep others out: beyond the limit the oldest goes, which an honest client
 * would have finished long ago. */
static void begin_handshake(struct conn *c)
{
    struct conn_set *set = c->set;
    link_move(&set->shaking, &c->shaking);
    set->shaking_count++;
    if (!set->limits.handshakes || set->shaking_count <= set->limits.handshakes)
        return;
    metric_count(METRIC_CONN_REFUSED_HANDSHAKES);
    conn_drop(holder_of(set->shaking.next, struct conn, shaking));
}

bool conn_begin(struct conn *c)
{
    const struct http_service *s = c->service;
    c->secure = !s->tls;
    if (!s->tls)
        return true;
    c->tls = tls_accept(s->tls, c->io.fd, s->handler->message ? TLS_FOR_DNS : TLS_FOR_HTTP);
    if (c->tls)
        begin_handshake(c);
    return c->tls != NULL;
}

void conn_set_peer(struct conn *c, const struct ip *peer)
{
    c->relay = proxies_trust(c->set->proxies, peer);
    c->client = c->relay ? (struct ip){0} : *peer;
}

/* The proxy's header is whole. One that asks for itself stays a relay; one that does not say for whom it asks
 * does not, or its unknown client's headers would be believed. */
static bool introduce(struct conn *c)
{
    struct ip client;
    if (proxy_client(c->greeting, &client)) {
        conn_set_peer(c, &client);
        if (!c->set->introduced(c->set, &client, &c->owner))
            return false;
    }
    free(c->greeting);
    c->greeting = NULL;
    return conn_begin(c);
}

/* Reads on in the proxy's header, and nothing behind it. */
static bool greet(struct conn *c)
{
    enum proxy_status status = PROXY_MORE;
    while (status == PROXY_MORE) {
        ssize_t n = recv(c->io.fd, c->set->in, proxy_wants(c->greeting), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        /* Health checks may come and go without a word. */
        if (n == 0 && c->greeting->have == 0)
            return false;
        status = n > 0 ? proxy_take(c->greeting, c->set->in, (size_t)n) : PROXY_BAD;
    }
    if (status == PROXY_BAD)
        metric_count(METRIC_PROXY_HEADER);
    return status == PROXY_DONE && introduce(c);
}

static bool shake_hands(struct conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_DONE:
        c->secure = true;
        conn_end_handshake(c);
        metric_count(tls_resumed(c->tls) ? METRIC_TLS_RESUMED : METRIC_TLS_HANDSHAKES);
        return start(c, tls_alpn(c->tls) == TLS_ALPN_H2);
    case TLS_WANT_READ:
        conn_watch(c, EV_READ);
        return true;
    case TLS_WANT_WRITE:
        conn_watch(c, EV_READ | EV_WRITE);
        return true;
    default:
        metric_count(METRIC_TLS_FAILED);
        return false;
    }
}

static bool wants_input(const struct conn *c)
{
    return !c->closing && !c->eof && (!c->protocol || c->protocol->wants_input(c->self));
}

static bool end_of_input(struct conn *c)
{
    c->eof = true;
    bool more = c->protocol && c->protocol->eof(c->self);
    /* A client that has said all it had to say still wants the rest of its answer. */
    if (!more && !c->left && !c->blocked)
        return false;
    c->closing = !more;
    conn_watch(c, more ? c->io.events & EV_WRITE : EV_WRITE);
    return true;
}

/* Could another read give more, now? n is what the last one gave of cap. */
static bool has_more(const struct conn *c, size_t n, size_t cap)
{
    return c->tls ? tls_pending(c->tls) : n == cap;
}

/* Reads until there is nothing more, the protocol wants no more, or the budget is spent. False: the
 * connection is to be dropped. */
static bool read_some(struct conn *c)
{
    size_t budget = CONN_BUDGET;
    c->unread = false;
    while (wants_input(c)) {
        if (budget == 0) {
            conn_resume(c);
            break;
        }
        size_t n;
        enum tls_status status = byte_read(c->tls, c->io.fd, c->set->in, sizeof c->set->in, &n);
        c->unread = false;
        if (status == TLS_WANT_READ || status == TLS_WANT_WRITE)
            break;
        if (status == TLS_CLOSED)
            return end_of_input(c);
        if (status != TLS_DONE || !take_input(c, c->set->in, n))
            return false;
        /* Work is bounded by what came, not by what it said. */
        size_t came = c->tls ? tls_taken(c->tls) : n;
        budget -= came < budget ? came : budget;
        c->unread = has_more(c, n, sizeof c->set->in);
        if (!c->unread)
            break;
    }
    return true;
}

/* What was answered at once leaves at once, while it is in the processor's caches: with many connections
 * ready in one turn, waiting for its end costs a sixth more. Later answers leave at the end of their turn
 * (on_flush). */
static void readable(struct conn *c)
{
    if ((c->greeting && !greet(c)) || (!c->greeting && !c->secure && !shake_hands(c)) ||
        (c->secure && !read_some(c))) {
        conn_drop(c);
    } else if (c->secure) {
        link_remove(&c->dirty);
        conn_settle(c);
    }
}

void conn_on_io(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    struct conn *c = w->data;
    if (c->lingering) {
        conn_discard(c);
        return;
    }
    if (events & EV_WRITE && c->secure) {
        /* At once, so that streams the peer has been told the end of are closed before its next request is
         * read. */
        conn_dirty(c);
        if (!conn_write_all(c)) {
            conn_drop(c);
            return;
        }
    }
    if (!wants_input(c))
        conn_watch(c, c->io.events & EV_WRITE);
    else
        readable(c);
}

void conn_go_on(struct conn *c)
{
    if (c->lingering)
        return;
    if (c->protocol && !c->closing)
        feed(c, NULL, 0);
    if (c->eof)
        conn_dirty(c);
    else
        readable(c);
}
