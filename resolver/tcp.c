/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelined queries over TCP or TLS: see tcp.h and stream.h.
 *
 * The connection breaks only in callbacks of the loop, never inside tcp_ask or tcp_cancel: a query's callback
 * may call both while the connection's buffers are being walked. */
#include "resolver/tcp.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/metric.h"
#include "data/dns/edns.h"
#include "resolver/flight.h"
#include "resolver/idle.h"

enum { FRAME_HEAD = 2, IN_SIZE = FRAME_HEAD + DNS_MSG_MAX, OUT_FIRST = 4096, READS_PER_TURN = 4 };

struct tcp {
    struct stream stream; /* first: a stream is cast back */
    struct stream_env env;
    struct dial dial;
    struct ev_timer timer; /* silence while an answer is owed, else idleness */
    struct idle idle;
    struct silence silence;
    bool owed;             /* bytes were asked for and none came since; outlives the cancelling of queries */
    int64_t heard_at;      /* monotonic ms of the latest byte; 0 before the first of a connection */
    int64_t rest;          /* ms it had been idle before the answer owed was asked for; 0 once a byte came */
    int64_t refrain_until; /* monotonic ms */
    struct flight flight;
    struct link failing; /* queries about to be told that they failed */
    uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len, out_cap;
};

static struct tcp *tcp_of(struct stream *s)
{
    return (struct tcp *)s;
}

static void wait_for(struct tcp *t, unsigned ms)
{
    t->timer.repeat = (double)(ms ? ms : 1) / 1000;
    ev_timer_again(t->env.loop, &t->timer);
}

static void set_timer(struct tcp *t, bool owed)
{
    t->owed = owed;
    wait_for(t, owed ? silence_begin(&t->silence) : idle_limit(&t->idle));
}

static void disconnect(struct tcp *t)
{
    dial_close(&t->dial);
    ev_timer_stop(t->env.loop, &t->timer);
    free(t->in);
    free(t->out);
    t->in = t->out = NULL;
    t->in_len = t->out_len = t->out_cap = 0;
    t->heard_at = t->rest = 0;
    t->owed = false;
}

static bool start_connect(struct tcp *t)
{
    if (clock_mono_ms() < t->refrain_until)
        return false;
    t->in = malloc(IN_SIZE);
    t->out = malloc(OUT_FIRST);
    t->out_cap = OUT_FIRST;
    if (t->in && t->out && dial_open(&t->dial, t->env.server))
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

static void begin_owing(struct tcp *t)
{
    if (t->owed)
        return;
    t->rest = t->heard_at ? clock_mono_ms() - t->heard_at : 0;
    set_timer(t, true);
}

/* q has its ID. False: the queue is full. */
static bool enqueue(struct tcp *t, struct stream_query *q)
{
    bool tls = t->env.peer != NULL;
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
    begin_owing(t);
    dial_want_write(&t->dial, true);
    return true;
}

/* Callbacks may cancel other queries of the list, and ask anew. */
static void fail_all(struct tcp *t)
{
    while (!link_empty(&t->failing)) {
        struct stream_query *q = holder_of(t->failing.next, struct stream_query, ring);
        link_remove(&q->ring);
        q->stream = NULL;
        q->failed(q);
    }
}

static void resend_or_fail(struct tcp *t, struct stream_query *q, bool again)
{
    flight_remove(&t->flight, q);
    bool resend = again && !q->resent && (t->dial.state != DIAL_SHUT || start_connect(t));
    q->resent = q->cold = true;
    if (!resend || !enqueue(t, q))
        link_append(&t->failing, &q->ring);
}

/* The connection is over. again: it once worked, so what is under way gets another. */
static void break_off(struct tcp *t, bool again)
{
    struct link old;
    disconnect(t);
    link_move_all(&t->flight.queries, &old);
    while (!link_empty(&old))
        resend_or_fail(t, holder_of(old.next, struct stream_query, ring), again);
    fail_all(t);
}

/* The server closed it: because it had been idle for too long, if it was idle at all. */
static void learn_idle(struct tcp *t)
{
    int64_t waited = t->owed ? t->rest : t->heard_at ? clock_mono_ms() - t->heard_at : 0;
    if (waited >= IDLE_LEAST)
        idle_cut(&t->idle, waited);
}

static bool is_over(enum tls_status s)
{
    return s == TLS_CLOSED || s == TLS_ERROR;
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
    if (t->env.peer && q && asked_keepalive(bytes_of(message, len), &tenths))
        idle_told(&t->idle, tenths);
    if (q)
        q->reply(q, message, len);
    else if (len < DNS_HEADER)
        metric_count(METRIC_UPSTREAM_GARBLED);
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
        t->heard_at = clock_mono_ms();
        take_frames(t);
        set_timer(t, t->flight.count > 0);
        t->rest = 0;
    }
    return s;
}

static void on_ready(struct dial *d)
{
    struct tcp *t = holder_of(d, struct tcp, dial);
    enum tls_status wrote = write_out(t);
    enum tls_status got = is_over(wrote) ? wrote : read_in(t);
    if (is_over(got)) {
        learn_idle(t);
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
    if (dial_end_is_tls(why))
        t->refrain_until = clock_mono_ms() + STREAM_REFRAIN;
    t->env.failed(t->env.self, why);
    break_off(t, false);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct tcp *t = holder_of(timer, struct tcp, timer);
    bool open = t->dial.state == DIAL_OPEN;
    unsigned more = t->owed ? silence_look(&t->silence, &t->dial) : 0;
    if (more) {
        wait_for(t, more);
        return;
    }
    if (open && !t->owed)
        idle_lived(&t->idle);
    if (open && t->owed)
        idle_forgotten(&t->idle, t->rest);
    if (!open)
        t->env.failed(t->env.self, DIAL_END_STALLED);
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

struct stream *tcp_new(const struct stream_env *env)
{
    struct tcp *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->stream = (struct stream){.ask = tcp_ask, .cancel = tcp_cancel, .free = tcp_free};
    t->env = *env;
    t->dial = (struct dial){.loop = env->loop, .peer = env->peer, .ready = on_ready, .failed = on_failed};
    dial_init(&t->dial);
    idle_init(&t->idle);
    ev_init(&t->timer, on_timer);
    flight_init(&t->flight);
    link_init(&t->failing);
    return &t->stream;
}
