/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelined queries over TCP or TLS: see tcp.h and stream.h.
 *
 * The connection breaks only in callbacks of the loop, never inside tcp_ask or tcp_cancel: a query's callback
 * may call both while the connection's buffers are being walked. */
#include "resolver/tcp.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "data/dns/edns.h"
#include "resolver/flight.h"
#include "resolver/quiet.h"

enum { FRAME_HEAD = 2, IN_SIZE = FRAME_HEAD + DNS_MSG_MAX, OUT_FIRST = 4096, READS_PER_TURN = 4 };

struct tcp {
    struct stream stream; /* first: a stream is cast back */
    struct dial dial;
    struct quiet quiet;
    struct flight flight;
    uint8_t *in;
    size_t in_len;
    size_t useless; /* bytes read since the last answer that somebody waited for */
    uint8_t *out;
    size_t out_len, out_cap;
};

static struct tcp *tcp_of(struct stream *s)
{
    return (struct tcp *)s;
}

static void disconnect(struct tcp *t)
{
    dial_close(&t->dial);
    quiet_stop(&t->quiet);
    free(t->in);
    free(t->out);
    t->in = t->out = NULL;
    t->in_len = t->out_len = t->out_cap = t->useless = 0;
}

static bool start_connect(struct tcp *t)
{
    if (!stream_may_dial(&t->stream))
        return false;
    t->in = malloc(IN_SIZE);
    t->out = malloc(OUT_FIRST);
    t->out_cap = OUT_FIRST;
    if (t->in && t->out && dial_open(&t->dial, t->stream.env.server))
        return true;
    disconnect(t);
    return false;
}

static uint8_t *reserve_out(struct tcp *t, size_t n)
{
    if (t->out_len + n > STREAM_UNSENT_MAX)
        return NULL;
    if (t->out_len + n > t->out_cap) {
        uint8_t *grown = realloc(t->out, t->out_cap * 2);
        if (!grown)
            return NULL;
        t->out = grown;
        t->out_cap *= 2;
    }
    return t->out + t->out_len;
}

/* q has its ID. False: the queue is full. */
static bool enqueue(struct tcp *t, struct stream_query *q)
{
    bool tls = t->stream.env.peer != NULL;
    struct asked_form form = {
        .id = q->id, .edns = q->edns, .keepalive = tls, .block = tls ? EDNS_BLOCK_QUERY : 0};
    uint8_t *frame = reserve_out(t, FRAME_HEAD + ASKED_MAX);
    if (!frame)
        return false;
    size_t len = asked_write(q->asked, &form, frame + FRAME_HEAD);
    put_u16(frame, (uint16_t)len);
    t->out_len += FRAME_HEAD + len;
    q->stream = &t->stream;
    flight_add(&t->flight, q);
    metric_count(tls ? METRIC_UPSTREAM_QUERIES_TLS : METRIC_UPSTREAM_QUERIES_TCP);
    quiet_owe(&t->quiet);
    dial_want_write(&t->dial, true);
    return true;
}

static void resend_or_fail(struct tcp *t, struct stream_query *q, bool again)
{
    flight_remove(&t->flight, q);
    bool resend = again && !q->resent && (t->dial.state != DIAL_SHUT || start_connect(t));
    q->resent = q->cold = true;
    if (!resend || !enqueue(t, q))
        stream_give_up(&t->stream, q);
}

/* The connection is over. again: it once worked, so what is under way gets another. */
static void break_off(struct tcp *t, bool again)
{
    struct link old;
    disconnect(t);
    link_move_all(&t->flight.queries, &old);
    while (!link_empty(&old))
        resend_or_fail(t, holder_of(old.next, struct stream_query, ring), again);
    stream_fail_all(&t->stream);
}

static enum tls_status write_out(struct tcp *t)
{
    size_t n;
    while (t->out_len > 0) {
        enum tls_status s = dial_write(&t->dial, t->out, t->out_len, &n);
        if (s != TLS_DONE)
            return s;
        t->out_len -= n;
        memmove(t->out, t->out + n, t->out_len);
    }
    return TLS_DONE;
}

