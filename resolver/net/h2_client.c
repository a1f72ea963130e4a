/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 towards a server: see h2_client.h.
 *
 * A post belongs to the client until its stream is closed. Callbacks of nghttp2 only note what came; posts
 * that are over are told when nghttp2 has returned, so whoever is told may post anew. */
#include "resolver/net/h2_client.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/base/link.h"
#include "data/base/text.h"

enum { BODY_FIRST = 512, HEADER_LIST_MAX = 16384, WINDOW = 1 << 20, LENGTH_TEXT = 8 };

struct h2_post {
    struct link link; /* in one of the client's four */
    struct h2_client *client;
    void *owner; /* NULL: nobody waits */
    int32_t id;
    unsigned status; /* 0 before it came */
    uint32_t age;
    bool typed; /* application/dns-message */
    bool whole;
    bool too_long;
    bool reset; /* by us, as an orphan */
    bool closed;
    uint32_t code; /* RFC 9113 7, once closed */
    size_t out_len, out_at;
    uint8_t out[H2_CLIENT_POST_MAX];
    uint8_t *body;
    size_t len, cap;
};

struct h2_client {
    struct h2_client_options o;
    nghttp2_session *session;
    struct link waiting, orphans, resetting, over;
    unsigned posts, orphan_count;
    size_t held;
};

/* Posts */

static void post_free(struct h2_post *p)
{
    struct h2_client *c = p->client;
    c->posts -= p->owner != NULL;
    c->held -= p->cap;
    link_remove(&p->link);
    free(p->body);
    free(p);
}

static void free_all(struct link *ring)
{
    while (!link_empty(ring))
        post_free(holder_of(ring->next, struct h2_post, link));
}

static bool grow(struct h2_post *p, size_t need)
{
    size_t cap = p->cap ? p->cap : BODY_FIRST;
    while (cap < need)
        cap *= 2;
    if (cap == p->cap)
        return true;
    uint8_t *more = p->client->held - p->cap + cap <= H2_CLIENT_HELD_MAX ? realloc(p->body, cap) : NULL;
    if (!more)
        return false;
    p->client->held += cap - p->cap;
    p->body = more;
    p->cap = cap;
    return true;
}

/* What came of it, once its stream is closed. */
static enum h2_end end_of(const struct h2_post *p)
{
    if (p->too_long)
        return H2_END_TOO_LONG;
    if (p->code == NGHTTP2_REFUSED_STREAM)
        return H2_END_UNSEEN;
    if (p->status && p->status != 200)
        return H2_END_STATUS;
    if (!p->whole)
        return H2_END_RESET;
    return p->typed ? H2_END_ANSWER : H2_END_TYPE;
}

/* Callbacks of nghttp2 */

static struct h2_post *post_of(nghttp2_session *session, int32_t id)
{
    return nghttp2_session_get_stream_user_data(session, id);
}

static bool is_named(const uint8_t *name, size_t len, const char *wanted)
{
    return bytes_equal(bytes_of(name, len), bytes_str(wanted));
}

/* Parameters may follow the type (RFC 9110 8.3.1). */
static bool is_dns_message(struct bytes value)
{
    struct bytes type = BYTES_LIT("application/dns-message");
    if (value.len < type.len || !bytes_equal_nocase(bytes_of(value.data, type.len), type))
        return false;
    return value.len == type.len || strchr("; \t", value.data[type.len]);
}

/* More than fits means for ever, and what is no number nothing (RFC 9111 1.2.2, 5.1). */
static uint32_t seconds_of(struct bytes text)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return 0;
        n = n * 10 + text.data[i] - '0';
        n = n < INT32_MAX ? n : INT32_MAX;
    }
    return (uint32_t)n;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
    (void)flags, (void)self;
    struct h2_post *p = post_of(session, frame->hd.stream_id);
    uint64_t status;
    if (!p)
        return 0;
    /* An interim status (RFC 9110 15.2) is followed by the final one; nghttp2 lets none come after that. */
    if (is_named(name, name_len, ":status") && uint_parse(bytes_of(value, value_len), 999, &status)) {
        p->status = (unsigned)status;
        p->typed = false;
        p->age = 0;
    }
    if (is_named(name, name_len, "content-type") && p->len == 0)
        p->typed = is_dns_message(bytes_of(value, value_len));
    if (is_named(name, name_len, "age") && p->len == 0)
        p->age = seconds_of(bytes_of(value, value_len));
    return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                   void *self)
{
    (void)flags, (void)self;
    struct h2_post *p = post_of(session, id);
    /* A body that nobody wants is counted by flow control alone. */
    if (!p || !p->owner || p->too_long || p->status != 200 || !p->typed || len == 0)
        return 0;
    if (p->len + len > H2_CLIENT_BODY_MAX || !grow(p, p->len + len)) {
        p->too_long = true;
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_CANCEL);
    }
    memcpy(p->body + p->len, data, len);
    p->len += len;
    return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    (void)self;
    bool part = frame->hd.type == NGHTTP2_DATA || frame->hd.type == NGHTTP2_HEADERS;
    struct h2_post *p = part ? post_of(session, frame->hd.stream_id) : NULL;
    if (p && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
        p->whole = true;
    return 0;
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *self)
{
    struct h2_client *c = self;
    struct h2_post *p = post_of(session, id);
    if (!p)
        return 0;
    p->code = code;
    p->closed = true;
    if (!p->owner && !p->reset)
        c->orphan_count--;
    link_move(&c->over, &p->link);
    return 0;
}

