/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookups and their tries: see exchange.h.
 *
 * A lookup has one timer: for the end of its latest try, or of itself. It ends without an answer only in that
 * timer, so nothing here calls `done` before exchange_start has returned. */
#include "resolver/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"

enum try_state { TRY_OVER, TRY_UDP, TRY_TCP };

/* What went wrong in a lookup so far. */
enum sight { SAW_FAILED = 1, SAW_REFUSED = 2, SAW_GARBLED = 4, SAW_TIMEOUT = 8 };

struct
try {
    struct upstream_lookup *lookup;
    struct server *server;
    struct udp_query udp;
    struct tcp_query tcp;
    struct link late_ring;
    enum try_state state;
    bool escalated; /* over TCP because UDP brought nothing: that this fails too says nothing about UDP */
    bool excluded;  /* the server is out of this lookup */
    int64_t sent;   /* monotonic ms */
    uint16_t id;    /* over UDP */
    uint8_t bad;    /* wrong replies to the query under way */
    bool edns;
    bool plain_asked; /* asked again without EDNS */
    bool case_changed;
    bool late; /* its time is over, but its answer would still count */
};

struct upstream_lookup {
    struct link ring;
    struct exchange *exchange;
    struct server *only; /* a probe of this server; else NULL */
    struct asked asked;
    uint64_t name_hash;
    upstream_done *done;
    void *self;
    struct ev_timer timer;
    int64_t deadline; /* monotonic ms */
    unsigned sights;
    unsigned tries; /* allowed */
    unsigned used;
    struct try try[];
};

static struct try *latest(struct upstream_lookup *l)
{
    return &l->try[l->used - 1];
}

static void close_try(struct try *t)
{
    if (t->state == TRY_UDP)
        udp_close(&t->udp);
    else if (t->state == TRY_TCP)
        tcp_cancel(&t->tcp);
    link_remove(&t->late_ring);
    t->state = TRY_OVER;
}

static enum reason reason_of(unsigned sights)
{
    if (sights & SAW_FAILED)
        return REASON_UPSTREAM_SERVFAIL;
    if (sights & SAW_REFUSED)
        return REASON_UPSTREAM_REFUSED;
    if (sights & SAW_GARBLED)
        return REASON_UPSTREAM_BOGUS;
    return sights & SAW_TIMEOUT ? REASON_UPSTREAM_TIMEOUT : REASON_UPSTREAM_DEAD;
}

/* reply may stand in a buffer of a transport: those outlive the lookup. */
static void finish(struct upstream_lookup *l, enum reason why, struct bytes reply)
{
    for (unsigned i = 0; i < l->used; i++)
        close_try(&l->try[i]);
    ev_timer_stop(l->exchange->udp.loop, &l->timer);
    link_remove(&l->ring);
    upstream_done *done = why == REASON_COUNT ? NULL : l->done;
    void *self = l->self;
    free(l);
    if (done)
        done(self, why, reply);
}

/* --- servers --- */

static void log_server(enum log_level level, const char *event, const struct server *s)
{
    char address[SOCK_ADDR_TEXT_MAX];
    sock_addr_format(&s->address, address);
    log_event(level, event, "server=%s", address);
}

static void server_is_silent(struct try *t, int64_t waited)
{
    struct upstream_lookup *l = t->lookup;
    uint32_t floor = (uint32_t)(waited > l->exchange->try_timeout ? waited : l->exchange->try_timeout);
    if (!server_timed_out(t->server, l->name_hash, floor, clock_mono_ms()))
        return;
    metric_count(METRIC_UPSTREAM_DEAD);
    log_server(LOG_LEVEL_WARN, "upstream.dead", t->server);
}

static void server_has_replied(struct try *t)
{
    int64_t rtt = clock_mono_ms() - t->sent;
    if (server_replied(t->server, (uint32_t)(rtt < INT32_MAX ? rtt : INT32_MAX)))
        log_server(LOG_LEVEL_INFO, "upstream.alive", t->server);
}

/* --- a try --- */

/* 0 or errno. */
static int send_udp(struct try *t)
{
    uint8_t message[ASKED_MAX];
    t->id = random_u16();
    size_t len = asked_write(&t->lookup->asked, t->id, t->edns, message);
    int error = udp_send(&t->lookup->exchange->udp, &t->udp, &t->server->address, bytes_of(message, len));
    if (error)
        return error;
    t->state = TRY_UDP;
    metric_count(METRIC_UPSTREAM_QUERIES_UDP);
    return 0;
}

static int send_tcp(struct try *t)
{
    t->tcp.asked = &t->lookup->asked;
    t->tcp.edns = t->edns;
    if (!tcp_ask(t->server->tcp, &t->tcp))
        return EAGAIN; /* our own limits: says nothing about the server */
    t->state = TRY_TCP;
    return 0;
}

static bool blames_server(int error)
{
    return error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH || error == EHOSTDOWN;
}

static void make_room(struct exchange *x)
{
    if (x->udp.open >= x->udp.max && !link_empty(&x->late))
        close_try(holder_of(x->late.next, struct try, late_ring));
}

