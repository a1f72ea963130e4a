/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: see engine.h. */
#include "resolver/engine.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/metric.h"
#include "resolver/doh.h"
#include "resolver/query.h"
#include "resolver/rebinding.h"
#include "resolver/reply.h"
#include "resolver/validator/validator.h"

/* Seconds between looks at the shared cache: commits, copies forward, others' rotations, a file to be tried
 * again. */
#define CACHE_TICK 0.1

struct engine {
    struct query_env q;
    struct guard *guard;
    const struct anchors *anchors; /* these two: NULL if nothing is validated */
    struct validator *validator;
    struct rebinding *rebinding;
    ev_timer cache_timer;
    ev_check turn_begin;
    ev_prepare turn_end;
    struct bytes path;
    uint8_t message[HTTP_BODY_MAX];
};

static uint32_t engine_now(const struct engine *e)
{
    return (uint32_t)ev_now(e->q.loop);
}

static struct reply to(struct engine *e, struct http_stream *s, const struct dns_query *q)
{
    return (struct reply){s, q, engine_now(e), e->q.out};
}

/* What pending asks of us */

/* The store of pending: every answer that came, once. */
static void keep(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer,
                 bool wanted)
{
    struct engine *e = self;
    cached_keep(e->q.cached, key, block, answer, wanted);
}

/* The inspection of pending. */
static struct bytes inspect(void *self, const struct dns_query *q, const struct answer *answer,
                            struct bytes block)
{
    struct engine *e = self;
    if (rebinding_accepts(e->rebinding, &q->name, answer))
        return block;
    return bytes_of(e->q.block, rebinding_instead(e->rebinding, q, answer, e->q.block, sizeof e->q.block));
}

static void charge(void *self, const struct ip *client, unsigned work)
{
    struct engine *e = self;
    rate_charge(e->q.checks, client, ev_now(e->q.loop), work);
}

/* Requests */

static void serve_dns(struct engine *e, struct http_stream *s, const struct http_request *r, bool raw)
{
    struct bytes message;
    struct dns_query q;
    enum reason why = doh_message(r, e->message, &message);
    if (why == REASON_OK)
        why = query_parse(message, &q);
    /* Connections are HTTP's affair (RFC 8484 says nothing else). */
    q.edns.keepalive = false;
    if (why == REASON_OK)
        query_resolve(&e->q, s, &q, raw);
    else if (reason_row(why)->http == 200)
        reply_error(to(e, s, &q), why);
    else
        reply_refused(to(e, s, &q), why);
}

void engine_message(struct engine *e, struct http_stream *s, struct bytes message, enum reason refused)
{
    struct dns_query q;
    enum reason why = query_parse(message, &q);
    q.edns.idle = s->idle;
    if (why == REASON_HTTP_BAD_DNS)
        http_fail(s, why, NULL);
    else if (why != REASON_OK || refused != REASON_OK)
        reply_error(to(e, s, &q), refused != REASON_OK ? refused : why);
    else
        query_resolve(&e->q, s, &q, false);
}

bool engine_request(struct engine *e, struct http_stream *s, const struct http_request *r)
{
    if (!bytes_starts_with(r->path, e->path))
        return false;
    struct bytes rest = bytes_of(r->path.data + e->path.len, r->path.len - e->path.len);
    bool raw = bytes_equal(rest, BYTES_LIT("/raw"));
    if (rest.len != 0 && !raw)
        return false;
    serve_dns(e, s, r, raw);
    return true;
}

/* Turns of the loop */

static void turn_begin(struct ev_loop *loop, ev_check *w, int events)
{
    (void)events;
    struct engine *e = w->data;
    metric_count(METRIC_LOOP_TURNS);
    snapshot_refresh(e->q.snapshot, (int64_t)ev_now(loop));
}

static void turn_end(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)events;
    struct engine *e = w->data;
    cached_end_turn(e->q.cached);
}

static void on_cache_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    struct engine *e = w->data;
    cached_tick(e->q.cached, clock_mono_ms());
}

