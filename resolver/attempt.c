/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One server asked: see attempt.h. */
#include "resolver/attempt.h"

#include <errno.h>

#include "data/base/clock.h"
#include "data/base/hash.h"
#include "data/base/log.h"
#include "data/base/metric.h"

enum transport attempt_transport(const struct attempt *a)
{
    return a->state == ATTEMPT_STREAM ? OVER_STREAM : OVER_UDP;
}

void attempt_close(struct attempt *a)
{
    if (a->state == ATTEMPT_UDP)
        udp_close(&a->udp);
    else if (a->state == ATTEMPT_STREAM)
        stream_cancel(&a->stream);
    link_remove(&a->late_ring);
    a->state = ATTEMPT_OVER;
}

/* --- what it says about the server --- */

static void log_server(enum log_level level, const char *event, const struct server *s)
{
    char address[SOCK_ADDR_TEXT_MAX];
    sock_addr_format(&s->address, address);
    log_event(level, event, "server=%s", address);
}

static void server_is_silent(struct attempt *a, enum transport via)
{
    if (!server_timed_out(a->server, via, a->name_hash, clock_mono_ms()))
        return;
    metric_count(METRIC_UPSTREAM_DEAD);
    log_server(LOG_LEVEL_WARN, "upstream.dead", a->server);
}

static void server_has_replied(struct attempt *a)
{
    int64_t now = clock_mono_ms();
    bool cold = a->state == ATTEMPT_STREAM && a->stream.cold;
    if (server_replied(a->server, attempt_transport(a), now - a->sent, cold, now))
        log_server(LOG_LEVEL_INFO, "upstream.alive", a->server);
}

static bool blames_server(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN;
}

void attempt_outrun(struct attempt *a, int64_t now)
{
    if (a->state != ATTEMPT_OVER && !a->late)
        path_outrun(&a->server->path[attempt_transport(a)], now - a->sent);
}

void attempt_is_late(struct attempt *a)
{
    a->late = true;
    a->sights |= SAW_TIMEOUT;
    if (a->state == ATTEMPT_UDP)
        link_append(&a->env->late, &a->late_ring);
    metric_count(METRIC_UPSTREAM_TIMEOUTS);
    server_is_silent(a, attempt_transport(a));
}

/* --- sending --- */

static void make_room(struct attempt_env *env)
{
    if (env->udp.open >= env->udp.max && !link_empty(&env->late))
        attempt_close(holder_of(env->late.next, struct attempt, late_ring));
}

/* 0 or errno. */
static int send_udp(struct attempt *a)
{
    uint8_t message[ASKED_MAX];
    a->id = random_u16();
    size_t len = asked_write(a->asked, &(struct asked_form){.id = a->id, .edns = a->edns}, message);
    int error = udp_send(&a->env->udp, &a->udp, &a->server->address, bytes_of(message, len));
    if (error)
        return error;
    a->state = ATTEMPT_UDP;
    metric_count(METRIC_UPSTREAM_QUERIES_UDP);
    return 0;
}

static int send_stream(struct attempt *a)
{
    a->stream.asked = a->asked;
    a->stream.edns = a->edns;
    if (!stream_ask(a->server->stream, &a->stream))
        return EAGAIN; /* our own limits: says nothing about the server */
    a->state = ATTEMPT_STREAM;
    return 0;
}

static bool send_over(struct attempt *a, enum transport via)
{
    attempt_close(a);
    make_room(a->env);
    a->sent = clock_mono_ms();
    a->due = a->sent + a->patience;
    a->bad = 0;
    a->server->queries++;
    int error = via == OVER_STREAM ? send_stream(a) : send_udp(a);
    /* Connecting and a handshake are two round trips more. */
    if (a->state == ATTEMPT_STREAM && a->stream.cold && a->server->encrypted)
        a->due += a->patience;
    if (blames_server(error))
        server_is_silent(a, via);
    return error == 0;
}

/* It has failed for good. */
static void fail(struct attempt *a, unsigned sight)
{
    attempt_close(a);
    a->sights |= sight;
    a->excluded = sight != 0 || !a->escalated;
    a->over(a, NULL, 0);
}

static void ask_again(struct attempt *a, enum transport via)
{
    if (send_over(a, via))
        a->again(a);
    else
        fail(a, 0);
}

void attempt_over_tcp(struct attempt *a)
{
    ask_again(a, OVER_STREAM);
}

/* --- replies --- */

