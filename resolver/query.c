/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: see query.h. A question is answered on the stack when a cache or we ourselves have the answer;
 * only one that must wait is copied into its stream's arena (struct waiting). Every way out is a row of
 * reason.def. */
#include "resolver/query.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "resolver/cached.h"
#include "resolver/doh.h"
#include "resolver/net/rate.h"
#include "resolver/local.h"
#include "resolver/pending.h"
#include "resolver/rebinding.h"
#include "resolver/reply.h"
#include "resolver/snapshot.h"
#include "resolver/validator/validator.h"

/* Seconds between looks at the shared cache: commits, copies forward, others' rotations, a file to be tried
 * again. */
#define CACHE_TICK 0.1

struct engine {
    struct ev_loop *loop;
    const struct conf *conf;
    struct cached *cached;
    struct upstream *upstream;
    struct pending *pending;
    const struct anchors *anchors; /* these two: NULL if nothing is validated */
    struct validator *validator;
    struct rebinding *rebinding;
    struct snapshot *snapshot;
    const struct geoip *geoip;    /* NULL: countries are not told */
    struct rate *misses, *checks; /* by client network */
    ev_timer cache_timer;
    ev_check turn_begin;
    ev_prepare turn_end;
    struct bytes path;
    uint8_t message[HTTP_BODY_MAX];
    uint8_t block[ANSWER_BLOCK_MAX];
    uint8_t out[DNS_MSG_MAX];
};

/* A question that waits for a lookup. */
struct waiting {
    struct pending_waiter waiter;
    struct engine *engine;
    struct http_stream *stream;
    struct dns_query q;
    bool stale;           /* something older is at hand */
    struct bytes steered; /* DO=1: used unless the truth turns out to be signed */
    struct steer_text note;
};

static uint32_t engine_now(const struct engine *e)
{
    return (uint32_t)ev_now(e->loop);
}

static struct reply to(struct engine *e, struct http_stream *s, const struct dns_query *q)
{
    return (struct reply){s, q, engine_now(e), e->out};
}

/* LOCAL */

/* Local answer's block in e->block; 0 if the question is not ours to answer. */
static size_t local(struct engine *e, const struct dns_query *q)
{
    struct local_zone zone;
    if (local_find(q, &zone) &&
        (!zone.optional || (e->conf->local_zones && !upstream_forwards(e->upstream, q))))
        return local_answer(&zone, q, engine_now(e), e->block, sizeof e->block);
    return q->type == DNS_ANY ? local_any(q, engine_now(e), e->block, sizeof e->block) : 0;
}

static bool answer_locally(struct engine *e, struct http_stream *s, const struct dns_query *q)
{
    struct answer a;
    size_t n = local(e, q);
    if (!n || !answer_open(bytes_of(e->block, n), false, &a))
        return false;
    reply_answer(to(e, s, q), &a, REASON_LOCAL, HTTP_MAX_AGE);
    return true;
}

/* STEER */

/* Steered answer block for q in e->block, and its note; 0 if the truth is to be told. */
static size_t steer(struct engine *e, const struct http_stream *s, const struct dns_query *q,
                    struct steer_text *note)
{
    const struct view_site *site = snapshot_find(e->snapshot, q);
    struct steer_client client = {.ip = s->client};
    struct steer_decision d;
    if (!site)
        return 0;
    note->ours = true;
    geoip_country(e->geoip, &client.ip, client.country);
    if (e->geoip && !client.country[0])
        metric_count(METRIC_STEERED_UNPLACED);
    snapshot_decide(e->snapshot, site, &client, engine_now(e), &d);
    if (d.outcome == STEER_TRUTH) {
        metric_count(METRIC_STEERED_TRUTH);
        return 0;
    }
    steer_note(&d, note->text);
    note->empty = d.outcome == STEER_NODATA;
    return steer_answer(&d, q, engine_now(e), e->block, sizeof e->block);
}

/* CACHE */

/* The store of pending: every answer that came, once. */
static void keep(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer,
                 bool wanted)
{
    struct engine *e = self;
    cached_keep(e->cached, key, block, answer, wanted);
}

/* The inspection of pending. e->block is free: nothing waits in it for more than a call. */
static struct bytes inspect(void *self, const struct dns_query *q, const struct answer *answer,
                            struct bytes block)
{
    struct engine *e = self;
    if (rebinding_accepts(e->rebinding, &q->name, answer))
        return block;
    return bytes_of(e->block, rebinding_instead(e->rebinding, q, answer, e->block, sizeof e->block));
}

