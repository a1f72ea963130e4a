/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 connections: see h2.h.
 *
 * A stream belongs to nghttp2 until it is closed and to its handler until it is answered; the later of the
 * two frees it. One whose connection goes first is an orphan, and its answer frees it. Callbacks change our
 * own state and queue frames, nothing else: no session ends below one of its callbacks. */
#include "resolver/net/h2.h"

#include <nghttp2/nghttp2.h>
#include <stdlib.h>

#include "data/base/metric.h"
#include "resolver/net/pool.h"

enum {
    FIELDS_MAX = 100,
    FIELD_OVERHEAD = 32,    /* RFC 9113 6.5.2 */
    BUDGET_MAX = 1000,      /* useless frames a client may send at once */
    BUDGET_PER_REQUEST = 4, /* what a request earns: window updates, a priority, a cancellation */
    BUDGET_PER_SECOND = 10,
    COST_RESET = 5, /* a stream we had to reset costs more than it has earned */
    USELESS_MAX =
        1024 * 1024,  /* bytes in a row that no request was made of: nghttp2 swallows some frames unseen */
    QUEUE_MAX = 1000, /* frames waiting to be sent */
    HELD_MAX = 1024 * 1024, /* bytes of one connection's requests and answers */
    HEADER_TABLE = 1024,
    WINDOW = 65535,
};

struct h2_setup {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    nghttp2_mem memory;
    struct pool pool;
};

struct h2_stream {
    struct http_stream http; /* first: a http_stream is cast back */
    struct h2 *h2;           /* NULL: the connection is gone */
    struct link link;        /* in incoming until the request is whole, then in others */
    int32_t id;
    bool whole, answered, closed;
    enum reason refused; /* REASON_OK: not */
    enum http_method method;
    struct forwarded forwarded;
    unsigned fields;
    size_t field_bytes;
    size_t content_length; /* 0: not told */
    struct bytes target;
    struct http_body body;
    struct http_request request;
    size_t counted;
    struct bytes out; /* of the answer's body, what is not sent yet */
    char length_text[HTTP_NUMBER_TEXT];
    char cache_text[HTTP_CACHE_TEXT];
};

struct h2 {
    struct conn *conn;
    nghttp2_session *session;
    struct h2_stream *current; /* whose header block is being read */
    struct link incoming;      /* oldest first */
    struct link others;
    unsigned streams;  /* in both rings */
    unsigned answered; /* of them, those with an answer that is not wholly sent */
    size_t held;
    uint64_t closed, sent; /* streams; bytes of answers */
    int budget;
    size_t useless; /* bytes read since the last of a request */
    ev_tstamp budget_at;
    bool greeted;           /* the client's settings have come */
    bool draining, leaving; /* the notice was sent; the last stream was named */
};

/* Streams */

static struct conn_set *set_of(const struct h2 *h)
{
    return conn_set_of(h->conn);
}

static void hold(struct h2_stream *s, size_t bytes)
{
    struct h2 *h = s->h2;
    h->held += bytes - s->counted;
    conn_hold(set_of(h), &s->counted, bytes);
}

static void stream_free(struct h2_stream *s)
{
    struct h2 *h = s->h2;
    if (h) {
        hold(s, 0);
        h->streams--;
        if (h->current == s)
            h->current = NULL;
    }
    link_remove(&s->link);
    arena_fini(&s->http.arena);
    free(s);
    metric_sub(METRIC_STREAMS_OPEN, 1);
}

static void respond(struct http_stream *http, const struct http_response *r);
static const struct http_protocol protocol_of_streams = {.respond = respond};

static struct h2_stream *stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->h2 = h;
    s->id = id;
    s->refused = REASON_OK;
    s->method = HTTP_OTHER;
    s->http.protocol = &protocol_of_streams;
    conn_forwarded(h->conn, &s->forwarded);
    arena_init(&s->http.arena, HTTP_ARENA_MAX);
    link_init(&s->link);
    link_move(&h->incoming, &s->link);
    h->streams++;
    metric_count(METRIC_STREAMS_OPEN);
    metric_count(METRIC_HTTP2_REQUESTS);
    return s;
}

static struct h2_stream *stream_of(struct h2 *h, int32_t id)
{
    if (h->current && h->current->id == id)
        return h->current;
    return nghttp2_session_get_stream_user_data(h->session, id);
}