static bool try_send(struct try *t, enum try_state transport)
{
    close_try(t);
    make_room(t->lookup->exchange);
    t->sent = clock_mono_ms();
    t->bad = 0;
    t->server->queries++;
    int error = transport == TRY_TCP ? send_tcp(t) : send_udp(t);
    if (blames_server(error))
        server_is_silent(t, 0);
    return error == 0;
}

/* --- the lookup's course --- */

static void arm(struct upstream_lookup *l, int64_t after)
{
    struct ev_loop *loop = l->exchange->udp.loop;
    int64_t left = l->deadline - clock_mono_ms();
    if (after > left)
        after = left;
    ev_timer_stop(loop, &l->timer);
    ev_timer_set(&l->timer, after > 0 ? (double)after / 1000 : 0.0, 0.0);
    ev_timer_start(loop, &l->timer);
}

/* Doubles with every round over the servers. */
static int64_t try_time(const struct upstream_lookup *l)
{
    unsigned round = l->only ? 0 : (l->used - 1) / l->exchange->server_count;
    return l->exchange->try_timeout << (round < 8 ? round : 8);
}

static struct server *choose(struct upstream_lookup *l)
{
    struct exchange *x = l->exchange;
    uint8_t asked[SERVERS_MAX] = {0};
    if (l->only)
        return l->only;
    for (unsigned i = 0; i < l->used; i++) {
        uint8_t *count = &asked[l->try[i].server - x->servers];
        if (l->try[i].excluded)
            *count = SERVER_EXCLUDED;
        else if (*count < SERVER_EXCLUDED)
            ++*count;
    }
    int i = server_choose(x->servers, x->server_count, asked, random_below(UINT32_MAX));
    return i < 0 ? NULL : &x->servers[i];
}

static void on_udp_reply(struct udp_query *q, uint8_t *reply, size_t len);
static void on_udp_failed(struct udp_query *q, int error);
static void on_tcp_reply(struct tcp_query *q, uint8_t *reply, size_t len);
static void on_tcp_failed(struct tcp_query *q);

static unsigned times_asked(const struct upstream_lookup *l, const struct server *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->used; i++)
        n += l->try[i].server == s;
    return n;
}

static bool try_start(struct upstream_lookup *l, struct server *s)
{
    int64_t now = clock_mono_ms();
    bool escalate = times_asked(l, s) % EXCHANGE_TCP_EVERY == EXCHANGE_TCP_EVERY - 1;
    struct try *t = &l->try[l->used++];
    *t = (struct try){.lookup = l, .server = s, .edns = now >= s->plain_until, .escalated = escalate};
    link_init(&t->late_ring);
    t->udp.reply = on_udp_reply;
    t->udp.failed = on_udp_failed;
    t->tcp.reply = on_tcp_reply;
    t->tcp.failed = on_tcp_failed;
    if (try_send(t, escalate || now < s->tcp_until ? TRY_TCP : TRY_UDP))
        return true;
    t->excluded = !escalate;
    return false;
}

static bool any_open(const struct upstream_lookup *l)
{
    for (unsigned i = 0; i < l->used; i++)
        if (l->try[i].state != TRY_OVER)
            return true;
    return false;
}

/* The next try; if there is none to be had, waits for the open ones as long as there is time, or ends. */
static void go_on(struct upstream_lookup *l)
{
    struct server *s;
    while (l->used < l->tries && (s = choose(l)))
        if (try_start(l, s)) {
            arm(l, try_time(l));
            return;
        }
    if (!any_open(l))
        l->deadline = 0;
    arm(l, INT64_MAX);
}

/* The try has failed for good. */
static void try_over(struct try *t, unsigned sight)
{
    struct upstream_lookup *l = t->lookup;
    close_try(t);
    t->excluded = sight != 0 || !t->escalated;
    l->sights |= sight;
    if (t == latest(l) || !any_open(l))
        go_on(l);
}

/* The same question to the same server once more, in another way. */
static void try_again(struct try *t, enum try_state transport)
{
    if (!try_send(t, transport))
        try_over(t, 0);
    else if (t == latest(t->lookup))
        arm(t->lookup, try_time(t->lookup));
}

