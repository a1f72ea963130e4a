/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookups and their tries: see exchange.h.
 *
 * A lookup has one timer: for its next try, for the end of an open one's time, or for its own end. It ends
 * without an answer only in that timer, so nothing here calls `done` before exchange_start has returned. */
#include "resolver/exchange.h"

#include <errno.h>
#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"

enum try_state { TRY_OVER, TRY_UDP, TRY_STREAM };
static const enum transport transport_of[] = {[TRY_UDP] = OVER_UDP, [TRY_STREAM] = OVER_STREAM};

/* What went wrong in a lookup so far. */
enum sight { SAW_FAILED = 1, SAW_REFUSED = 2, SAW_GARBLED = 4, SAW_TIMEOUT = 8 };

struct
try {
    struct upstream_lookup *lookup;
    struct server *server;
    struct udp_query udp;
    struct stream_query stream;
    struct link late_ring;
    enum try_state state;
    bool escalated; /* over TCP because UDP brought nothing: that this fails too says nothing about UDP */
    bool excluded;  /* the server is out of this lookup */
    bool hedge;     /* asked while another try was not yet late */
    int64_t sent;   /* monotonic ms */
    int64_t due;    /* when it is late */
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
    const struct server_group *group;
    struct server *only; /* a probe or exploration of this server; else NULL */
    bool all_held;       /* every server was on hold when it began */
    struct asked asked;
    uint64_t name_hash;
    upstream_done *done;
    void *self;
    struct ev_timer timer;
    int64_t deadline; /* monotonic ms */
    int64_t next_at;  /* when the next try begins */
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
    else if (t->state == TRY_STREAM)
        stream_cancel(&t->stream);
    link_remove(&t->late_ring);
    t->state = TRY_OVER;
}

static enum reason reason_of(const struct upstream_lookup *l)
{
    unsigned sights = l->sights;
    if (sights & SAW_FAILED)
        return REASON_UPSTREAM_SERVFAIL;
    if (sights & SAW_REFUSED)
        return REASON_UPSTREAM_REFUSED;
    if (sights & SAW_GARBLED)
        return REASON_UPSTREAM_BOGUS;
    return sights & SAW_TIMEOUT && !l->all_held ? REASON_UPSTREAM_TIMEOUT : REASON_UPSTREAM_DEAD;
}

/* The tries that another's answer came before: theirs would have taken longer. */
static void note_outrun(const struct upstream_lookup *l, int64_t now)
{
    for (unsigned i = 0; i < l->used; i++) {
        const struct try *t = &l->try[i];
        if (t->state != TRY_OVER && !t->late)
            path_outrun(&t->server->path[transport_of[t->state]], now - t->sent);
    }
}

