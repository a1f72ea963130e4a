/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over HTTPS: see https.h and stream.h.
 *
 * A connection ends only in callbacks of the loop, never inside https_ask, https_cancel or below h2_client: a
 * query's callback may ask and cancel. */
#include "resolver/https.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/base/metric.h"
#include "data/dns/edns.h"
#include "resolver/quiet.h"

enum {
    OUT_SIZE = 8192,
    IN_SIZE = 16384,
    READS_PER_TURN = 4,
    HTTPS_PORT = 443,
    AUTHORITY_MAX = 272 /* a host's 253, a port, brackets */
};

struct conn {
    struct link link; /* in leaving; in no ring while it is the one in use */
    struct https *https;
    struct dial dial;
    struct h2_client *h2;
    struct quiet quiet;
    size_t useless;      /* bytes read since a post ended */
    struct bytes frames; /* of h2, not yet in out */
    size_t out_len;
    uint8_t out[OUT_SIZE];
};

struct https {
    struct stream stream; /* first: a stream is cast back */
    void (*refused)(void *self, enum h2_end why);
    char authority[AUTHORITY_MAX];
    char *path;
    struct conn *current; /* takes queries; NULL: none */
    struct link leaving;
    unsigned leaving_count;
    unsigned under_way;
    unsigned ended;      /* posts so far */
    uint8_t in[IN_SIZE]; /* what is being read */
};

static struct https *https_of(struct stream *s)
{
    return (struct https *)s;
}

/* --- a connection --- */

static void on_ready(struct dial *d);
static void on_failed(struct dial *d, enum dial_end why);
static void on_over(struct quiet *q);
static void on_done(void *owner, const struct h2_reply *reply);

static void conn_free(struct conn *c)
{
    struct https *h = c->https;
    if (h->current == c)
        h->current = NULL;
    else if (!link_empty(&c->link))
        h->leaving_count--;
    link_remove(&c->link);
    dial_close(&c->dial);
    quiet_stop(&c->quiet);
    h2_client_free(&c->h2);
    free(c);
}

static struct conn *conn_new(struct https *h)
{
    struct conn *c = stream_may_dial(&h->stream) ? calloc(1, sizeof *c) : NULL;
    if (!c)
        return NULL;
    c->https = h;
    link_init(&c->link);
    c->dial = (struct dial){
        .loop = h->stream.env.loop, .peer = h->stream.env.peer, .ready = on_ready, .failed = on_failed};
    dial_init(&c->dial);
    quiet_init(&c->quiet, &c->dial, &h->stream.idle, on_over);
    c->h2 = h2_client_new(
        &(struct h2_client_options){.authority = h->authority, .path = h->path, .done = on_done});
    if (c->h2 && dial_open(&c->dial, h->stream.env.server))
        return c;
    conn_free(c);
    return NULL;
}

/* The server takes no more over it: what is under way is waited for. */
static void retire(struct https *h)
{
    link_append(&h->leaving, &h->current->link);
    h->leaving_count++;
    h->current = NULL;
}

/* The connection that takes queries; NULL if there is none to be had. */
static struct conn *usable(struct https *h)
{
    if (h->current && !h2_client_open(h->current->h2)) {
        if (h->leaving_count >= HTTPS_LEAVING_MAX)
            return NULL;
        retire(h);
    }
    if (!h->current)
        h->current = conn_new(h);
    return h->current;
}

static bool post(struct conn *c, struct stream_query *q)
{
    uint8_t message[ASKED_MAX];
    struct asked_form form = {.edns = q->edns, .block = EDNS_BLOCK_QUERY};
    size_t len = asked_write(q->asked, &form, message);
    q->request = h2_client_post(c->h2, bytes_of(message, len), q);
    if (!q->request)
        return false;
    q->stream = &c->https->stream;
    c->https->under_way++;
    metric_count(METRIC_UPSTREAM_QUERIES_HTTPS);
    quiet_owe(&c->quiet);
    dial_want_write(&c->dial, true);
    return true;
}

/* --- ends of queries --- */

/* The query has left its connection. */
static void take_off(struct https *h, struct stream_query *q)
{
    h->under_way--;
    q->request = NULL;
}

/* Over another connection, once. */
static bool resend(struct https *h, struct stream_query *q)
{
    struct conn *c = q->resent ? NULL : usable(h);
    q->resent = true;
    q->cold = c && c->dial.state != DIAL_OPEN;
    return c && post(c, q);
}

static void on_done(void *owner, const struct h2_reply *reply)
{
    struct stream_query *q = owner;
    struct https *h = https_of(q->stream);
    take_off(h, q);
    h->ended++;
    if (reply->end == H2_END_UNSEEN && resend(h, q))
        return;
    q->stream = NULL;
    if (reply->end == H2_END_ANSWER) {
        if (reply->age)
            msg_age(reply->body, reply->len, reply->age); /* RFC 8484 5.1 */
        q->reply(q, reply->body, reply->len);
        return;
    }
    h->refused(h->stream.env.self, reply->end);
    q->failed(q);
}

/* The connection is over. again: it once worked, so what is under way gets another. */
static void break_off(struct conn *c, bool again)
{
    struct https *h = c->https;
    struct link old;
    void *owner;
    link_init(&old);
    while (h2_client_take_back(c->h2, &owner)) {
        struct stream_query *q = owner;
        take_off(h, q);
        link_append(&old, &q->ring);
    }
    conn_free(c);
    while (!link_empty(&old)) {
        struct stream_query *q = holder_of(old.next, struct stream_query, ring);
        link_remove(&q->ring);
        if (!again || !resend(h, q))
            stream_give_up(&h->stream, q);
    }
    stream_fail_all(&h->stream);
}