static void try_late(struct try *t, int64_t now)
{
    t->late = true;
    if (t->state == TRY_UDP)
        link_append(&t->lookup->exchange->late, &t->late_ring);
    t->lookup->sights |= SAW_TIMEOUT;
    metric_count(METRIC_UPSTREAM_TIMEOUTS);
    server_is_silent(t, now - t->sent);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct upstream_lookup *l = holder_of(timer, struct upstream_lookup, timer);
    struct try *t = l->used > 0 ? latest(l) : NULL;
    int64_t now = clock_mono_ms();
    if (t && t->state == TRY_UDP && t->case_changed && now < l->deadline) {
        try_again(t, TRY_TCP);
        return;
    }
    if (t && t->state != TRY_OVER && !t->late)
        try_late(t, now);
    if (now >= l->deadline)
        finish(l, reason_of(l->sights), BYTES_NONE);
    else
        go_on(l);
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

/* A reply that is not ours ends nothing: whoever can send packets could otherwise end lookups. */
static void on_bad(struct try *t, enum asked_verdict v)
{
    struct upstream_lookup *l = t->lookup;
    count_bad(v);
    if (v == ASKED_WRONG_CASE)
        t->case_changed = true;
    if (v == ASKED_GARBLED)
        l->sights |= SAW_GARBLED;
    if (++t->bad < EXCHANGE_BAD_MAX)
        return;
    if (t->state == TRY_UDP)
        try_again(t, TRY_TCP);
    else
        try_over(t, SAW_GARBLED);
}

/* What a reply tells about the server's ways. Only TCP is believed about case: its replies cannot be forged
 * blindly. */
static void learn(struct try *t, struct bytes reply)
{
    if (t->plain_asked)
        t->server->plain_until = clock_mono_ms() + SERVER_HABIT;
    if (t->case_changed && t->state == TRY_TCP && !asked_same_case(&t->lookup->asked, reply))
        t->server->tcp_until = clock_mono_ms() + SERVER_HABIT;
}

static void on_answer(struct try *t, uint8_t *reply, size_t len)
{
    learn(t, bytes_of(reply, len));
    asked_restore(&t->lookup->asked, reply, len);
    finish(t->lookup, REASON_OK, bytes_of(reply, len));
}

static void on_reply(struct try *t, enum asked_verdict v, uint8_t *reply, size_t len)
{
    if (v >= ASKED_WRONG_ID) {
        on_bad(t, v);
        return;
    }
    metric_count(METRIC_UPSTREAM_REPLIES);
    server_has_replied(t);
    if (v == ASKED_ANSWER) {
        on_answer(t, reply, len);
    } else if (v == ASKED_TRUNCATED && t->state == TRY_UDP) {
        metric_count(METRIC_UPSTREAM_TRUNCATED);
        try_again(t, TRY_TCP);
    } else if (v == ASKED_NO_EDNS && t->edns) {
        t->edns = false;
        t->plain_asked = true;
        try_again(t, t->state);
    } else {
        try_over(t, v == ASKED_REFUSED ? SAW_REFUSED : SAW_FAILED);
    }
}

static void on_udp_reply(struct udp_query *q, uint8_t *reply, size_t len)
{
    struct try *t = holder_of(q, struct try, udp);
    on_reply(t, asked_check(&t->lookup->asked, t->id, false, bytes_of(reply, len)), reply, len);
}

static void on_tcp_reply(struct tcp_query *q, uint8_t *reply, size_t len)
{
    struct try *t = holder_of(q, struct try, tcp);
    on_reply(t, asked_check(&t->lookup->asked, q->id, true, bytes_of(reply, len)), reply, len);
}

static void on_udp_failed(struct udp_query *q, int error)
{
    struct try *t = holder_of(q, struct try, udp);
    if (blames_server(error))
        server_is_silent(t, 0);
    try_over(t, 0);
}

static void on_tcp_failed(struct tcp_query *q)
{
    struct try *t = holder_of(q, struct try, tcp);
    server_is_silent(t, 0);
    try_over(t, 0);
}

/* --- beginning and end --- */

static struct upstream_lookup *new_lookup(struct exchange *x, const struct dns_query *q, unsigned tries)
{
    struct upstream_lookup *l = malloc(sizeof *l + tries * sizeof l->try[0]);
    if (!l)
        return NULL;
    *l = (struct upstream_lookup){.exchange = x, .tries = tries};
    asked_init(&l->asked, q);
    l->name_hash = hash_siphash(&x->hash, l->asked.name.wire, l->asked.name.len);
    l->deadline = clock_mono_ms() + x->total_timeout;
    ev_init(&l->timer, on_timer);
    link_append(&x->lookups, &l->ring);
    return l;
}

/* Asks a server on hold for the root's name servers, which any resolver knows: no client has to wait for it.
 */
static void probe(struct exchange *x, struct server *s)
{
    struct dns_query root = {.type = DNS_NS, .class = DNS_CLASS_IN, .name = {.len = 1, .wire = {0}}};
    struct upstream_lookup *l = new_lookup(x, &root, 1);
    if (!l)
        return;
    l->only = s;
    l->deadline = clock_mono_ms() + EXCHANGE_PROBE_TIME;
    go_on(l);
}

static void probe_those_due(struct exchange *x)
{
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < x->server_count; i++)
        if (server_probe_due(&x->servers[i], now))
            probe(x, &x->servers[i]);
}

struct upstream_lookup *exchange_start(struct exchange *x, const struct dns_query *q, upstream_done *done,
                                       void *self)
{
    struct upstream_lookup *l = new_lookup(x, q, x->tries);
    if (!l)
        return NULL;
    l->done = done;
    l->self = self;
    probe_those_due(x);
    go_on(l);
    return l;
}

void exchange_end(struct upstream_lookup *l, enum reason why)
{
    finish(l, why, BYTES_NONE);
}

void exchange_end_all(struct exchange *x, enum reason why)
{
    while (!link_empty(&x->lookups))
        finish(holder_of(x->lookups.next, struct upstream_lookup, ring), why, BYTES_NONE);
}