/* The budget of useless frames */

static void spend(struct h2 *h, int cost)
{
    h->budget -= cost;
}

static void earn(struct h2 *h, int n)
{
    h->budget = h->budget + n < BUDGET_MAX ? h->budget + n : BUDGET_MAX;
}

/* Is anything left, with what time has added? */
static bool solvent(struct h2 *h)
{
    if (h->useless > USELESS_MAX)
        return false;
    if (h->budget > 0)
        return true;
    double seconds = ev_now(set_of(h)->loop) - h->budget_at;
    h->budget_at += seconds;
    if (seconds > 0)
        earn(h, seconds < BUDGET_MAX ? (int)(seconds * BUDGET_PER_SECOND) : BUDGET_MAX);
    return h->budget > 0;
}

/* Answers */

static nghttp2_nv field(struct bytes name, struct bytes value)
{
    return (nghttp2_nv){.name = (uint8_t *)(uintptr_t)name.data,
                        .value = (uint8_t *)(uintptr_t)value.data,
                        .namelen = name.len,
                        .valuelen = value.len,
                        .flags = NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE};
}

/* Three digits as static text: what nghttp2 does not copy must outlive the frame. */
static struct bytes status_text(unsigned status)
{
    static const struct {
        unsigned status;
        char text[4];
    } known[] = {{200, "200"}, {400, "400"}, {404, "404"}, {405, "405"}, {408, "408"},
                 {413, "413"}, {414, "414"}, {415, "415"}, {429, "429"}, {431, "431"},
                 {501, "501"}, {505, "505"}, {503, "503"}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].status == status)
            return bytes_of(known[i].text, 3);
    return BYTES_LIT("500");
}

static size_t write_fields(struct h2_stream *s, const struct http_response *r, nghttp2_nv out[6])
{
    size_t n = 0;
    out[n++] = field(BYTES_LIT(":status"), status_text(r->status));
    if (r->content_type)
        out[n++] = field(BYTES_LIT("content-type"), bytes_str(r->content_type));
    out[n++] = field(BYTES_LIT("content-length"), http_number((uint32_t)r->body.len, s->length_text));
    out[n++] = field(BYTES_LIT("cache-control"), http_cache_control(r, s->cache_text));
    if (r->allow)
        out[n++] = field(BYTES_LIT("allow"), bytes_str(r->allow));
    if (r->retry_after)
        out[n++] = field(BYTES_LIT("retry-after"), bytes_str(r->retry_after));
    return n;
}

static ssize_t give_body(nghttp2_session *session, int32_t id, uint8_t *buf, size_t cap, uint32_t *flags,
                         nghttp2_data_source *source, void *self)
{
    (void)self;
    struct h2_stream *s = source->ptr;
    size_t n = s->out.len < cap ? s->out.len : cap;
    memcpy(buf, s->out.data, n);
    s->out.data += n;
    s->out.len -= n;
    s->h2->sent += n;
    if (s->out.len == 0) {
        *flags |= NGHTTP2_DATA_FLAG_EOF;
        /* An answer before the end of its request: the rest is not wanted (RFC 9113 8.1). */
        if (!s->whole)
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
    }
    return (ssize_t)n;
}

static void respond(struct http_stream *http, const struct http_response *r)
{
    struct h2_stream *s = (struct h2_stream *)http;
    struct h2 *h = s->h2;
    s->answered = true;
    if (!h || s->closed) {
        stream_free(s);
        return;
    }
    hold(s, s->http.arena.held);
    s->out = s->method == HTTP_HEAD ? BYTES_NONE : r->body;
    nghttp2_nv fields[6];
    size_t n = write_fields(s, r, fields);
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = give_body};
    h->answered++;
    if (nghttp2_submit_response(h->session, s->id, fields, n, s->out.len ? &body : NULL) != 0)
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    conn_dirty(h->conn);
}

/* Requests */

static void refuse(struct h2_stream *s, enum reason why)
{
    if (s->refused != REASON_OK || s->answered)
        return;
    s->refused = why;
    http_fail(&s->http, why, NULL);
}

static void split_target(struct h2_stream *s, struct http_request *r)
{
    const uint8_t *mark = s->target.len ? memchr(s->target.data, '?', s->target.len) : NULL;
    r->path = s->target;
    if (!mark)
        return;
    r->path.len = (size_t)(mark - s->target.data);
    r->query = bytes_of(mark + 1, s->target.len - r->path.len - 1);
}