/* reply may stand in a buffer of a transport: those outlive the lookup. */
static void finish(struct upstream_lookup *l, enum reason why, struct bytes reply)
{
    for (unsigned i = 0; i < l->used; i++)
        close_try(&l->try[i]);
    if (l->only)
        l->only->probed = false;
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

static void server_is_silent(struct try *t, enum try_state over)
{
    struct upstream_lookup *l = t->lookup;
    if (!server_timed_out(t->server, transport_of[over], l->name_hash, clock_mono_ms()))
        return;
    metric_count(METRIC_UPSTREAM_DEAD);
    log_server(LOG_LEVEL_WARN, "upstream.dead", t->server);
}

static void server_has_replied(struct try *t)
{
    int64_t now = clock_mono_ms();
    bool cold = t->state == TRY_STREAM && t->stream.cold;
    if (server_replied(t->server, transport_of[t->state], now - t->sent, cold, now))
        log_server(LOG_LEVEL_INFO, "upstream.alive", t->server);
}

/* --- a try --- */

/* 0 or errno. */
static int send_udp(struct try *t)
{
    uint8_t message[ASKED_MAX];
    t->id = random_u16();
    size_t len = asked_write(&t->lookup->asked, &(struct asked_form){.id = t->id, .edns = t->edns}, message);
    int error = udp_send(&t->lookup->exchange->udp, &t->udp, &t->server->address, bytes_of(message, len));
    if (error)
        return error;
    t->state = TRY_UDP;
    metric_count(METRIC_UPSTREAM_QUERIES_UDP);
    return 0;
}

static int send_stream(struct try *t)
{
    t->stream.asked = &t->lookup->asked;
    t->stream.edns = t->edns;
    if (!stream_ask(t->server->stream, &t->stream))
        return EAGAIN; /* our own limits: says nothing about the server */
    t->state = TRY_STREAM;
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

/* Doubles with every round over the servers. */
static int64_t try_time(const struct upstream_lookup *l)
{
    unsigned round = l->only ? 0 : (l->used - 1) / l->group->count;
    return l->exchange->try_timeout << (round < 8 ? round : 8);
}

static bool try_send(struct try *t, enum try_state over)
{
    close_try(t);
    make_room(t->lookup->exchange);
    t->sent = clock_mono_ms();
    t->due = t->sent + try_time(t->lookup);
    t->bad = 0;
    t->server->queries++;
    int error = over == TRY_STREAM ? send_stream(t) : send_udp(t);
    if (blames_server(error))
        server_is_silent(t, over);
    return error == 0;
}

/* --- the lookup's course --- */

static void arm(struct upstream_lookup *l)
{
    struct ev_loop *loop = l->exchange->udp.loop;
    int64_t at = l->next_at < l->deadline ? l->next_at : l->deadline;
    for (unsigned i = 0; i < l->used; i++)
        if (l->try[i].state != TRY_OVER && !l->try[i].late && l->try[i].due < at)
            at = l->try[i].due;
    int64_t left = at - clock_mono_ms();
    ev_timer_stop(loop, &l->timer);
    ev_timer_set(&l->timer, left > 0 ? (double)left / 1000 : 0.0, 0.0);
    ev_timer_start(loop, &l->timer);
}

/* One for each server of the group, in its order. */
static void list_candidates(const struct upstream_lookup *l, struct candidate list[SERVERS_MAX])
{
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < l->group->count; i++) {
        const struct server *s = l->group->server[i];
        list[i] = (struct candidate){&s->path[server_transport(s, now)], 0, s->on_hold};
        for (unsigned j = 0; j < l->used; j++) {
            if (l->try[j].server != s || list[i].asked == SELECT_EXCLUDED)
                continue;
            list[i].asked = l->try[j].excluded ? SELECT_EXCLUDED : list[i].asked + 1;
        }
    }
}

static struct server *choose(struct upstream_lookup *l)
{
    struct candidate list[SERVERS_MAX];
    if (l->only)
        return l->only;
    list_candidates(l, list);
    int i = select_best(list, l->group->count);
    return i < 0 ? NULL : l->group->server[i];
}

/* Is there a server that this lookup has not asked? One on hold is worth a hedge only if all are. */
static bool has_another(const struct upstream_lookup *l)
{
    struct candidate list[SERVERS_MAX];
    if (l->only || l->used >= l->tries)
        return false;
    list_candidates(l, list);
    for (unsigned i = 0; i < l->group->count; i++)
        if (list[i].asked == 0 && (!list[i].held || l->all_held))
            return true;
    return false;
}

static void on_udp_reply(struct udp_query *q, uint8_t *reply, size_t len);
static void on_udp_failed(struct udp_query *q, int error);
static void on_stream_reply(struct stream_query *q, uint8_t *reply, size_t len);
static void on_stream_failed(struct stream_query *q);

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
    bool escalate = !s->encrypted && times_asked(l, s) % EXCHANGE_TCP_EVERY == EXCHANGE_TCP_EVERY - 1;
    struct try *t = &l->try[l->used++];
    *t = (struct try){.lookup = l, .server = s, .edns = now >= s->plain_until, .escalated = escalate};
    link_init(&t->late_ring);
    t->udp.reply = on_udp_reply;
    t->udp.failed = on_udp_failed;
    t->stream.reply = on_stream_reply;
    t->stream.failed = on_stream_failed;
    if (try_send(t, escalate || server_transport(s, now) == OVER_STREAM ? TRY_STREAM : TRY_UDP))
        return true;
    t->excluded = !escalate;
    return false;
}