static void count_bad(enum asked_verdict v)
{
    switch (v) {
    case ASKED_WRONG_ID:
        metric_count(METRIC_UPSTREAM_BAD_ID);
        break;
    case ASKED_WRONG_QUESTION:
        metric_count(METRIC_UPSTREAM_BAD_SOURCE);
        break;
    case ASKED_WRONG_CASE:
        metric_count(METRIC_UPSTREAM_BAD_CASE);
        break;
    default:
        metric_count(METRIC_UPSTREAM_GARBLED);
    }
}

/* Another reply to the same query may still come. */
static bool is_under_way(const struct attempt *a)
{
    return a->state == ATTEMPT_UDP || a->stream.stream;
}

/* A reply that is not ours ends nothing: whoever can send packets could otherwise end lookups. */
static void on_bad(struct attempt *a, enum asked_verdict v)
{
    count_bad(v);
    if (v == ASKED_WRONG_CASE)
        a->case_changed = true;
    if (v == ASKED_GARBLED)
        a->sights |= SAW_GARBLED;
    if (++a->bad < ATTEMPT_BAD_MAX && is_under_way(a))
        return;
    if (a->state == ATTEMPT_UDP) {
        ask_again(a, OVER_STREAM);
        return;
    }
    server_is_silent(a, OVER_STREAM); /* nobody else speaks there */
    fail(a, SAW_GARBLED);
}

/* What a reply tells about the server's ways. Only TCP is believed about case: its replies cannot be forged
 * blindly. Who wants signatures tries EDNS each time: without it every signed name would be bogus for as long
 * as the habit is remembered, and one forged or strange reply is enough to learn it. */
static void learn(struct attempt *a, struct bytes reply)
{
    if (a->plain_asked && !a->asked->dnssec_ok)
        a->server->plain_until = clock_mono_ms() + SERVER_HABIT;
    if (a->case_changed && a->state == ATTEMPT_STREAM && !asked_same_case(a->asked, reply))
        a->server->tcp_until = clock_mono_ms() + SERVER_HABIT;
}

static void on_answer(struct attempt *a, uint8_t *reply, size_t len)
{
    learn(a, bytes_of(reply, len));
    asked_restore(a->asked, reply, len);
    attempt_close(a);
    a->over(a, reply, len);
}

static void on_reply(struct attempt *a, enum asked_verdict v, uint8_t *reply, size_t len)
{
    if (v >= ASKED_WRONG_ID) {
        on_bad(a, v);
        return;
    }
    metric_count(METRIC_UPSTREAM_REPLIES);
    server_has_replied(a);
    if (v == ASKED_ANSWER) {
        on_answer(a, reply, len);
    } else if (v == ASKED_TRUNCATED && a->state == ATTEMPT_UDP) {
        metric_count(METRIC_UPSTREAM_TRUNCATED);
        ask_again(a, OVER_STREAM);
    } else if (v == ASKED_NO_EDNS && a->edns) {
        a->edns = false;
        a->plain_asked = true;
        ask_again(a, attempt_transport(a));
    } else {
        fail(a, v == ASKED_REFUSED ? SAW_REFUSED : SAW_FAILED);
    }
}

static void on_udp_reply(struct udp_query *q, uint8_t *reply, size_t len)
{
    struct attempt *a = holder_of(q, struct attempt, udp);
    on_reply(a, asked_check(a->asked, a->id, false, bytes_of(reply, len)), reply, len);
}

static void on_stream_reply(struct stream_query *q, uint8_t *reply, size_t len)
{
    struct attempt *a = holder_of(q, struct attempt, stream);
    on_reply(a, asked_check(a->asked, q->id, true, bytes_of(reply, len)), reply, len);
}

static void on_udp_failed(struct udp_query *q, int error)
{
    struct attempt *a = holder_of(q, struct attempt, udp);
    if (blames_server(error))
        server_is_silent(a, OVER_UDP);
    fail(a, 0);
}

static void on_stream_failed(struct stream_query *q)
{
    struct attempt *a = holder_of(q, struct attempt, stream);
    server_is_silent(a, OVER_STREAM);
    fail(a, 0);
}

bool attempt_start(struct attempt *a)
{
    int64_t now = clock_mono_ms();
    link_init(&a->late_ring);
    a->edns = now >= a->server->plain_until;
    a->udp.reply = on_udp_reply;
    a->udp.failed = on_udp_failed;
    a->stream.reply = on_stream_reply;
    a->stream.failed = on_stream_failed;
    if (send_over(a, a->escalated ? OVER_STREAM : server_transport(a->server, now)))
        return true;
    a->excluded = !a->escalated;
    return false;
}