/* A DO=1 question whose truth is signed gets the truth: a validator would call ours forged. */
static void reply_truth(struct engine *e, struct http_stream *s, const struct dns_query *q,
                        struct bytes steered, const struct steer_text *note, const struct answer *truth,
                        enum reason why)
{
    if (steered.len && !(truth->head.flags & ANSWER_SIGNED)) {
        reply_steered(to(e, s, q), steered, note);
        return;
    }
    if (steered.len)
        metric_count(METRIC_STEERED_TRUTH);
    reply_answer(to(e, s, q), truth, why, note->ours ? HTTP_PRIVATE : HTTP_MAX_AGE);
}

/* ASK */

/* No answer came, or not yet: the caches may have one that will do. */
static bool make_do(struct waiting *x)
{
    struct engine *e = x->engine;
    struct answer_key key;
    struct answer a;
    if (!x->stale)
        return false;
    answer_key(&x->q, &key);
    enum cached_state state = cached_find_again(e->cached, &key, engine_now(e), &a);
    if (state == CACHED_NONE)
        return false;
    reply_truth(e, x->stream, &x->q, x->steered, &x->note, &a,
                state == CACHED_STALE ? REASON_STALE : REASON_CACHED);
    return true;
}

static void answered(struct pending_waiter *w, enum reason why, const struct answer *answer)
{
    struct waiting *x = (struct waiting *)w;
    struct engine *e = x->engine;
    if (answer)
        reply_truth(e, x->stream, &x->q, x->steered, &x->note, answer, why);
    else if (make_do(x))
        return;
    else if (x->steered.len)
        reply_steered(to(e, x->stream, &x->q), x->steered, &x->note);
    else
        reply_error(to(e, x->stream, &x->q), why);
}

static void charge(void *self, const struct ip *client, unsigned work)
{
    struct engine *e = self;
    rate_charge(e->checks, client, ev_now(e->loop), work);
}

/* What validating costs is known, and counted, afterwards. */
static bool may_validate(struct engine *e, const struct http_stream *s)
{
    if (rate_take(e->checks, &s->client, ev_now(e->loop), 0))
        return true;
    metric_count(METRIC_DNSSEC_LIMITED_CLIENT);
    return false;
}

/* Misses are what costs others something: upstreams, and the names under whose domain they are made up. */
static bool may_miss(struct engine *e, const struct http_stream *s)
{
    return may_validate(e, s) && rate_take(e->misses, &s->client, ev_now(e->loop), 1);
}

/* stale: an answer whose time is over is in the caches. */
static void ask(struct engine *e, struct http_stream *s, const struct dns_query *q,
                const struct answer_key *key, struct bytes steered, const struct steer_text *note, bool stale)
{
    struct waiting *x = http_alloc(s, sizeof *x);
    if (x) {
        *x = (struct waiting){.waiter = {.done = answered, .client = s->client},
                              .engine = e,
                              .stream = s,
                              .q = *q,
                              .stale = stale};
        x->q.question = arena_copy(&s->arena, q->question);
        x->steered = arena_copy(&s->arena, steered);
        x->note = *note;
    }
    if (!x || !x->q.question.data || !x->steered.data) {
        reply_error(to(e, s, q), REASON_NO_MEMORY);
        return;
    }
    pending_ask(e->pending, &x->q, key, stale ? PENDING_HASTY : PENDING_PATIENT, &x->waiter);
}

/* An answer whose time is over is told at once where waiting would bring no better one. */
static bool stale_at_once(struct engine *e, const struct http_stream *s, const struct dns_query *q,
                          const struct answer_key *key, bool may_ask)
{
    if (may_ask && !upstream_dead(e->upstream, q))
        return false;
    if (may_ask)
        pending_renew(e->pending, q, key, &s->client, true);
    return true;
}

/* A name above is known not to exist. Names on a list and names with servers of their own are none of the
 * denier's business. */
static bool answer_cut(struct engine *e, struct http_stream *s, const struct dns_query *q,
                       const struct answer_key *key)
{
    struct answer a;
    if (!cached_find_cut(e->cached, q, key, engine_now(e), e->block, &a))
        return false;
    reply_answer(to(e, s, q), &a, REASON_CACHED, HTTP_MAX_AGE);
    return true;
}

static bool may_cut(const struct engine *e, const struct dns_query *q)
{
    return e->conf->cache.cut != CONF_CUT_OFF && !upstream_forwards(e->upstream, q) &&
           !snapshot_has(e->snapshot, &q->name);
}