static void deliver(struct tcp *t, uint8_t *message, size_t len)
{
    struct stream_query *q = len >= DNS_HEADER ? flight_find(&t->flight, get_u16(message)) : NULL;
    uint16_t tenths;
    if (t->stream.env.peer && q && asked_keepalive(bytes_of(message, len), &tenths))
        idle_told(&t->stream.idle, tenths);
    if (q) {
        t->useless = 0;
        q->reply(q, message, len);
    } else if (len < DNS_HEADER) {
        metric_count(METRIC_UPSTREAM_GARBLED);
    }
    /* An unknown ID is the late answer of a cancelled query. */
}

static void take_frames(struct tcp *t)
{
    size_t at = 0;
    while (t->in_len - at >= FRAME_HEAD) {
        size_t len = get_u16(t->in + at);
        if (t->in_len - at - FRAME_HEAD < len)
            break;
        deliver(t, t->in + at + FRAME_HEAD, len);
        at += FRAME_HEAD + len;
    }
    t->in_len -= at;
    memmove(t->in, t->in + at, t->in_len);
}

/* TLS_DONE: there may be more. */
static enum tls_status read_in(struct tcp *t)
{
    enum tls_status s = TLS_DONE;
    for (unsigned i = 0; i < READS_PER_TURN && s == TLS_DONE; i++) {
        size_t n;
        s = dial_read(&t->dial, t->in + t->in_len, IN_SIZE - t->in_len, &n);
        if (s != TLS_DONE)
            break;
        t->in_len += n;
        t->useless += n;
        quiet_heard(&t->quiet);
        take_frames(t);
        quiet_go_on(&t->quiet, t->flight.count > 0);
        if (t->useless > STREAM_USELESS_MAX)
            return TLS_ERROR;
    }
    return s;
}

static void on_ready(struct dial *d)
{
    struct tcp *t = holder_of(d, struct tcp, dial);
    enum tls_status wrote = write_out(t);
    enum tls_status got = tls_is_over(wrote) ? wrote : read_in(t);
    if (tls_is_over(got)) {
        quiet_cut(&t->quiet);
        break_off(t, true);
        return;
    }
    if (got == TLS_DONE)
        dial_feed(d);
    dial_want_write(d, t->out_len > 0 || got == TLS_WANT_WRITE);
}

static void on_failed(struct dial *d, enum dial_end why)
{
    struct tcp *t = holder_of(d, struct tcp, dial);
    stream_not_opened(&t->stream, why);
    break_off(t, false);
}

static void on_over(struct quiet *q)
{
    struct tcp *t = holder_of(q, struct tcp, quiet);
    bool open = t->dial.state == DIAL_OPEN;
    if (!open)
        stream_not_opened(&t->stream, DIAL_END_STALLED);
    break_off(t, open);
}

static bool tcp_ask(struct stream *s, struct stream_query *q)
{
    struct tcp *t = tcp_of(s);
    if (t->flight.count >= STREAM_UNDER_WAY_MAX || (t->dial.state == DIAL_SHUT && !start_connect(t)))
        return false;
    flight_draw_id(&t->flight, q);
    q->resent = false;
    q->cold = t->dial.state != DIAL_OPEN;
    return enqueue(t, q);
}

static void tcp_cancel(struct stream_query *q)
{
    flight_remove(&tcp_of(q->stream)->flight, q);
    q->stream = NULL;
}

static void tcp_free(struct stream *s)
{
    disconnect(tcp_of(s));
    free(s);
}

static const struct stream_methods methods = {tcp_ask, tcp_cancel, tcp_free};

struct stream *tcp_new(const struct stream_env *env)
{
    struct tcp *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    stream_init(&t->stream, &methods, env);
    t->dial = (struct dial){.loop = env->loop, .peer = env->peer, .ready = on_ready, .failed = on_failed};
    dial_init(&t->dial);
    quiet_init(&t->quiet, &t->dial, &t->stream.idle, on_over);
    flight_init(&t->flight);
    return &t->stream;
}