/* --- bytes --- */

/* Frames are small: several go out in one record. False: the connection is over. */
static bool gather(struct conn *c)
{
    while (c->out_len < OUT_SIZE) {
        if (c->frames.len == 0 && !h2_client_write(c->h2, &c->frames))
            return false;
        if (c->frames.len == 0)
            return true;
        size_t room = OUT_SIZE - c->out_len, n = c->frames.len < room ? c->frames.len : room;
        memcpy(c->out + c->out_len, c->frames.data, n);
        c->out_len += n;
        c->frames.data += n;
        c->frames.len -= n;
    }
    return true;
}

/* TLS_DONE: all is sent. */
static enum tls_status write_out(struct conn *c)
{
    for (;;) {
        size_t n;
        if (!gather(c))
            return TLS_ERROR;
        if (c->out_len == 0)
            return TLS_DONE;
        enum tls_status s = dial_write(&c->dial, c->out, c->out_len, &n);
        if (s != TLS_DONE)
            return s;
        c->out_len -= n;
        memmove(c->out, c->out + n, c->out_len);
    }
}

/* False: the connection is over. */
static bool take(struct conn *c, size_t n)
{
    unsigned ended = c->https->ended;
    /* What comes while nothing is asked, such as PING or GOAWAY, is no sign of use: it stays as idle. */
    bool in_use = c->quiet.owed || h2_client_streams(c->h2);
    if (in_use)
        quiet_heard(&c->quiet);
    if (!h2_client_read(c->h2, bytes_of(c->https->in, n)))
        return false;
    if (in_use)
        quiet_go_on(&c->quiet, h2_client_posts(c->h2) > 0);
    c->useless = c->https->ended == ended ? c->useless + n : 0;
    return c->useless <= STREAM_USELESS_MAX;
}

/* TLS_DONE: there may be more. */
static enum tls_status read_in(struct conn *c)
{
    enum tls_status s = TLS_DONE;
    for (unsigned i = 0; i < READS_PER_TURN && s == TLS_DONE; i++) {
        size_t n;
        s = dial_read(&c->dial, c->https->in, IN_SIZE, &n);
        if (s != TLS_DONE)
            break;
        if (!take(c, n))
            return TLS_CLOSED;
    }
    return s;
}

static void on_ready(struct dial *d)
{
    struct conn *c = holder_of(d, struct conn, dial);
    enum tls_status got = read_in(c);
    enum tls_status wrote = tls_is_over(got) ? got : write_out(c);
    if (tls_is_over(wrote)) {
        quiet_cut(&c->quiet);
        break_off(c, true);
        return;
    }
    if (c != c->https->current && h2_client_posts(c->h2) == 0) {
        conn_free(c);
        return;
    }
    if (got == TLS_DONE)
        dial_feed(d);
    dial_want_write(d, wrote != TLS_DONE || got == TLS_WANT_WRITE);
}

static void on_failed(struct dial *d, enum dial_end why)
{
    struct conn *c = holder_of(d, struct conn, dial);
    stream_not_opened(&c->https->stream, why);
    break_off(c, false);
}

static void on_over(struct quiet *q)
{
    struct conn *c = holder_of(q, struct conn, quiet);
    bool open = c->dial.state == DIAL_OPEN;
    if (!open)
        stream_not_opened(&c->https->stream, DIAL_END_STALLED);
    break_off(c, open);
}

/* --- the stream --- */

static bool https_ask(struct stream *s, struct stream_query *q)
{
    struct https *h = https_of(s);
    struct conn *c = h->under_way < STREAM_UNDER_WAY_MAX ? usable(h) : NULL;
    if (!c)
        return false;
    q->id = 0;
    q->resent = false;
    q->cold = c->dial.state != DIAL_OPEN;
    link_init(&q->ring);
    return post(c, q);
}

static void https_cancel(struct stream_query *q)
{
    struct https *h = https_of(q->stream);
    if (q->request) {
        h2_client_drop(q->request);
        take_off(h, q);
    }
    link_remove(&q->ring);
    q->stream = NULL;
}

static void https_free(struct stream *s)
{
    struct https *h = https_of(s);
    if (h->current)
        conn_free(h->current);
    while (!link_empty(&h->leaving))
        conn_free(holder_of(h->leaving.next, struct conn, link));
    free(h->path);
    free(h);
}

/* RFC 9113 8.3.1: without the port where it is the scheme's own. */
static bool set_authority(struct https *h, const char *host)
{
    char address[SOCK_ADDR_TEXT_MAX];
    unsigned port = sock_addr_port(h->stream.env.server);
    int n;
    sock_addr_format(h->stream.env.server, address);
    if (!host)
        n = snprintf(h->authority, sizeof h->authority, "%s", address);
    else if (port == HTTPS_PORT)
        n = snprintf(h->authority, sizeof h->authority, "%s", host);
    else
        n = snprintf(h->authority, sizeof h->authority, "%s:%u", host, port);
    return n > 0 && n < (int)sizeof h->authority;
}

static const struct stream_methods methods = {https_ask, https_cancel, https_free};

struct stream *https_new(const struct stream_env *env, const struct https_options *o)
{
    struct https *h = calloc(1, sizeof *h);
    if (!h)
        return NULL;
    stream_init(&h->stream, &methods, env);
    h->refused = o->refused;
    h->path = strdup(o->path);
    link_init(&h->leaving);
    if (h->path && set_authority(h, o->host))
        return &h->stream;
    https_free(&h->stream);
    return NULL;
}
