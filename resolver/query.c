/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The engine: see query.h. A question is answered on the stack when a cache or we ourselves have the answer;
 * only one that must wait is copied into its stream's arena (struct waiting). Every way out is a row of
 * reason.def. */
#include "resolver/query.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "resolver/doh.h"
#include "resolver/net/rate.h"
#include "resolver/local.h"
#include "resolver/pcache.h"
#include "resolver/pending.h"
#include "resolver/rebinding.h"
#include "resolver/snapshot.h"
#include "resolver/validator/validator.h"

/* Seconds between looks at the shared cache: commits, copies forward, others' rotations, a file to be tried
 * again. */
#define CACHE_TICK 0.1

struct engine {
    struct ev_loop *loop;
    const struct conf *conf;
    struct pcache *pcache;
    struct cache *cache;
    struct upstream *upstream;
    struct pending *pending;
    struct anchors *anchors; /* these two: NULL if nothing is validated */
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

/* What steering knows of a question beside its answer. */
struct steer_text {
    char text[96]; /* for the EDE of a steered answer: "list demo version 7" */
    bool empty;    /* the outlet chose no answer while all mirrors are down */
    bool ours;     /* another client may be answered otherwise, even where this one gets the truth */
};

/* A question that waits for a lookup. */
struct waiting {
    struct pending_waiter waiter;
    struct engine *engine;
    struct http_stream *stream;
    struct dns_query q;
    struct bytes steered; /* DO=1: used unless the truth turns out to be signed */
    struct steer_text note;
};

/* How an answer leaves: what HTTP caches and the EDE are told. */
struct manner {
    enum reason why;
    enum http_cache cache;
    struct answer_note note;
};

static uint32_t engine_now(const struct engine *e)
{
    return (uint32_t)ev_now(e->loop);
}

static void reply_error(struct engine *e, struct http_stream *s, const struct dns_query *q, enum reason why)
{
    size_t n = answer_error(q, why, e->out, sizeof e->out);
    metric_reason(why);
    doh_respond(s, bytes_of(e->out, n), HTTP_NO_STORE, 0);
}

/* An answer within a few bytes of 65535 has no room for OPT: it goes without, rather than not at all. */
static size_t render(struct engine *e, const struct answer *a, const struct dns_query *q,
                     const struct answer_note *note)
{
    size_t n = answer_render(a, q, engine_now(e), note, e->out, sizeof e->out);
    if (n)
        return n;
    struct dns_query bare = *q;
    bare.edns.present = false;
    return answer_render(a, &bare, engine_now(e), NULL, e->out, sizeof e->out);
}

static void reply(struct engine *e, struct http_stream *s, const struct dns_query *q, const struct answer *a,
                  const struct manner *m)
{
    size_t n = render(e, a, q, m->note.ede >= 0 ? &m->note : NULL);
    metric_reason(m->why);
    doh_respond(s, bytes_of(e->out, n), m->cache, answer_ttl_left(a, engine_now(e)));
}

static struct manner plain_manner(enum reason why)
{
    return (struct manner){.why = why, .cache = HTTP_MAX_AGE, .note = {.ede = -1}};
}

static struct manner filtered_manner(void)
{
    const struct reason_row *row = reason_row(REASON_REBINDING);
    return (struct manner){
        .why = REASON_REBINDING, .cache = HTTP_MAX_AGE, .note = {.ede = row->ede, .text = row->text}};
}

static void reply_plain(struct engine *e, struct http_stream *s, const struct dns_query *q,
                        const struct answer *a, enum reason why)
{
    struct manner m = plain_manner(why);
    if (a->head.flags & ANSWER_FILTERED)
        m = filtered_manner();
    reply(e, s, q, a, &m);
}

static void reply_steered(struct engine *e, struct http_stream *s, const struct dns_query *q,
                          struct bytes block, const struct steer_text *note)
{
    enum reason why = note->empty ? REASON_STEERED_EMPTY : REASON_STEERED;
    struct answer a;
    if (!answer_open(block, false, &a)) {
        reply_error(e, s, q, REASON_NO_MEMORY);
        return;
    }
    struct manner m = {
        .why = why, .cache = HTTP_PRIVATE, .note = {.ede = reason_row(why)->ede, .text = note->text}};
    metric_count(a.head.flags & ANSWER_NEGATIVE ? METRIC_STEERED_NODATA : METRIC_STEERED_MIRROR);
    reply(e, s, q, &a, &m);
}

/* LOCAL */

/* Local answer's block in e->block; 0 if the question is not ours to answer. */
static size_t local(struct engine *e, const struct dns_query *q)
{
    struct local_zone zone;
    if (local_find(q, &zone) && (!zone.optional || e->conf->local_zones))
        return local_answer(&zone, q, engine_now(e), e->block, sizeof e->block);
    return q->type == DNS_ANY ? local_any(q, engine_now(e), e->block, sizeof e->block) : 0;
}

static bool answer_locally(struct engine *e, struct http_stream *s, const struct dns_query *q)
{
    struct answer a;
    size_t n = local(e, q);
    if (!n || !answer_open(bytes_of(e->block, n), false, &a))
        return false;
    reply_plain(e, s, q, &a, REASON_LOCAL);
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

static bool from_shared_cache(struct engine *e, const struct answer_key *key, struct answer *a)
{
    struct bytes block;
    if (!cache_get(e->cache, bytes_of(key->data, key->len), &block))
        return false;
    if (!answer_open(block, true, a) || answer_ttl_left(a, engine_now(e)) == 0)
        return false;
    /* From before a reload: asked, but not judged as we do now. */
    struct dns_name name = {.len = (uint8_t)(key->len - ANSWER_KEY_REST)};
    memcpy(name.wire, key->data, name.len);
    if (!rebinding_accepts(e->rebinding, &name, a))
        return false;
    bool unchecked = !(a->head.flags & ANSWER_CHECKED) && !(key->data[key->len - 1] & ANSWER_KEY_CD);
    if (unchecked && e->conf->dnssec.mode == CONF_VALIDATE)
        return false;
    pcache_put(e->pcache, key, block);
    metric_count(METRIC_CACHE_HIT_STORE);
    return true;
}

static bool from_cache(struct engine *e, const struct answer_key *key, struct answer *a)
{
    if (pcache_get(e->pcache, key, engine_now(e), a)) {
        metric_count(METRIC_CACHE_HIT_PACKET);
        return true;
    }
    if (from_shared_cache(e, key, a))
        return true;
    metric_count(METRIC_CACHE_MISS);
    return false;
}

/* The store of pending: every answer that came, once. One without a lifetime is for its waiters alone. */
static void keep(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer)
{
    struct engine *e = self;
    if (answer->head.ttl == 0)
        return;
    pcache_put(e->pcache, key, block);
    cache_put(e->cache, bytes_of(key->data, key->len), block);
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
        reply_steered(e, s, q, steered, note);
        return;
    }
    if (steered.len)
        metric_count(METRIC_STEERED_TRUTH);
    struct manner m = plain_manner(why);
    if (note->ours)
        m.cache = HTTP_PRIVATE;
    reply(e, s, q, truth, &m);
}

/* ASK */

static void answered(struct pending_waiter *w, enum reason why, const struct answer *answer)
{
    struct waiting *x = (struct waiting *)w;
    struct engine *e = x->engine;
    if (answer)
        reply_truth(e, x->stream, &x->q, x->steered, &x->note, answer, why);
    else if (x->steered.len)
        reply_steered(e, x->stream, &x->q, x->steered, &x->note);
    else
        reply_error(e, x->stream, &x->q, why);
}

/* Where there is no HTTP to say it, the RCODE does. */
static void refuse(struct engine *e, struct http_stream *s, const struct dns_query *q, enum reason why)
{
    if (s->protocol->dns)
        reply_error(e, s, q, why);
    else
        http_fail(s, why, why == REASON_HTTP_METHOD ? DOH_ALLOW : NULL);
}

static void charge(void *self, const struct ip *client, unsigned work)
{
    struct engine *e = self;
    rate_charge(e->checks, client, ev_now(e->loop), work);
}

/* Misses are what costs others something: upstreams, and the names under whose domain they are made up. */
static bool may_miss(struct engine *e, const struct http_stream *s)
{
    double now = ev_now(e->loop);
    /* What validating costs is known, and counted, afterwards. */
    if (!rate_take(e->checks, &s->client, now, 0)) {
        metric_count(METRIC_DNSSEC_LIMITED_CLIENT);
        return false;
    }
    return rate_take(e->misses, &s->client, now, 1);
}

static void ask(struct engine *e, struct http_stream *s, const struct dns_query *q,
                const struct answer_key *key, struct bytes steered, const struct steer_text *note)
{
    if (!may_miss(e, s)) {
        refuse(e, s, q, REASON_RATE);
        return;
    }
    struct waiting *x = http_alloc(s, sizeof *x);
    if (x) {
        *x = (struct waiting){
            .waiter = {.done = answered, .client = s->client}, .engine = e, .stream = s, .q = *q};
        x->q.question = arena_copy(&s->arena, q->question);
        x->steered = arena_copy(&s->arena, steered);
        x->note = *note;
    }
    if (!x || !x->q.question.data || !x->steered.data) {
        reply_error(e, s, q, REASON_NO_MEMORY);
        return;
    }
    pending_ask(e->pending, &x->q, key, &x->waiter);
}

/* The steps of a question that parsed. raw: the path that never steers. */
static void resolve(struct engine *e, struct http_stream *s, const struct dns_query *q, bool raw)
{
    if (answer_locally(e, s, q))
        return;
    struct steer_text note = {.text = ""};
    struct bytes steered = bytes_of(e->block, raw ? 0 : steer(e, s, q, &note));
    if (steered.len && !(q->edns.dnssec_ok && e->conf->steering.dnssec == CONF_HONOUR)) {
        reply_steered(e, s, q, steered, &note);
        return;
    }
    struct answer_key key;
    struct answer a;
    answer_key(q, &key);
    if (from_cache(e, &key, &a))
        reply_truth(e, s, q, steered, &note, &a, REASON_CACHED);
    else
        ask(e, s, q, &key, steered, &note);
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
        reply_error(e, s, &q, why);
    else
        refuse(e, s, &q, why);
}

void engine_message(struct engine *e, struct http_stream *s, struct bytes message, enum reason refused)
{
    struct dns_query q;
    enum reason why = query_parse(message, &q);
    q.edns.idle = s->idle;
    if (why == REASON_HTTP_BAD_DNS)
        http_fail(s, why, NULL);
    else if (why != REASON_OK || refused != REASON_OK)
        reply_error(e, s, &q, refused != REASON_OK ? refused : why);
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
    cache_end(e->cache);
}

static void on_cache_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    struct engine *e = w->data;
    cache_tick(e->cache, clock_mono_ms());
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
    const struct conf *c = e->conf;
    char error[512];
    if (c->dnssec.mode == CONF_VALIDATION_OFF)
        return true;
    e->anchors =
        anchors_load(c->dnssec.anchors, c->dnssec.negative, c->dnssec.negative_count, error, sizeof error);
    if (!e->anchors) {
        log_error("dnssec.anchors", "why=\"%s\"", error);
        return false;
    }
    e->validator = validator_new(&(struct chain_options){
        .anchors = e->anchors, .ask = ask_chain, .cancel = cancel_chain, .now = chain_now, .self = e});
    return e->validator != NULL;
}

