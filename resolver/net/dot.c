/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS over TLS: see dot.h. A stream is made when a message is whole, and ends when its answer has been handed
 * to the connection; one whose connection goes first is an orphan, and its answer frees it. */
#include "resolver/net/dot.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "resolver/net/kept.h"

enum {
    PREFIX = 2,
    HELD_MAX = 1024 * 1024, /* bytes of one connection's answers */
    IDLE_UNIT = 10,         /* of a second: what edns-tcp-keepalive counts in (RFC 7828 3.1) */
};

struct dot_stream {
    struct http_stream http; /* first: a http_stream is cast back */
    struct dot *dot;         /* NULL: the connection is gone */
    struct link link;        /* in asked until it has its answer, then in answered */
    size_t counted;
    uint8_t prefix[PREFIX];
    struct bytes out[2]; /* of the prefix and the answer, what is not sent yet */
};

struct dot {
    struct conn *conn;
    struct link asked, answered; /* the latter in the order of their answers */
    unsigned open;               /* in both */
    size_t held;
    struct kept kept;
    uint64_t messages; /* taken so far */
    bool stalled;      /* whole messages may be among what is kept */
    bool eof;          /* the client sends no more */
    bool draining, final;
    bool over;
};

static struct conn_set *set_of(const struct dot *d)
{
    return conn_set_of(d->conn);
}

/* Streams */

static void hold(struct dot_stream *s, size_t bytes)
{
    s->dot->held += bytes - s->counted;
    conn_hold(set_of(s->dot), &s->counted, bytes);
}

static void stream_free(struct dot_stream *s)
{
    if (s->dot) {
        hold(s, 0);
        s->dot->open--;
    }
    link_remove(&s->link);
    arena_fini(&s->http.arena);
    free(s);
    metric_sub(METRIC_STREAMS_OPEN, 1);
}

static void respond(struct http_stream *http, const struct http_response *r);
static const struct http_protocol protocol_of_streams = {.respond = respond, .dns = true};

/* A client that is asked to leave is told by a time of 0. */
static bool is_leaving(const struct dot *d)
{
    return d->final || (d->draining && d->messages);
}

