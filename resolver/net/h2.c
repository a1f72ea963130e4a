/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 connections: see h2.h. Streams are h2_stream.c's, requests h2_request.c's.
 *
 * Callbacks change our own state and queue frames, nothing else: no session ends below one of its callbacks.
 * A frame handed out by nghttp2 is copied before anything else is done with any session (h2_memory.h). */
#include "resolver/net/h2.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "resolver/net/h2_memory.h"
#include "resolver/net/h2_request.h"

enum {
    QUEUE_MAX = 1000, /* frames waiting to be sent */
    HEADER_TABLE = 1024,
    ANSWER_TABLE = 128, /* room for content-type */
    WINDOW = 65535,
};

struct h2_setup {
    nghttp2_session_callbacks *callbacks;
    nghttp2_option *option;
    struct h2_memory memory;
};

/* What nghttp2 calls */

/* A stream that is over without our having reset any was ended by the client itself, and it knew that when it
 * sent this (RFC 9113 5.1, closed); a reset of ours the frame may have crossed on its way. Of data for such a
 * stream nghttp2 tells nobody. */
static bool is_late(const struct h2 *h, const nghttp2_frame_hd *hd)
{
    return hd->type == NGHTTP2_HEADERS && hd->stream_id % 2 && !h->has_reset &&
           hd->stream_id <= nghttp2_session_get_last_proc_stream_id(h->session) &&
           !nghttp2_session_find_stream(h->session, hd->stream_id);
}

/* What nghttp2 lets pass and RFC 9113 does not. */
static int check_frame(struct h2 *h, const nghttp2_frame_hd *hd)
{
    if (is_late(h, hd))
        return nghttp2_session_terminate_session(h->session, NGHTTP2_STREAM_CLOSED);
    if (hd->type == NGHTTP2_PRIORITY && hd->stream_id == 0) /* 6.3 */
        return nghttp2_session_terminate_session(h->session, NGHTTP2_PROTOCOL_ERROR);
    return 0;
}

/* Every frame is paid for that is neither a request nor a part of one. */
static int on_begin_frame(nghttp2_session *session, const nghttp2_frame_hd *hd, void *self)
{
    struct h2 *h = self;
    if (check_frame(h, hd) != 0)
        return NGHTTP2_ERR_CALLBACK_FAILURE;
    if (hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_CONTINUATION)
        return 0;
    bool useful = hd->type == NGHTTP2_DATA && (hd->length > 0 || hd->flags & NGHTTP2_FLAG_END_STREAM) &&
                  !(hd->flags & NGHTTP2_FLAG_PADDED) &&
                  nghttp2_session_get_stream_user_data(session, hd->stream_id);
    if (!useful)
        h2_budget_spend(&h->budget, 1);
    return 0;
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
        h2_request_frame(h, frame);
    else if (frame->hd.type == NGHTTP2_SETTINGS)
        h->greeted = true;
    else if (frame->hd.type == NGHTTP2_PING && frame->hd.flags & NGHTTP2_FLAG_ACK && h->draining)
        leave(h);
    return 0;
}

static int on_invalid_frame(nghttp2_session *session, const nghttp2_frame *frame, int error, void *self)
{
    (void)session, (void)frame, (void)error;
    struct h2 *h = self;
    h->has_reset = true;
    h2_budget_spend(&h->budget, H2_COST_RESET);
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
        h2_stream_free(s);
    } else if (!s->whole) {
        h2_stream_free(s); /* no handler knows it */
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
    h->budget.useless += n;
    ssize_t used = n ? nghttp2_session_mem_recv(h->session, data, n) : 0;
    if (is_flood(used) || (used >= 0 && !h2_budget_holds(&h->budget, ev_now(h2_set_of(h)->loop)))) {
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
        return (struct conn_phase){CONN_WRITE, h->sent / CONN_TAKEN_LEAST};
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
        h2_request_refuse(holder_of(r, struct h2_stream, link), REASON_HTTP_TIMEOUT);
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

static void h2_detach(void *self)
{
    struct h2 *h = self;
    h2_streams_orphan(&h->incoming);
    h2_streams_orphan(&h->others);
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
    const struct front_limits *limits = &h2_set_of(h)->limits;
    const nghttp2_settings_entry entries[] = {
        {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits->streams},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)limits->header_list + HTTP_TARGET_MAX},
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, WINDOW},
        {NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1},
        {NGHTTP2_SETTINGS_HEADER_TABLE_SIZE, HEADER_TABLE},
    };
    /* haproxy (2.6) takes a smaller table for agreed and does not say so as RFC 7541 4.2 wants. Proxies are
     * few: they get the 4096 bytes that need no word. */
    size_t count = sizeof entries / sizeof *entries - conn_by_proxy(h->conn);
    return nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, entries, count) == 0;
}

bool h2_start(struct conn *c)
{
    struct h2 *h = calloc(1, sizeof *h);
    if (!h)
        return false;
    struct h2_setup *setup = conn_set_of(c)->h2;
    h->conn = c;
    h->pool = &setup->memory.pool;
    link_init(&h->incoming);
    link_init(&h->others);
    h2_budget_init(&h->budget, ev_now(h2_set_of(h)->loop));
    setup->memory.making = true;
    int failed =
        nghttp2_session_server_new3(&h->session, setup->callbacks, h, setup->option, &setup->memory.mem);
    setup->memory.making = false;
    if (failed || !send_settings(h)) {
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
    nghttp2_session_callbacks_set_on_begin_headers_callback(cb, h2_request_begin);
    nghttp2_session_callbacks_set_on_header_callback(cb, h2_request_field);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, h2_request_data);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(cb, on_invalid_frame);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_stream_close);
}

/* A table for all fields of answers would cost 4 KiB a connection and a sixth of the time: they are new with
 * each but one (h2_stream.c). */
static void set_options(nghttp2_option *o)
{
    nghttp2_option_set_max_deflate_dynamic_table_size(o, ANSWER_TABLE);
    nghttp2_option_set_no_closed_streams(o, 1);
    nghttp2_option_set_stream_reset_rate_limit(o, 1000, 100);
    nghttp2_option_set_max_settings(o, 16);
    nghttp2_option_set_max_outbound_ack(o, 100);
    nghttp2_option_set_max_continuations(o, 8);
    nghttp2_option_set_max_send_header_block_length(o, 4096);
}

struct h2_setup *h2_setup_new(void)
{
    struct h2_setup *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    if (!h2_memory_init(&s->memory) || nghttp2_session_callbacks_new(&s->callbacks) != 0 ||
        nghttp2_option_new(&s->option) != 0) {
        h2_setup_free(&s);
        return NULL;
    }
    set_callbacks(s->callbacks);
    set_options(s->option);
    return s;
}

void h2_setup_trim(struct h2_setup *s)
{
    pool_fini(&s->memory.pool);
}

void h2_setup_free(struct h2_setup **s)
{
    if (!*s)
        return;
    nghttp2_session_callbacks_del((*s)->callbacks);
    nghttp2_option_del((*s)->option);
    h2_memory_fini(&(*s)->memory);
    free(*s);
    *s = NULL;
}