static bool any_open(const struct upstream_lookup *l, bool late)
{
    for (unsigned i = 0; i < l->used; i++)
        if (l->try[i].state != TRY_OVER && (late || !l->try[i].late))
            return true;
    return false;
}

/* When to ask on if the latest try stays without an answer. */
static void plan_next(struct upstream_lookup *l)
{
    const struct try *t = latest(l);
    int64_t hedge = t->sent + path_hedge(&t->server->path[transport_of[t->state]]);
    l->next_at = hedge < t->due && has_another(l) ? hedge : t->due;
    arm(l);
}

/* The next try; if there is none to be had, waits for the open ones as long as there is time, or ends. */
static void go_on(struct upstream_lookup *l)
{
    struct server *s;
    while (l->used < l->tries && (s = choose(l)))
        if (try_start(l, s)) {
            plan_next(l);
            return;
        }
    l->next_at = INT64_MAX;
    if (!any_open(l, true))
        l->deadline = 0;
    arm(l);
}

/* Asks others as well, until one of them is a server that has lately answered. */
static void hedge(struct upstream_lookup *l)
{
    for (int i = 0; i < EXCHANGE_HEDGE_WIDTH; i++) {
        unsigned before = l->used;
        go_on(l);
        if (l->used == before || latest(l)->state == TRY_OVER)
            return;
        latest(l)->hedge = true;
        metric_count(METRIC_UPSTREAM_HEDGED);
        const struct server *s = latest(l)->server;
        int64_t now = clock_mono_ms();
        if (path_proven(&s->path[server_transport(s, now)], now) || !has_another(l))
            return;
    }
}

/* The try has failed for good. */
static void try_over(struct try *t, unsigned sight)
{
    struct upstream_lookup *l = t->lookup;
    close_try(t);
    t->excluded = sight != 0 || !t->escalated;
    l->sights |= sight;
    if (!any_open(l, false))
        go_on(l);
}

/* The same question to the same server once more, in another way. */
static void try_again(struct try *t, enum try_state over)
{
    if (!try_send(t, over))
        try_over(t, 0);
    else if (t == latest(t->lookup))
        plan_next(t->lookup);
}

static void try_late(struct try *t)
{
    t->late = true;
    if (t->state == TRY_UDP)
        link_append(&t->lookup->exchange->late, &t->late_ring);
    t->lookup->sights |= SAW_TIMEOUT;
    metric_count(METRIC_UPSTREAM_TIMEOUTS);
    server_is_silent(t, t->state);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct upstream_lookup *l = holder_of(timer, struct upstream_lookup, timer);
    struct try *t = l->used > 0 ? latest(l) : NULL;
    int64_t now = clock_mono_ms();
    if (t && t->state == TRY_UDP && t->case_changed && now >= l->next_at && now < l->deadline) {
        try_again(t, TRY_STREAM);
        return;
    }
    for (unsigned i = 0; i < l->used; i++)
        if (l->try[i].state != TRY_OVER && !l->try[i].late && now >= l->try[i].due)
            try_late(&l->try[i]);
    if (now >= l->deadline)
        finish(l, reason_of(l), BYTES_NONE);
    else if (now >= l->next_at && any_open(l, false))
        hedge(l);
    else if (now >= l->next_at)
        go_on(l);
    else
        arm(l);
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
        try_again(t, TRY_STREAM);
    else
        try_over(t, SAW_GARBLED);
}

/* What a reply tells about the server's ways. Only TCP is believed about case: its replies cannot be forged
 * blindly. */
static void learn(struct try *t, struct bytes reply)
{
    if (t->plain_asked)
        t->server->plain_until = clock_mono_ms() + SERVER_HABIT;
    if (t->case_changed && t->state == TRY_STREAM && !asked_same_case(&t->lookup->asked, reply))
        t->server->tcp_until = clock_mono_ms() + SERVER_HABIT;
}

