/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 connections: see h1.h. A stream is made when a head is whole, and ends when its answer has been
 * handed to the connection; one whose connection goes first is an orphan, and its answer frees it. */
#include "resolver/net/h1.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "resolver/net/h1_answer.h"
#include "resolver/net/h1_head.h"
#include "resolver/net/kept.h"

enum { EMPTY_LINES_MAX = 2 };
enum h1_state { H1_HEAD, H1_BODY, H1_ANSWER, H1_SEND, H1_OVER };

struct h1_stream {
    struct http_stream http; /* first: a http_stream is cast back */
    struct h1 *h1;           /* NULL: the connection is gone */
    struct h1_head head;
    struct forwarded forwarded;
    struct http_body body;
    struct http_request request;
    size_t counted;
    char text[H1_ANSWER_HEAD_MAX];
    struct bytes out[2];
};

struct h1 {
    struct conn *conn;
    enum h1_state state;
    struct h1_stream *stream; /* in BODY, ANSWER and SEND */
    struct kept kept;
    struct h1_scan scan;
    struct h1_chunks chunks;
    struct bytes interim; /* of "100 Continue" */
    uint64_t served;
    unsigned empty; /* lines before the next request */
    bool keep_alive, draining;
};

/* Streams */

static void stream_free(struct h1_stream *s)
{
    arena_fini(&s->http.arena);
    free(s);
    metric_sub(METRIC_STREAMS_OPEN, 1);
}

static struct conn_set *set_of(const struct h1 *h)
{
    return conn_set_of(h->conn);
}

static void count_held(struct h1_stream *s)
{
    conn_hold(set_of(s->h1), &s->counted, s->http.arena.held);
}

static void respond(struct http_stream *http, const struct http_response *r);
static const struct http_protocol protocol_of_streams = {.respond = respond};

static struct h1_stream *stream_new(struct h1 *h)
{
    struct h1_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->h1 = h;
    s->http.protocol = &protocol_of_streams;
    conn_forwarded(h->conn, &s->forwarded);
    arena_init(&s->http.arena, HTTP_ARENA_MAX);
    metric_count(METRIC_STREAMS_OPEN);
    metric_count(METRIC_HTTP1_REQUESTS);
    return s;
}

/* Answers */

static void respond(struct http_stream *http, const struct http_response *r)
{
    struct h1_stream *s = (struct h1_stream *)http;
    struct h1 *h = s->h1;
    if (!h) {
        stream_free(s);
        return;
    }
    count_held(s);
    h->keep_alive = h->keep_alive && !h->draining;
    s->out[0] = h1_answer_head(r, h->keep_alive, s->text);
    s->out[1] = s->head.method == HTTP_HEAD ? BYTES_NONE : r->body;
    h->state = H1_SEND;
    conn_dirty(h->conn);
}

/* Requests */

/* Answers what cannot be understood or served; where the next request would begin is then unknown. */
static void refuse(struct h1 *h, enum reason why)
{
    h->keep_alive = false;
    h->interim = BYTES_NONE;
    if (!h->stream)
        h->stream = stream_new(h);
    h->state = h->stream ? H1_ANSWER : H1_OVER;
    if (h->stream)
        http_fail(&h->stream->http, why, NULL);
}

static void hand_over(struct h1 *h)
{
    struct h1_stream *s = h->stream;
    h->state = H1_ANSWER;
    h->interim = BYTES_NONE;
    s->request = (struct http_request){.method = s->head.method,
                                       .path = s->head.path,
                                       .query = s->head.query,
                                       .content_type = s->head.content_type,
                                       .body = bytes_of(s->body.data, s->body.len)};
    count_held(s);
    if (!conn_request(h->conn, &s->forwarded, &s->http.client)) {
        http_fail(&s->http, REASON_RATE, NULL);
        return;
    }
    const struct http_handler *handler = conn_handler(h->conn);
    handler->request(handler->self, &s->http, &s->request);
}

static bool has_body(const struct h1_stream *s)
{
    return s->head.chunked || s->head.content_length > 0;
}

/* The head is copied first: it must stay where it is until the answer. */
static enum reason open_stream(struct h1 *h, struct bytes head)
{
    if (set_of(h)->held > CONN_HELD_MAX)
        return REASON_OVERLOAD;
    h->stream = stream_new(h);
    struct bytes copy = h->stream ? arena_copy(&h->stream->http.arena, head) : BYTES_NONE;
    return copy.data ? h1_head_parse(copy, &h->stream->forwarded, &h->stream->head) : REASON_NO_MEMORY;
}

static void begin(struct h1 *h, struct bytes head, bool more)
{
    h->chunks = (struct h1_chunks){0};
    h->empty = 0;
    enum reason why = open_stream(h, head);
    if (why != REASON_OK) {
        refuse(h, why);
        return;
    }
    struct h1_stream *s = h->stream;
    h->keep_alive = s->head.keep_alive;
    h->state = H1_BODY;
    if (s->head.expect_continue && has_body(s) && !more) {
        h->interim = BYTES_LIT("HTTP/1.1 100 Continue\r\n\r\n");
        conn_dirty(h->conn);
    }
}