static bool engine_open(struct engine *e, struct shm *shm)
{
    const struct conf *c = e->conf;
    e->pcache = pcache_new(c->cache.memory, &shm->cache_hash);
    e->cache = cache_open(&(struct cache_options){
        .dir = c->state_dir, .size = c->cache.size, .generation = &shm->cache_generation});
    e->rebinding = rebinding_new(c);
    e->misses = rate_new(c->limits.miss_rate);
    e->checks = rate_new(c->limits.check_rate);
    e->snapshot = snapshot_new(c->state_dir, &shm->steering_generation);
    e->upstream = upstream_new(e->loop, c);
    if (e->upstream && validate(e))
        e->pending = pending_new(e->loop, e->upstream,
                                 &(struct pending_options){.conf = c,
                                                           .store = keep,
                                                           .inspect = inspect,
                                                           .self = e,
                                                           .validator = e->validator,
                                                           .charge = charge});
    return e->pcache && e->cache && e->misses && e->checks && e->rebinding && e->snapshot && e->pending;
}

struct engine *engine_new(struct ev_loop *loop, const struct conf *conf, struct shm *shm,
                          const struct geoip *geoip)
{
    struct engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->loop = loop;
    e->conf = conf;
    e->geoip = geoip;
    e->path = bytes_str(conf->http.path);
    engine_watch(e);
    if (!engine_open(e, shm))
        engine_free(&e, false);
    return e;
}

void engine_free(struct engine **engine, bool clean)
{
    struct engine *e = *engine;
    *engine = NULL;
    pending_free(&e->pending);
    validator_free(&e->validator);
    anchors_free(&e->anchors);
    upstream_free(&e->upstream);
    ev_check_stop(e->loop, &e->turn_begin);
    ev_prepare_stop(e->loop, &e->turn_end);
    ev_timer_stop(e->loop, &e->cache_timer);
    snapshot_free(&e->snapshot);
    cache_close(&e->cache, clean);
    pcache_free(&e->pcache);
    rebinding_free(&e->rebinding);
    rate_free(&e->misses);
    rate_free(&e->checks);
    free(e);
}

void engine_cache_usage(struct engine *e, struct cache_usage *out)
{
    cache_usage(e->cache, out);
}

const struct view *engine_view(const struct engine *e)
{
    return snapshot_view(e->snapshot);
}

unsigned engine_upstreams(struct engine *e, struct upstream_state *out, unsigned cap)
{
    return upstream_states(e->upstream, out, cap);
}
