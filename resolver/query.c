/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The way of a question: see query.h. It is answered on the stack when a cache or we ourselves have the
 * answer; only one that must wait is copied into its stream's arena (struct waiting). */
#include "resolver/query.h"

#include "data/base/metric.h"
#include "resolver/local.h"
#include "resolver/reply.h"

/* A question that waits for a lookup. */
struct waiting {
    struct pending_waiter waiter;
    struct query_env *env;
    struct http_stream *stream;
    struct dns_query q;
    bool stale;           /* something older is at hand */
    struct bytes steered; /* DO=1: used unless the truth turns out to be signed */
    struct steer_text note;
};

static uint32_t now_of(const struct query_env *e)
{
    return (uint32_t)ev_now(e->loop);
}

static struct reply to(struct query_env *e, struct http_stream *s, const struct dns_query *q)
{
    return (struct reply){s, q, now_of(e), e->out};
}

/* LOCAL */

/* Local answer's block in e->block; 0 if the question is not ours to answer. */
static size_t local(struct query_env *e, const struct dns_query *q)
{
    struct local_zone zone;
    if (local_find(q, &zone) &&
        (!zone.optional || (e->conf->local_zones && !upstream_forwards(e->upstream, q))))
        return local_answer(&zone, q, now_of(e), e->block, sizeof e->block);
    return q->type == DNS_ANY ? local_any(q, now_of(e), e->block, sizeof e->block) : 0;
}

static bool answer_locally(struct query_env *e, struct http_stream *s, const struct dns_query *q)
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
static size_t steer(struct query_env *e, const struct http_stream *s, const struct dns_query *q,
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
    snapshot_decide(e->snapshot, site, &client, now_of(e), &d);
    if (d.outcome == STEER_TRUTH) {
        metric_count(METRIC_STEERED_TRUTH);
        return 0;
    }
    steer_note(&d, note->text);
    note->empty = d.outcome == STEER_NODATA;
    return steer_answer(&d, q, now_of(e), e->block, sizeof e->block);
}

/* CACHE */

/* A DO=1 question whose truth is signed gets the truth: a validator would call ours forged. */
static void reply_truth(struct query_env *e, struct http_stream *s, const struct dns_query *q,
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
    struct query_env *e = x->env;
    struct answer_key key;
    struct answer a;
    if (!x->stale)
        return false;
    answer_key(&x->q, &key);
    enum cached_state state = cached_find_again(e->cached, &key, now_of(e), &a);
    if (state == CACHED_NONE)
        return false;
    reply_truth(e, x->stream, &x->q, x->steered, &x->note, &a,
                state == CACHED_STALE ? REASON_STALE : REASON_CACHED);
    return true;
}

static void answered(struct pending_waiter *w, enum reason why, const struct answer *answer)
{
    struct waiting *x = (struct waiting *)w;
    struct query_env *e = x->env;
    if (answer)
        reply_truth(e, x->stream, &x->q, x->steered, &x->note, answer, why);
    else if (make_do(x))
        return;
    else if (x->steered.len)
        reply_steered(to(e, x->stream, &x->q), x->steered, &x->note);
    else
        reply_error(to(e, x->stream, &x->q), why);
}

/* What validating costs is known, and counted, afterwards. */
static bool may_validate(struct query_env *e, const struct http_stream *s)
{
    if (rate_take(e->checks, &s->client, ev_now(e->loop), 0))
        return true;
    metric_count(METRIC_DNSSEC_LIMITED_CLIENT);
    return false;
}

/* However many clients make up names below one domain. */
static bool domain_may_miss(struct query_env *e, const struct dns_query *q)
{
    char text[DNS_NAME_TEXT_MAX];
    struct dns_name name = q->name;
    if (!e->guard)
        return true;
    name_lower(&name);
    name_to_text(&name, text);
    return rate_take_domain(e->domain_misses, bytes_str(guard_registered(e->guard, text)), ev_now(e->loop));
}

/* Misses are what costs others something: upstreams, and the names under whose domain they are made up. */
static enum reason may_miss(struct query_env *e, const struct http_stream *s, const struct dns_query *q)
{
    if (!may_validate(e, s) || !rate_take(e->misses, &s->client, ev_now(e->loop), 1))
        return REASON_RATE;
    return domain_may_miss(e, q) ? REASON_OK : REASON_DOMAIN_RATE;
}

/* stale: an answer whose time is over is in the caches. */
static void ask(struct query_env *e, struct http_stream *s, const struct dns_query *q,
                const struct answer_key *key, struct bytes steered, const struct steer_text *note, bool stale)
{
    struct waiting *x = http_alloc(s, sizeof *x);
    if (x) {
        *x = (struct waiting){.waiter = {.done = answered, .client = s->client},
                              .env = e,
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
static bool stale_at_once(struct query_env *e, const struct http_stream *s, const struct dns_query *q,
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
static bool answer_cut(struct query_env *e, struct http_stream *s, const struct dns_query *q,
                       const struct answer_key *key)
{
    struct answer a;
    if (!cached_find_cut(e->cached, q, key, now_of(e), e->block, &a))
        return false;
    reply_answer(to(e, s, q), &a, REASON_CACHED, HTTP_MAX_AGE);
    return true;
}

static bool may_cut(const struct query_env *e, const struct dns_query *q)
{
    return e->conf->cache.cut != CONF_CUT_OFF && !upstream_forwards(e->upstream, q) &&
           !snapshot_has(e->snapshot, &q->name);
}

/* CACHE, then ASK. What is steered is told unless the truth is signed, or where it is not to be had. */
static void tell_truth(struct query_env *e, struct http_stream *s, const struct dns_query *q,
                       struct bytes steered, const struct steer_text *note)
{
    struct answer_key key;
    struct answer a;
    answer_key(q, &key);
    enum cached_state state = cached_find(e->cached, &key, now_of(e), &a);
    if (state >= CACHED_FRESH) {
        reply_truth(e, s, q, steered, note, &a, REASON_CACHED);
        if (state == CACHED_DUE && may_validate(e, s))
            pending_renew(e->pending, q, &key, &s->client, false);
        return;
    }
    if (state == CACHED_NONE && may_cut(e, q) && answer_cut(e, s, q, &key))
        return;
    enum reason refused = may_miss(e, s, q);
    if (state == CACHED_STALE && stale_at_once(e, s, q, &key, refused == REASON_OK))
        reply_truth(e, s, q, steered, note, &a, REASON_STALE);
    else if (refused == REASON_OK)
        ask(e, s, q, &key, steered, note, state == CACHED_STALE);
    else if (steered.len)
        reply_steered(to(e, s, q), steered, note);
    else if (refused == REASON_DOMAIN_RATE)
        reply_error(to(e, s, q), refused);
    else
        reply_refused(to(e, s, q), refused);
}

void query_resolve(struct query_env *e, struct http_stream *s, const struct dns_query *q, bool raw)
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