static void on_answer(struct try *t, uint8_t *reply, size_t len)
{
    learn(t, bytes_of(reply, len));
    asked_restore(&t->lookup->asked, reply, len);
    if (t->hedge)
        metric_count(METRIC_UPSTREAM_HEDGE_WON);
    close_try(t);
    note_outrun(t->lookup, clock_mono_ms());
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
        try_again(t, TRY_STREAM);
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

static void on_stream_reply(struct stream_query *q, uint8_t *reply, size_t len)
{
    struct try *t = holder_of(q, struct try, stream);
    on_reply(t, asked_check(&t->lookup->asked, q->id, true, bytes_of(reply, len)), reply, len);
}

static void on_udp_failed(struct udp_query *q, int error)
{
    struct try *t = holder_of(q, struct try, udp);
    if (blames_server(error))
        server_is_silent(t, TRY_UDP);
    try_over(t, 0);
}

static void on_stream_failed(struct stream_query *q)
{
    struct try *t = holder_of(q, struct try, stream);
    server_is_silent(t, TRY_STREAM);
    try_over(t, 0);
}

/* --- beginning and end --- */

static struct upstream_lookup *new_lookup(struct exchange *x, const struct server_group *group,
                                          const struct dns_query *q, unsigned tries)
{
    struct upstream_lookup *l = malloc(sizeof *l + tries * sizeof l->try[0]);
    if (!l)
        return NULL;
    *l = (struct upstream_lookup){.exchange = x, .group = group, .tries = tries};
    asked_init(&l->asked, q);
    l->name_hash = hash_siphash(&x->hash, l->asked.name.wire, l->asked.name.len);
    l->deadline = clock_mono_ms() + x->total_timeout;
    ev_init(&l->timer, on_timer);
    link_append(&x->lookups, &l->ring);
    return l;
}

/* A lookup of one try that nobody waits for; at most one for each server. */
static bool ask_beside(struct exchange *x, struct server *s, const struct dns_query *q)
{
    if (s->probed || x->udp.open >= x->udp.max / 2)
        return false;
    struct upstream_lookup *l = new_lookup(x, NULL, q, 1);
    if (!l)
        return false;
    l->only = s;
    s->probed = true;
    l->deadline = clock_mono_ms() + EXCHANGE_PROBE_TIME;
    go_on(l);
    return true;
}

/* Asks servers on hold for the root's name servers, which any resolver knows. */
static void probe_those_due(struct exchange *x)
{
    static const struct dns_query root = {.type = DNS_NS, .class = DNS_CLASS_IN, .name = {.len = 1}};
    int64_t now = clock_mono_ms();
    for (unsigned i = 0; i < x->server_count; i++)
        if (server_probe_due(&x->servers[i], now) && ask_beside(x, &x->servers[i], &root))
            metric_count(METRIC_UPSTREAM_PROBED);
}

/* The question that l asks of best goes to another server, too, now and then. */
static void explore(struct upstream_lookup *l, const struct dns_query *q)
{
    struct candidate list[SERVERS_MAX];
    list_candidates(l, list);
    int best = select_best(list, l->group->count);
    int i = select_explored(list, l->group->count, best, random_below(UINT32_MAX));
    if (i >= 0 && ask_beside(l->exchange, l->group->server[i], q))
        metric_count(METRIC_UPSTREAM_EXPLORED);
}

static bool all_held(const struct server_group *g)
{
    for (unsigned i = 0; i < g->count; i++)
        if (!g->server[i]->on_hold)
            return false;
    return true;
}

struct upstream_lookup *exchange_start(struct exchange *x, const struct server_group *group,
                                       const struct dns_query *q, upstream_done *done, void *self)
{
    struct upstream_lookup *l = new_lookup(x, group, q, x->tries);
    if (!l)
        return NULL;
    l->done = done;
    l->self = self;
    l->all_held = all_held(group);
    if (l->all_held)
        l->deadline = clock_mono_ms() + x->try_timeout;
    else
        explore(l, q);
    probe_those_due(x);
    go_on(l);
    if (l->all_held)
        hedge(l); /* whichever is back first: there is no time to ask one after the other */
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