/* The request is whole. */
static void hand_over(struct h2_stream *s)
{
    struct h2 *h = s->h2;
    s->whole = true;
    h->useless = 0;
    link_move(&h->others, &s->link);
    earn(h, BUDGET_PER_REQUEST);
    if (s->answered)
        return;
    s->request.method = s->method;
    s->request.body = bytes_of(s->body.data, s->body.len);
    split_target(s, &s->request);
    hold(s, s->http.arena.held);
    if (!conn_request(h->conn, &s->forwarded, &s->http.client)) {
        refuse(s, REASON_RATE);
        return;
    }
    const struct http_handler *handler = conn_handler(h->conn);
    handler->request(handler->self, &s->http, &s->request);
}

static enum reason take_method(struct h2_stream *s, struct bytes v)
{
    if (bytes_equal(v, BYTES_LIT("GET")))
        s->method = HTTP_GET;
    else if (bytes_equal(v, BYTES_LIT("POST")))
        s->method = HTTP_POST;
    else if (bytes_equal(v, BYTES_LIT("HEAD")))
        s->method = HTTP_HEAD;
    return REASON_OK;
}

static enum reason take_target(struct h2_stream *s, struct bytes v)
{
    if (v.len > HTTP_TARGET_MAX)
        return REASON_HTTP_URI_LONG;
    s->target = arena_copy(&s->http.arena, v);
    return s->target.data ? REASON_OK : REASON_NO_MEMORY;
}

/* nghttp2 has checked that it is one number and will check it against the body. */
static enum reason take_length(struct h2_stream *s, struct bytes v)
{
    uint64_t n;
    if (!uint_parse(v, HTTP_BODY_MAX, &n))
        return REASON_HTTP_TOO_LARGE;
    s->content_length = n;
    return REASON_OK;
}

static enum reason take_field(struct h2_stream *s, struct bytes name, struct bytes v)
{
    switch (name.len) {
    case 5:
        return bytes_equal(name, BYTES_LIT(":path")) ? take_target(s, v) : REASON_OK;
    case 7:
        return bytes_equal(name, BYTES_LIT(":method")) ? take_method(s, v) : REASON_OK;
    case 12:
        if (!bytes_equal(name, BYTES_LIT("content-type")))
            return REASON_OK;
        s->request.content_type = arena_copy(&s->http.arena, v);
        return s->request.content_type.data ? REASON_OK : REASON_NO_MEMORY;
    case 14:
        return bytes_equal(name, BYTES_LIT("content-length")) ? take_length(s, v) : REASON_OK;
    default:
        forwarded_field(&s->forwarded, name, v);
        return REASON_OK;
    }
}

static enum reason count_field(struct h2_stream *s, struct bytes name, struct bytes v)
{
    s->fields++;
    if (!bytes_equal(name, BYTES_LIT(":path")))
        s->field_bytes += name.len + v.len + FIELD_OVERHEAD;
    return s->fields > FIELDS_MAX || s->field_bytes > set_of(s->h2)->limits.header_list ? REASON_HTTP_HEADERS
                                                                                        : REASON_OK;
}

/* What nghttp2 calls */

/* Every frame is paid for that is neither a request nor a part of one. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *self)
{
    struct h2 *h = self;
    if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION)
        return 0;
    bool useful = hd->type == NGHTTP2_DATA && (hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM) &&
                  !(hd->flags & NGHTTP2_FLAG_PADDED) &&
                  nghttp2_session_get_stream_user_data(session, hd->stream_id);
    if (!useful)
        spend(h, 1);
    return 0;
}

static bool has_room(const struct h2 *h)
{
    const struct conn_set *set = set_of(h);
    return h->streams < set->limits.streams && h->held <= HELD_MAX &&
           (set->held <= CONN_HELD_MAX || h->held == 0);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    struct h2 *h = self;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *s = has_room(h) ? stream_new(h, frame->hd.stream_id) : NULL;
    if (!s) {
        spend(h, 1);
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    h->current = s;
    return nghttp2_session_set_stream_user_data(session, s->id, s);
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
    (void)session, (void)flags;
    struct h2 *h = self;
    struct h2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s || s->refused != REASON_OK) {
        spend(h, 1);
        return 0;
    }
    struct bytes n = bytes_of(name, name_len), v = bytes_of(value, value_len);
    enum reason why = count_field(s, n, v);
    if (why == REASON_OK && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
        why = take_field(s, n, v);
    /* Told when the header block is read to its end: nothing may be answered before. */
    s->refused = why;
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *self)
{
    (void)session, (void)flags;
    struct h2 *h = self;
    struct h2_stream *s = stream_of(h, id);
    if (!s || s->answered)
        return 0;
    h->useless = 0;
    enum reason why = http_body_add(&s->body, &s->http, data, len, s->content_length);
    hold(s, s->http.arena.held);
    if (why != REASON_OK)
        refuse(s, why);
    return 0;
}