static uint16_t idle_units(const struct dot *d)
{
    double units = set_of(d)->limits.idle_timeout * IDLE_UNIT;
    if (is_leaving(d))
        return 0;
    return units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

static struct dot_stream *stream_new(struct dot *d)
{
    struct dot_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->dot = d;
    s->http.protocol = &protocol_of_streams;
    s->http.idle = idle_units(d);
    arena_init(&s->http.arena, HTTP_ARENA_MAX);
    link_append(&d->asked, &s->link);
    d->open++;
    metric_count(METRIC_STREAMS_OPEN);
    metric_count(METRIC_DOT_REQUESTS);
    return s;
}

/* Answers */

static void respond(struct http_stream *http, const struct http_response *r)
{
    struct dot_stream *s = (struct dot_stream *)http;
    struct dot *d = s->dot;
    if (!d) {
        stream_free(s);
        return;
    }
    conn_dirty(d->conn);
    /* Nothing here could carry an error of HTTP. */
    if (r->status != 200) {
        d->over = true;
        stream_free(s);
        return;
    }
    hold(s, s->http.arena.held);
    put_u16(s->prefix, (uint16_t)r->body.len);
    s->out[0] = bytes_of(s->prefix, PREFIX);
    s->out[1] = r->body;
    link_move(&d->answered, &s->link);
}

/* Questions */

static bool has_room(const struct dot *d)
{
    const struct conn_set *set = set_of(d);
    return !d->over && d->open < set->limits.streams && d->held <= HELD_MAX &&
           (set->held <= CONN_HELD_MAX || d->open == 0);
}

static void take(struct dot *d, struct bytes message)
{
    struct dot_stream *s = stream_new(d);
    d->messages++;
    if (!s) {
        d->over = true;
        return;
    }
    struct forwarded none;
    conn_forwarded(d->conn, &none);
    bool allowed = conn_request(d->conn, &none, &s->http.client);
    const struct http_handler *handler = conn_handler(d->conn);
    handler->message(handler->self, &s->http, message, allowed ? REASON_OK : REASON_RATE);
}

/* Takes the whole messages at the front of data for as long as there is room; returns how long they were. */
static size_t consume(struct dot *d, struct bytes data)
{
    size_t off = 0;
    while (data.len - off >= PREFIX) {
        size_t len = get_u16(data.data + off);
        if (data.len - off - PREFIX < len)
            break;
        d->stalled = !has_room(d);
        if (d->stalled)
            break;
        take(d, bytes_of(data.data + off + PREFIX, len));
        off += PREFIX + len;
    }
    return off;
}

/* What a connection calls */

static bool dot_input(void *self, const uint8_t *data, size_t n)
{
    struct dot *d = self;
    if (d->kept.len) {
        if (n && !kept_add(&d->kept, data, n))
            return false;
        size_t used = consume(d, bytes_of(d->kept.data, d->kept.len));
        if (used)
            kept_drop(&d->kept, used);
    } else if (n) {
        size_t used = consume(d, bytes_of(data, n));
        if (used < n && !kept_add(&d->kept, data + used, n - used))
            return false;
    }
    return !d->over;
}

static bool dot_wants_input(const void *self)
{
    const struct dot *d = self;
    return has_room(d) && !is_leaving(d);
}

/* A client that has asked all it wants to know still gets its answers. */
static bool dot_eof(void *self)
{
    struct dot *d = self;
    d->eof = true;
    return d->open > 0;
}

/* One answer at a time: stubby 1.6 and systemd-resolved before 251 take the first of a record, and wait for
 * the socket to tell them of the others. */
static ssize_t dot_output(void *self, uint8_t *out)
{
    struct dot *d = self;
    size_t n = 0;
    if (!link_empty(&d->answered)) {
        struct dot_stream *s = holder_of(d->answered.next, struct dot_stream, link);
        for (int i = 0; i < 2; i++)
            n += conn_move(out + n, CONN_RECORD - n, &s->out[i]);
        if (s->out[1].len == 0)
            stream_free(s);
    }
    if (d->stalled && has_room(d)) {
        d->stalled = false;
        conn_resume(d->conn);
    }
    return (ssize_t)n;
}

static bool dot_done(void *self)
{
    const struct dot *d = self;
    return d->over || (d->open == 0 && !d->stalled && (d->eof || is_leaving(d)));
}

static struct conn_phase dot_phase(const void *self)
{
    const struct dot *d = self;
    if (d->kept.len && has_room(d))
        return (struct conn_phase){CONN_READ, d->messages};
    return (struct conn_phase){d->open ? CONN_BUSY : CONN_IDLE, d->messages};
}

static void dot_timeout(void *self, bool reading)
{
    (void)reading;
    struct dot *d = self;
    d->over = true;
}

/* There is no word for it (but the time of 0 for those who ask): the answers under way, and the end. A client
 * that has not asked anything yet is about to: it has until the final call. */
static void dot_drain(void *self, bool final)
{
    struct dot *d = self;
    d->draining = true;
    d->final = d->final || final;
}

static void dot_detach(void *self)
{
    struct dot *d = self;
    struct link *r;
    while ((r = link_take(&d->answered)))
        stream_free(holder_of(r, struct dot_stream, link));
    while ((r = link_take(&d->asked))) {
        struct dot_stream *s = holder_of(r, struct dot_stream, link);
        hold(s, 0);
        s->dot = NULL;
    }
    kept_fini(&d->kept);
    free(d);
}

static const struct conn_protocol dot_protocol = {
    .input = dot_input,
    .wants_input = dot_wants_input,
    .eof = dot_eof,
    .output = dot_output,
    .apart = true,
    .done = dot_done,
    .phase = dot_phase,
    .timeout = dot_timeout,
    .drain = dot_drain,
    .detach = dot_detach,
};

bool dot_start(struct conn *c)
{
    struct dot *d = calloc(1, sizeof *d);
    if (!d)
        return false;
    d->conn = c;
    link_init(&d->asked);
    link_init(&d->answered);
    conn_use(c, &dot_protocol, d);
    return true;
}