static void engine_watch(struct engine *e)
{
    ev_timer_init(&e->cache_timer, on_cache_timer, CACHE_TICK, CACHE_TICK);
    ev_check_init(&e->turn_begin, turn_begin);
    ev_set_priority(&e->turn_begin, EV_MAXPRI); /* before the turn's first request */
    ev_prepare_init(&e->turn_end, turn_end);
    e->cache_timer.data = e->turn_begin.data = e->turn_end.data = e;
    ev_check_start(e->q.loop, &e->turn_begin);
    ev_prepare_start(e->q.loop, &e->turn_end);
    ev_timer_start(e->q.loop, &e->cache_timer);
}

static void *ask_chain(void *self, const struct dns_query *q, struct hearing *hearing, chain_reply *replied,
                       void *token)
{
    struct engine *e = self;
    return upstream_ask(e->q.upstream, q, hearing, replied, token);
}

static void refute(void *self, uint64_t servers)
{
    struct engine *e = self;
    upstream_refuted(e->q.upstream, servers);
}

static void cancel_chain(void *self, void *asked)
{
    struct upstream_lookup *l = asked;
    (void)self;
    upstream_cancel(&l);
}

static uint32_t chain_now(void *self)
{
    return engine_now(self);
}

static bool validate(struct engine *e)
{
    if (!e->anchors)
        return true;
    e->validator = validator_new(&(struct chain_options){.anchors = e->anchors,
                                                         .ask = ask_chain,
                                                         .refuted = refute,
                                                         .cancel = cancel_chain,
                                                         .now = chain_now,
                                                         .self = e});
    return e->validator != NULL;
}

static bool engine_open(struct engine *e, const struct peers *peers, struct shm *shm)
{
    const struct conf *c = e->q.conf;
    e->rebinding = rebinding_new(c);
    e->q.cached = e->rebinding ? cached_new(c, shm, e->rebinding) : NULL;
    e->q.misses = rate_new(c->limits.miss_rate);
    e->q.checks = rate_new(c->limits.check_rate);
    e->q.domain_misses = rate_new(c->limits.domain_miss_rate);
    e->guard = c->limits.domain_miss_rate ? guard_new(NULL, 0) : NULL;
    e->q.guard = e->guard;
    e->q.snapshot = snapshot_new(c->state_dir, &shm->steering_generation);
    e->q.upstream = upstream_new(e->q.loop, c, peers);
    if (e->q.upstream && validate(e))
        e->q.pending = pending_new(e->q.loop, e->q.upstream,
                                   &(struct pending_options){.conf = c,
                                                             .store = keep,
                                                             .inspect = inspect,
                                                             .self = e,
                                                             .validator = e->validator,
                                                             .charge = charge});
    return e->q.cached && e->q.misses && e->q.checks && e->q.domain_misses && e->q.snapshot && e->q.pending;
}

struct engine *engine_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers,
                          struct shm *shm, const struct geoip *geoip, const struct anchors *anchors)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->q.loop = loop;
    e->q.conf = conf;
    e->q.geoip = geoip;
    e->anchors = anchors;
    e->path = bytes_str(conf->http.path);
    engine_watch(e);
    if (!engine_open(e, peers, shm))
        engine_free(&e, false);
    return e;
}

void engine_free(struct engine **engine, bool clean)
{
    struct engine *e = *engine;
    *engine = NULL;
    pending_free(&e->q.pending);
    validator_free(&e->validator);
    upstream_free(&e->q.upstream);
    ev_check_stop(e->q.loop, &e->turn_begin);
    ev_prepare_stop(e->q.loop, &e->turn_end);
    ev_timer_stop(e->q.loop, &e->cache_timer);
    snapshot_free(&e->q.snapshot);
    cached_free(&e->q.cached, clean);
    rebinding_free(&e->rebinding);
    rate_free(&e->q.misses);
    rate_free(&e->q.checks);
    rate_free(&e->q.domain_misses);
    guard_free(&e->guard);
    free(e);
}

void engine_cache_usage(struct engine *e, struct cache_usage *out)
{
    cached_usage(e->q.cached, out);
}

const struct view *engine_view(const struct engine *e)
{
    return snapshot_view(e->q.snapshot);
}

unsigned engine_upstreams(struct engine *e, struct upstream_state *out, unsigned cap)
{
    return upstream_states(e->q.upstream, out, cap);
}