static void on_request_frame(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s)
        return;
    if (s->refused != REASON_OK && !s->answered) {
        enum reason why = s->refused;
        s->refused = REASON_OK;
        refuse(s, why);
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        hand_over(s);
    h->current = NULL;
}

/* Sent with the notice of leaving: when it comes back, so has every request sent before the notice was read.
 */
static void leave(struct h2 *h)
{
    if (h->leaving)
        return;
    h->leaving = true;
    nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
                          NGHTTP2_NO_ERROR, NULL, 0);
    conn_dirty(h->conn);
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    (void)session;
    struct h2 *h = self;
    if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA)
        on_request_frame(h, frame);
    else if (frame->hd.type == NGHTTP2_SETTINGS)
        h->greeted = true;
    else if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK && h->draining)
        leave(h);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *self)
{
    (void)session, (void)frame, (void)error;
    spend(self, COST_RESET);
    return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *self)
{
    (void)error;
    struct h2 *h = self;
    struct h2_stream *s = nghttp2_session_get_stream_user_data(session, id);
    if (!s)
        return 0;
    s->closed = true;
    h->closed++;
    if (h->current == s)
        h->current = NULL;
    if (s->answered) {
        h->answered--;
        stream_free(s);
    } else if (!s->whole) {
        stream_free(s); /* no handler knows it */
    }
    return 0;
}

/* What a connection calls */

static void flag_abuse(struct h2 *h)
{
    metric_count(METRIC_CONN_ABUSE);
    nghttp2_session_terminate_session(h->session, NGHTTP2_ENHANCE_YOUR_CALM);
}

static bool is_flood(ssize_t error)
{
    return error == NGHTTP2_ERR_FLOODED || error == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
}

static bool h2_input(void *self, const uint8_t *data, size_t n)
{
    struct h2 *h = self;
    h->useless += n;
    ssize_t used = n ? nghttp2_session_mem_recv(h->session, data, n) : 0;
    if (is_flood(used) || (used >= 0 && !solvent(h))) {
        flag_abuse(h);
        return false;
    }
    if (used < 0 || nghttp2_session_get_outbound_queue_size(h->session) > QUEUE_MAX)
        return false;
    return nghttp2_session_want_read(h->session);
}

static bool h2_wants_input(const void *self)
{
    (void)self;
    return true;
}

/* A client that has closed its side wants no answers. */
static bool h2_eof(void *self)
{
    (void)self;
    return false;
}

static ssize_t h2_output(void *self, uint8_t *out)
{
    struct h2 *h = self;
    size_t len = 0;
    while (len < CONN_RECORD) {
        const uint8_t *frame;
        ssize_t n = nghttp2_session_mem_send(h->session, &frame);
        if (n < 0 || n > CONN_CHUNK_MAX)
            return -1;
        if (n == 0)
            break;
        memcpy(out + len, frame, (size_t)n);
        len += (size_t)n;
    }
    return (ssize_t)len;
}

static bool h2_done(void *self)
{
    const struct h2 *h = self;
    return !nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session);
}

static struct conn_phase h2_phase(const void *self)
{
    const struct h2 *h = self;
    if (h->answered)
        return (struct conn_phase){CONN_WRITE, h->sent};
    if (!h->greeted)
        return (struct conn_phase){CONN_READ, 0};
    if (!link_empty(&h->incoming))
        return (struct conn_phase){CONN_READ,
                                   (uint32_t)holder_of(h->incoming.next, struct h2_stream, link)->id};
    return (struct conn_phase){h->streams ? CONN_BUSY : CONN_IDLE, h->closed};
}

