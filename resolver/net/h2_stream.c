/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2's streams and their answers: see h2_stream.h. */
#include "resolver/net/h2_stream.h"

#include "data/base/metric.h"

/* Life */

static void hold(struct h2_stream *s, size_t bytes)
{
    struct h2 *h = s->h2;
    h->held += bytes - s->counted;
    conn_hold(h2_set_of(h), &s->counted, bytes);
}

void h2_stream_hold(struct h2_stream *s)
{
    hold(s, s->http.arena.held);
}

void h2_stream_free(struct h2_stream *s)
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
    pool_release(s->pool, s);
    metric_sub(METRIC_STREAMS_OPEN, 1);
}

static void respond(struct http_stream *http, const struct http_response *r);
static const struct http_protocol protocol_of_streams = {.respond = respond};

struct h2_stream *h2_stream_new(struct h2 *h, int32_t id)
{
    struct h2_stream *s = pool_zalloc(h->pool, 1, sizeof *s);
    if (!s)
        return NULL;
    s->pool = h->pool;
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

void h2_streams_orphan(struct link *streams)
{
    struct link *r;
    while ((r = link_take(streams))) {
        struct h2_stream *s = holder_of(r, struct h2_stream, link);
        hold(s, 0);
        s->h2 = NULL;
        if (s->answered || !s->whole)
            h2_stream_free(s);
    }
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

/* One that is not worth its place in the table (RFC 7541 6.2.3). */
static nghttp2_nv passing_field(struct bytes name, struct bytes value)
{
    nghttp2_nv f = field(name, value);
    f.flags |= NGHTTP2_NV_FLAG_NO_INDEX;
    return f;
}

static size_t write_fields(struct h2_stream *s, const struct http_response *r, nghttp2_nv out[6])
{
    size_t n = 0;
    out[n++] = field(BYTES_LIT(":status"), status_text(r->status));
    if (r->content_type)
        out[n++] = field(BYTES_LIT("content-type"), bytes_str(r->content_type));
    out[n++] = passing_field(BYTES_LIT("content-length"), http_number((uint32_t)r->body.len, s->length_text));
    out[n++] = passing_field(BYTES_LIT("cache-control"), http_cache_control(r, s->cache_text));
    if (r->allow)
        out[n++] = passing_field(BYTES_LIT("allow"), bytes_str(r->allow));
    if (r->retry_after)
        out[n++] = passing_field(BYTES_LIT("retry-after"), bytes_str(r->retry_after));
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
        if (!s->whole) {
            s->h2->has_reset = true;
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_NO_ERROR);
        }
    }
    return (ssize_t)n;
}

static void respond(struct http_stream *http, const struct http_response *r)
{
    struct h2_stream *s = (struct h2_stream *)http;
    struct h2 *h = s->h2;
    s->answered = true;
    if (!h || s->closed) {
        h2_stream_free(s);
        return;
    }
    h2_stream_hold(s);
    s->out = s->method == HTTP_HEAD ? BYTES_NONE : r->body;
    nghttp2_nv fields[6];
    size_t n = write_fields(s, r, fields);
    nghttp2_data_provider body = {.source.ptr = s, .read_callback = give_body};
    h->answered++;
    if (nghttp2_submit_response(h->session, s->id, fields, n, s->out.len ? &body : NULL) != 0)
        nghttp2_submit_rst_stream(h->session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_INTERNAL_ERROR);
    conn_dirty(h->conn);
}