static ssize_t on_read_out(nghttp2_session *session, int32_t id, uint8_t *buf, size_t cap, uint32_t *flags,
                           nghttp2_data_source *source, void *self)
{
    (void)session, (void)id, (void)self;
    struct h2_post *p = source->ptr;
    size_t left = p->out_len - p->out_at, n = left < cap ? left : cap;
    memcpy(buf, p->out + p->out_at, n);
    p->out_at += n;
    if (p->out_at == p->out_len)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

/* The session */

static nghttp2_session *new_session(struct h2_client *c)
{
    nghttp2_session *session = NULL;
    nghttp2_session_callbacks *cb;
    if (nghttp2_session_callbacks_new(&cb) != 0)
        return NULL;
    nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
    nghttp2_session_client_new(&session, cb, c);
    nghttp2_session_callbacks_del(cb);
    return session;
}

static bool greet(struct h2_client *c)
{
    static const nghttp2_settings_entry settings[] = {
        {NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HEADER_LIST_MAX},
    };
    return nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, settings,
                                   sizeof settings / sizeof *settings) == 0 &&
           nghttp2_session_set_local_window_size(c->session, NGHTTP2_FLAG_NONE, 0, WINDOW) == 0;
}

struct h2_client *h2_client_new(const struct h2_client_options *o)
{
    struct h2_client *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->o = *o;
    link_init(&c->waiting);
    link_init(&c->orphans);
    link_init(&c->resetting);
    link_init(&c->over);
    c->session = new_session(c);
    if (!c->session || !greet(c))
        h2_client_free(&c);
    return c;
}

void h2_client_free(struct h2_client **client)
{
    struct h2_client *c = *client;
    if (!c)
        return;
    /* It tells of no stream any more. */
    nghttp2_session_del(c->session);
    free_all(&c->waiting);
    free_all(&c->orphans);
    free_all(&c->resetting);
    free_all(&c->over);
    free(c);
    *client = NULL;
}

/* Names and values of ours outlive the submission, which copies them. */
static nghttp2_nv field(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static int32_t submit(struct h2_client *c, struct h2_post *p)
{
    char length[LENGTH_TEXT];
    snprintf(length, sizeof length, "%zu", p->out_len);
    const nghttp2_nv fields[] = {field(":method", "POST"),
                                 field(":scheme", "https"),
                                 field(":authority", c->o.authority),
                                 field(":path", c->o.path),
                                 field("accept", "application/dns-message"),
                                 field("content-type", "application/dns-message"),
                                 field("content-length", length)};
    const nghttp2_data_provider body = {.source.ptr = p, .read_callback = on_read_out};
    return nghttp2_submit_request(c->session, NULL, fields, sizeof fields / sizeof *fields, &body, p);
}

struct h2_post *h2_client_post(struct h2_client *c, struct bytes body, void *owner)
{
    struct h2_post *p = body.len <= H2_CLIENT_POST_MAX && h2_client_open(c) ? calloc(1, sizeof *p) : NULL;
    if (!p)
        return NULL;
    p->client = c;
    p->owner = owner;
    p->out_len = body.len;
    memcpy(p->out, body.data, body.len);
    p->id = submit(c, p);
    if (p->id < 0) {
        free(p);
        return NULL;
    }
    c->posts++;
    link_append(&c->waiting, &p->link);
    return p;
}

static void reset_oldest(struct h2_client *c)
{
    struct h2_post *oldest = holder_of(c->orphans.next, struct h2_post, link);
    oldest->reset = true;
    c->orphan_count--;
    link_move(&c->resetting, &oldest->link);
    nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, oldest->id, NGHTTP2_CANCEL);
}

void h2_client_drop(struct h2_post *p)
{
    struct h2_client *c = p->client;
    p->owner = NULL;
    c->posts--;
    if (p->closed)
        return; /* it is freed with the others that are over */
    link_move(&c->orphans, &p->link);
    if (++c->orphan_count > H2_CLIENT_ORPHANS)
        reset_oldest(c);
}

unsigned h2_client_posts(const struct h2_client *c)
{
    return c->posts;
}

bool h2_client_streams(const struct h2_client *c)
{
    return !link_empty(&c->waiting) || !link_empty(&c->orphans) || !link_empty(&c->resetting);
}

bool h2_client_take_back(struct h2_client *c, void **owner)
{
    if (link_empty(&c->waiting))
        return false;
    struct h2_post *p = holder_of(c->waiting.next, struct h2_post, link);
    *owner = p->owner;
    h2_client_drop(p);
    return true;
}

bool h2_client_open(const struct h2_client *c)
{
    return nghttp2_session_check_request_allowed(c->session);
}

static void tell(struct h2_client *c)
{
    while (!link_empty(&c->over)) {
        struct h2_post *p = holder_of(c->over.next, struct h2_post, link);
        void *owner = p->owner;
        struct h2_reply reply = {.end = end_of(p)};
        if (reply.end == H2_END_ANSWER)
            reply = (struct h2_reply){H2_END_ANSWER, p->body, p->len, p->age};
        /* Nobody can drop it any more. */
        c->posts -= owner != NULL;
        p->owner = NULL;
        link_remove(&p->link);
        if (owner)
            c->o.done(owner, &reply);
        post_free(p);
    }
}

bool h2_client_read(struct h2_client *c, struct bytes in)
{
    ssize_t n = nghttp2_session_mem_recv(c->session, in.data, in.len);
    tell(c);
    return n == (ssize_t)in.len &&
           (nghttp2_session_want_read(c->session) || nghttp2_session_want_write(c->session));
}

bool h2_client_write(struct h2_client *c, struct bytes *out)
{
    const uint8_t *data = NULL;
    ssize_t n = nghttp2_session_mem_send(c->session, &data);
    *out = bytes_of(data, n > 0 ? (size_t)n : 0);
    tell(c);
    return n >= 0;
}
