/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Requests of HTTP/2: see h2_request.h. Fields are looked at as they come; nothing is answered before their
 * block has been read to its end. */
#include "resolver/net/h2_request.h"

#include "data/base/text.h"

enum {
    FIELDS_MAX = 100,
    FIELD_OVERHEAD = 32,    /* RFC 9113 6.5.2 */
    HELD_MAX = 1024 * 1024, /* bytes of one connection's requests and answers */
};

static struct h2_stream *stream_of(struct h2 *h, int32_t id)
{
    if (h->current && h->current->id == id)
        return h->current;
    return nghttp2_session_get_stream_user_data(h->session, id);
}

void h2_request_refuse(struct h2_stream *s, enum reason why)
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
    h->budget.useless = 0;
    link_move(&h->others, &s->link);
    h2_budget_earn(&h->budget, H2_EARNED_BY_REQUEST);
    if (s->answered)
        return;
    s->request.method = s->method;
    s->request.body = bytes_of(s->body.data, s->body.len);
    split_target(s, &s->request);
    h2_stream_hold(s);
    if (!conn_request(h->conn, &s->forwarded, &s->http.client)) {
        h2_request_refuse(s, REASON_RATE);
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
    return s->fields > FIELDS_MAX || s->field_bytes > h2_set_of(s->h2)->limits.header_list
               ? REASON_HTTP_HEADERS
               : REASON_OK;
}

static bool has_room(const struct h2 *h)
{
    const struct conn_set *set = h2_set_of(h);
    return h->streams < set->limits.streams && h->held <= HELD_MAX &&
           (set->held <= CONN_HELD_MAX || h->held == 0);
}

int h2_request_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    struct h2 *h = self;
    if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
        return 0;
    struct h2_stream *s = has_room(h) ? h2_stream_new(h, frame->hd.stream_id) : NULL;
    if (!s) {
        h2_budget_spend(&h->budget, 1);
        h->has_reset = true;
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }
    h->current = s;
    return nghttp2_session_set_stream_user_data(session, s->id, s);
}

int h2_request_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
    (void)session, (void)flags;
    struct h2 *h = self;
    struct h2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s || s->refused != REASON_OK) {
        h2_budget_spend(&h->budget, 1);
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

int h2_request_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                    void *self)
{
    (void)session, (void)flags;
    struct h2 *h = self;
    struct h2_stream *s = stream_of(h, id);
    if (!s || s->answered)
        return 0;
    h->budget.useless = 0;
    enum reason why = http_body_add(&s->body, &s->http, data, len, s->content_length);
    h2_stream_hold(s);
    if (why != REASON_OK)
        h2_request_refuse(s, why);
    return 0;
}

void h2_request_frame(struct h2 *h, const nghttp2_frame *frame)
{
    struct h2_stream *s = stream_of(h, frame->hd.stream_id);
    if (!s)
        return;
    if (s->refused != REASON_OK && !s->answered) {
        enum reason why = s->refused;
        s->refused = REASON_OK;
        h2_request_refuse(s, why);
    }
    if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        hand_over(s);
    h->current = NULL;
}