static void h2_timeout(void *self, bool reading)
{
    struct h2 *h = self;
    struct link *next;
    for (struct link *r = h->incoming.next; reading && r != &h->incoming; r = next) {
        next = r->next;
        refuse(holder_of(r, struct h2_stream, link), REASON_HTTP_TIMEOUT);
    }
    leave(h);
}

static void h2_drain(void *self, bool final)
{
    struct h2 *h = self;
    if (!h->draining) {
        h->draining = true;
        nghttp2_submit_shutdown_notice(h->session);
        nghttp2_submit_ping(h->session, NGHTTP2_FLAG_NONE, NULL);
        conn_dirty(h->conn);
    }
    if (final)
        leave(h);
}

static void orphan_all(struct link *streams)
{
    struct link *r;
    while ((r = link_take(streams))) {
        struct h2_stream *s = holder_of(r, struct h2_stream, link);
        hold(s, 0);
        s->h2 = NULL;
        if (s->answered || !s->whole)
            stream_free(s);
    }
}

static void h2_detach(void *self)
{
    struct h2 *h = self;
    orphan_all(&h->incoming);
    orphan_all(&h->others);
    nghttp2_session_del(h->session);
    free(h);
}

static const struct conn_protocol h2_protocol = {
    .input = h2_input,
    .wants_input = h2_wants_input,
    .eof = h2_eof,
    .output = h2_output,
    .done = h2_done,
    .phase = h2_phase,
    .timeout = h2_timeout,
    .drain = h2_drain,
    .detach = h2_detach,
};

static bool send_settings(struct h2 *h)
{
    const struct front_limits *limits = &set_of(h)->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_list + HTTP_TARGET_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HEADER_TABLE},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
    };
    return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries,
                                   sizeof entries / sizeof *entries) == 0;
}

bool h2_start(struct conn *c)
{
    struct h2 *h = calloc(1, sizeof *h);
    if (!h)
        return false;
    struct h2_setup *setup = conn_set_of(c)->h2;
    h->conn = c;
    link_init(&h->incoming);
    link_init(&h->others);
    h->budget = BUDGET_MAX;
    h->budget_at = ev_now(set_of(h)->loop);
    if (nghttp2_session_server_new3(&h->session, setup->callbacks, h, setup->option, &setup->memory) != 0 ||
        !send_settings(h)) {
        nghttp2_session_del(h->session);
        free(h);
        return false;
    }
    conn_use(c, &h2_protocol, h);
    return true;
}

static void set_callbacks(nghttp2_session_callbacks *cb)
{
    nghttp2_session_callbacks_set_on_begin_frame_callback(cb, on_begin_frame);
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}

/* A table for compressing answers would cost 4 KiB a connection and a sixth of the time, to save 19 bytes an
 * answer. */
static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_max_deflate_dynamic_table_size(o, 0);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_stream_reset_rate_limit(o, 1000, 100);
    nghttp2_option_set_max_settings(o, 16);
    nghttp2_option_set_max_outbound_ack(o, 100);
    nghttp2_option_set_max_continuations(o, 8);
    nghttp2_option_set_max_send_header_block_length(o, 4096);
}

static void *memory_alloc(size_t n, void *pool)
{
    return pool_alloc(pool, n);
}

static void memory_free(void *at, void *pool)
{
    pool_release(pool, at);
}

static void *memory_zalloc(size_t count, size_t size, void *pool)
{
    return pool_zalloc(pool, count, size);
}

static void *memory_resize(void *at, size_t n, void *pool)
{
    return pool_resize(pool, at, n);
}

struct h2_setup *h2_setup_new(void)
{
    struct h2_setup *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (nghttp2_session_callbacks_new(&s->callbacks) != 0 || nghttp2_option_new(&s->option) != 0) {
        h2_setup_free(&s);
        return NULL;
    }
    set_callbacks(s->callbacks);
    set_options(s->option);
    s->memory = (nghttp2_mem){&s->pool, memory_alloc, memory_free, memory_zalloc, memory_resize};
    return s;
}

void h2_setup_free(struct h2_setup **s)
{
    if (!*s)
        return;
    nghttp2_session_callbacks_del((*s)->callbacks);
    nghttp2_option_del((*s)->option);
    pool_fini(&(*s)->pool);
    free(*s);
    *s = NULL;
}