/* CACHE, then ASK. What is steered is told unless the truth is signed. */
static void tell_truth(struct engine *e, struct http_stream *s, const struct dns_query *q,
                       struct bytes steered, const struct steer_text *note)
{
    struct answer_key key;
    struct answer a;
    answer_key(q, &key);
    enum cached_state state = cached_find(e->cached, &key, engine_now(e), &a);
    if (state >= CACHED_FRESH) {
        reply_truth(e, s, q, steered, note, &a, REASON_CACHED);
        if (state == CACHED_DUE && may_validate(e, s))
            pending_renew(e->pending, q, &key, &s->client, false);
        return;
    }
    if (state == CACHED_NONE && may_cut(e, q) && answer_cut(e, s, q, &key))
        return;
    bool may_ask = may_miss(e, s);
    if (state == CACHED_STALE && stale_at_once(e, s, q, &key, may_ask))
        reply_truth(e, s, q, steered, note, &a, REASON_STALE);
    else if (may_ask)
        ask(e, s, q, &key, steered, note, state == CACHED_STALE);
    else
        reply_refused(to(e, s, q), REASON_RATE);
}

/* The steps of a question that parsed. raw: the path that never steers. */
static void resolve(struct engine *e, struct http_stream *s, const struct dns_query *q, bool raw)
{
    if (answer_locally(e, s, q))
        return;
    struct steer_text note = {.text = ""};
    struct bytes steered = bytes_of(e->block, raw ? 0 : steer(e, s, q, &note));
    if (steered.len && !(q->edns.dnssec_ok && e->conf->steering.dnssec == CONF_HONOUR))
        reply_steered(to(e, s, q), steered, &note);
    else
        tell_truth(e, s, q, steered, &note);
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
        resolve(e, s, &q, raw);
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
        resolve(e, s, &q, false);
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
    snapshot_refresh(e->snapshot, (int64_t)ev_now(loop));
}

static void turn_end(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)events;
    struct engine *e = w->data;
    cached_end_turn(e->cached);
}

static void on_cache_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    struct engine *e = w->data;
    cached_tick(e->cached, clock_mono_ms());
}

static void engine_watch(struct engine *e)
{
    ev_timer_init(&e->cache_timer, on_cache_timer, CACHE_TICK, CACHE_TICK);
    ev_check_init(&e->turn_begin, turn_begin);
    ev_set_priority(&e->turn_begin, EV_MAXPRI); /* before the turn's first request */
    ev_prepare_init(&e->turn_end, turn_end);
    e->cache_timer.data = e->turn_begin.data = e->turn_end.data = e;
    ev_check_start(e->loop, &e->turn_begin);
    ev_prepare_start(e->loop, &e->turn_end);
    ev_timer_start(e->loop, &e->cache_timer);
}

static void *ask_chain(void *self, const struct dns_query *q, chain_reply *replied, void *token)
{
    struct engine *e = self;
    return upstream_ask(e->upstream, q, replied, token);
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
    e->validator = validator_new(&(struct chain_options){
        .anchors = e->anchors, .ask = ask_chain, .cancel = cancel_chain, .now = chain_now, .self = e});
    return e->validator != NULL;
}

static bool engine_open(struct engine *e, const struct peers *peers, struct shm *shm)
{
    const struct conf *c = e->conf;
    e->rebinding = rebinding_new(c);
    e->cached = e->rebinding ? cached_new(c, shm, e->rebinding) : NULL;
    e->misses = rate_new(c->limits.miss_rate);
    e->checks = rate_new(c->limits.check_rate);
    e->snapshot = snapshot_new(c->state_dir, &shm->steering_generation);
    e->upstream = upstream_new(e->loop, c, peers);
    if (e->upstream && validate(e))
        e->pending = pending_new(e->loop, e->upstream,
                                 &(struct pending_options){.conf = c,
                                                           .store = keep,
                                                           .inspect = inspect,
                                                           .self = e,
                                                           .validator = e->validator,
                                                           .charge = charge});
    return e->cached && e->misses && e->checks && e->snapshot && e->pending;
}

struct engine *engine_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers,
                          struct shm *shm, const struct geoip *geoip, const struct anchors *anchors)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->loop = loop;
    e->conf = conf;
    e->geoip = geoip;
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
    pending_free(&e->pending);
    validator_free(&e->validator);
    upstream_free(&e->upstream);
    ev_check_stop(e->loop, &e->turn_begin);
    ev_prepare_stop(e->loop, &e->turn_end);
    ev_timer_stop(e->loop, &e->cache_timer);
    snapshot_free(&e->snapshot);
    cached_free(&e->cached, clean);
    rebinding_free(&e->rebinding);
    rate_free(&e->misses);
    rate_free(&e->checks);
    free(e);
}

void engine_cache_usage(struct engine *e, struct cache_usage *out)
{
    cached_usage(e->cached, out);
}

const struct view *engine_view(const struct engine *e)
{
    return snapshot_view(e->snapshot);
}

unsigned engine_upstreams(struct engine *e, struct upstream_state *out, unsigned cap)
{
    return upstream_states(e->upstream, out, cap);
}