static size_t take_head(struct h1 *h, struct bytes data)
{
    size_t len;
    enum reason why = h1_head_find(&h->scan, data, set_of(h)->limits.header_list, &len);
    if (why != REASON_OK) {
        refuse(h, why);
        return data.len;
    }
    if (len)
        h->scan = (struct h1_scan){0};
    /* An empty line before a request is ignored (RFC 9112 2.2); one after the other would keep a connection
     * for ever that asks nothing. */
    if (len > 2)
        begin(h, bytes_of(data.data, len), data.len > len);
    else if (len && ++h->empty > EMPTY_LINES_MAX)
        refuse(h, REASON_HTTP_BAD_REQUEST);
    return len;
}

static bool body_whole(const struct h1 *h)
{
    const struct h1_stream *s = h->stream;
    return s->head.chunked ? h->chunks.state == H1_END : s->body.len == s->head.content_length;
}

static size_t take_body(struct h1 *h, struct bytes data)
{
    struct h1_stream *s = h->stream;
    struct bytes piece = data;
    enum reason why = REASON_OK;
    size_t used;
    if (s->head.chunked) {
        why = h1_chunks_next(&h->chunks, data, &used, &piece);
    } else {
        size_t left = s->head.content_length - s->body.len;
        piece.len = used = data.len < left ? data.len : left;
    }
    if (why == REASON_OK && piece.len) {
        why = http_body_add(&s->body, &s->http, piece.data, piece.len, s->head.content_length);
        count_held(s);
    }
    if (why != REASON_OK)
        refuse(h, why);
    return used;
}

/* Uses up what it can of data; returns how much that was. */
static size_t consume(struct h1 *h, struct bytes data)
{
    size_t off = 0;
    while (h->state == H1_HEAD || h->state == H1_BODY) {
        if (h->state == H1_BODY && body_whole(h)) {
            hand_over(h);
            break;
        }
        struct bytes rest = bytes_of(data.data + off, data.len - off);
        size_t used = rest.len == 0 ? 0 : h->state == H1_HEAD ? take_head(h, rest) : take_body(h, rest);
        if (used == 0 && !(h->state == H1_BODY && body_whole(h)))
            break;
        off += used;
    }
    return off;
}

/* What a connection calls */

static bool h1_input(void *self, const uint8_t *data, size_t n)
{
    struct h1 *h = self;
    if (h->kept.len) {
        if (n && !kept_add(&h->kept, data, n))
            return false;
        size_t used = consume(h, bytes_of(h->kept.data, h->kept.len));
        if (used)
            kept_drop(&h->kept, used);
        return true;
    }
    size_t used = n ? consume(h, bytes_of(data, n)) : 0;
    return used == n || kept_add(&h->kept, data + used, n - used);
}

static bool h1_wants_input(const void *self)
{
    const struct h1 *h = self;
    return h->state == H1_HEAD || h->state == H1_BODY;
}

static bool h1_eof(void *self)
{
    struct h1 *h = self;
    h->keep_alive = false;
    return h->state == H1_ANSWER || h->state == H1_SEND;
}

static void finish(struct h1 *h)
{
    struct h1_stream *s = h->stream;
    conn_hold(set_of(h), &s->counted, 0);
    stream_free(s);
    h->stream = NULL;
    h->served++;
    h->state = h->keep_alive ? H1_HEAD : H1_OVER;
    if (h->kept.len && h->keep_alive)
        conn_resume(h->conn);
}

static ssize_t h1_output(void *self, uint8_t *out)
{
    struct h1 *h = self;
    size_t n = conn_move(out, CONN_RECORD, &h->interim);
    if (h->state != H1_SEND)
        return (ssize_t)n;
    struct h1_stream *s = h->stream;
    for (int i = 0; i < 2; i++)
        n += conn_move(out + n, CONN_RECORD - n, &s->out[i]);
    if (s->out[1].len == 0)
        finish(h);
    return (ssize_t)n;
}

static bool h1_done(void *self)
{
    const struct h1 *h = self;
    return h->state == H1_OVER;
}

static struct conn_phase h1_phase(const void *self)
{
    const struct h1 *h = self;
    if (h->state == H1_BODY || (h->state == H1_HEAD && h->kept.len))
        return (struct conn_phase){CONN_READ, h->served};
    return (struct conn_phase){h->state == H1_HEAD ? CONN_IDLE : CONN_BUSY, h->served};
}

static void h1_timeout(void *self, bool reading)
{
    struct h1 *h = self;
    if (reading)
        refuse(h, REASON_HTTP_TIMEOUT);
    else
        h->state = H1_OVER;
}

/* A client that has not asked anything yet is about to: it has until the final call. */
static void h1_drain(void *self, bool final)
{
    struct h1 *h = self;
    h->draining = true;
    if (h->state == H1_HEAD && !h->kept.len && (h->served || final))
        h->state = H1_OVER;
}

static void h1_detach(void *self)
{
    struct h1 *h = self;
    struct h1_stream *s = h->stream;
    if (s) {
        conn_hold(set_of(h), &s->counted, 0);
        s->h1 = NULL;
        if (h->state != H1_ANSWER)
            stream_free(s);
    }
    kept_fini(&h->kept);
    free(h);
}

static const struct conn_protocol h1_protocol = {
    .input = h1_input,
    .wants_input = h1_wants_input,
    .eof = h1_eof,
    .output = h1_output,
    .done = h1_done,
    .phase = h1_phase,
    .timeout = h1_timeout,
    .drain = h1_drain,
    .detach = h1_detach,
};

bool h1_start(struct conn *c)
{
    struct h1 *h = calloc(1, sizeof *h);
    if (!h)
        return false;
    h->conn = c;
    h->keep_alive = true;
    conn_use(c, &h1_protocol, h);
    return true;
}
