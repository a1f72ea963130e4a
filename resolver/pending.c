/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions in flight: see pending.h.
 *
 * A lookup has left the table before a callback hears of it: a callback may ask anew, even for the same
 * name. */
#include "resolver/pending.h"

#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/link.h"
#include "data/base/metric.h"
#include "data/base/pool.h"
#include "resolver/failure.h"
#include "resolver/upstream.h"
#include "resolver/validator/validator.h"

struct pending_lookup {
    struct link bucket;
    struct pending *pending;
    struct upstream_lookup *upstream;
    struct waiter_group waiters;
    uint64_t hash;
    struct answer_key key;
    struct dns_query query;
    struct dns_query asked; /* what upstreams are asked: with DO and CD if the answer is validated */
    struct validation *validation;
    bool validated;
    struct hearing hearing; /* the fault of the first that was disbelieved is what waiters are told */
    unsigned work;          /* that judging them cost */
    struct ip client;       /* who began it */
    bool wanted;            /* somebody waits for it, or did */
    bool prefetch;          /* nobody did when it began */
};

struct pending {
    struct ev_loop *loop;
    struct upstream *upstream;
    struct pending_options options;
    struct answer_limits limits;
    struct hash_key hash;
    struct pool pool; /* of lookups */
    bool closing;
    unsigned count, prefetches;
    struct waiter_queue patient, hasty;
    struct failure_table failures;
    uint8_t block[ANSWER_BLOCK_MAX]; /* the answer being handed out */
    uint8_t plain[ANSWER_BLOCK_MAX]; /* the same without signatures */
    size_t mask;
    struct link bucket[];
};

/* --- lookups --- */

static struct pending_lookup *find(struct pending *p, uint64_t hash, const struct answer_key *key)
{
    struct link *bucket = &p->bucket[hash & p->mask];
    for (struct link *at = bucket->next; at != bucket; at = at->next) {
        struct pending_lookup *l = holder_of(at, struct pending_lookup, bucket);
        if (l->hash == hash && answer_key_equal(&l->key, key))
            return l;
    }
    return NULL;
}

static void take_out(struct pending_lookup *l)
{
    link_remove(&l->bucket);
    l->pending->count--;
    l->pending->prefetches -= l->prefetch;
    metric_sub(METRIC_LOOKUPS, 1);
}

/* The reply as an answer's block; empty if it is none. */
static struct bytes read_answer(struct pending_lookup *l, struct bytes reply)
{
    struct pending *p = l->pending;
    uint32_t now = (uint32_t)ev_now(p->loop);
    return bytes_of(p->block, answer_build(&l->asked, reply, now, &p->limits, p->block));
}

/* Opens what is to be told: *block, or what takes its place. */
static bool inspect(struct pending_lookup *l, struct bytes *block, struct answer *answer)
{
    const struct pending_options *o = &l->pending->options;
    if (!answer_open(*block, false, answer))
        return false;
    if (!o->inspect)
        return true;
    *block = o->inspect(o->self, &l->query, answer, *block);
    return answer_open(*block, false, answer);
}

/* The lookup is over: block is the answer, unless why says that there is none. */
static void end(struct pending_lookup *l, enum reason why, struct bytes block)
{
    struct pending *p = l->pending;
    struct answer answer;
    take_out(l);
    if (why == REASON_OK && !inspect(l, &block, &answer))
        why = REASON_UPSTREAM_BOGUS;
    if (why == REASON_OK) {
        failure_clear(&p->failures, l->hash);
        p->options.store(p->options.self, &l->key, block, &answer, l->wanted);
    } else if (!p->closing) {
        failure_note(&p->failures, l->hash, why, clock_mono_ms());
    }
    waiter_tell_all(&l->waiters, why, why == REASON_OK ? &answer : NULL);
    pool_release(&p->pool, l);
}

/* The validated answer as the question wanted it: without signatures and proofs for those who did not ask. */
static struct bytes as_wanted(struct pending_lookup *l, struct bytes block)
{
    struct pending *p = l->pending;
    struct answer a;
    if (l->query.edns.dnssec_ok || !answer_open(block, false, &a))
        return block;
    size_t n = answer_build(&l->query, a.wire, a.head.stored, &p->limits, p->plain);
    if (n)
        answer_mark(p->plain, n, a.head.flags & (ANSWER_CHECKED | ANSWER_SECURE), 0, a.head.ttl);
    return bytes_of(p->plain, n);
}

/* Whether an answer that is not sound is served all the same. */
static bool tolerates(const struct pending *p)
{
    const struct conf *c = p->options.conf;
    return c->dnssec.mode == CONF_VALIDATION_LOG ||
           (c->dnssec.tolerate_clock && validator_clock_wrong(p->options.validator));
}

static void charge(struct pending_lookup *l, const struct budget *cost)
{
    const struct pending_options *o = &l->pending->options;
    unsigned work = budget_work(cost);
    l->work += work;
    if (work && o->charge)
        o->charge(o->self, &l->client, work);
}

static void on_upstream(void *self, enum reason why, struct bytes reply);

static void fail(struct pending_lookup *l, enum reason why)
{
    end(l, l->hearing.disbelieved ? l->waiters.late : why, BYTES_NONE);
}

/* The answer is not to be believed, but another server may have a better one. */
static void ask_another(struct pending_lookup *l, enum reason why)
{
    if (!l->hearing.disbelieved)
        l->waiters.late = why;
    l->upstream = upstream_ask(l->pending->upstream, &l->asked, &l->hearing, on_upstream, l);
    if (!l->upstream)
        fail(l, why);
}

/* Whether another server's answer could be better: not below a name that is bogus itself, and not at any
 * price. */
static bool is_hopeless(const struct pending_lookup *l)
{
    return l->work > CHAIN_WORK || validator_is_bogus(l->pending->options.validator, &l->query.name);
}

static void on_verdict(void *self, const struct verdict *verdict, uint8_t *block, size_t len)
{
    struct pending_lookup *l = self;
    bool sound = verdict->kind == VERDICT_SECURE || verdict->kind == VERDICT_INSECURE;
    l->validation = NULL;
    charge(l, &verdict->budget);
    if (sound) {
        answer_mark(block, len, ANSWER_CHECKED | (verdict->kind == VERDICT_SECURE ? ANSWER_SECURE : 0),
                    verdict->name_is_signed ? 0 : ANSWER_SIGNED, verdict->ttl_max);
        upstream_refuted(l->pending->upstream, l->hearing.disbelieved);
    }
    if (sound || tolerates(l->pending))
        end(l, REASON_OK, as_wanted(l, bytes_of(block, len)));
    else if (verdict->kind == VERDICT_BOGUS && !is_hopeless(l))
        ask_another(l, verdict->why);
    else
        fail(l, verdict->why);
}

static void on_upstream(void *self, enum reason why, struct bytes reply)
{
    struct pending_lookup *l = self;
    struct pending *p = l->pending;
    struct bytes block = BYTES_NONE;
    struct verdict verdict;
    l->upstream = NULL;
    if (why != REASON_OK) {
        fail(l, why);
        return;
    }
    block = read_answer(l, reply);
    if (!block.len) {
        ask_another(l, REASON_UPSTREAM_BOGUS);
        return;
    }
    if (!l->validated) {
        end(l, REASON_OK, block);
        return;
    }
    l->validation =
        validator_check(p->options.validator, &l->asked, p->block, block.len, &verdict, on_verdict, l);
    if (!l->validation)
        on_verdict(l, &verdict, p->block, block.len);
}

/* NULL and why, if it cannot be. */
static struct pending_lookup *start(struct pending *p, uint64_t hash, const struct dns_query *q,
                                    const struct answer_key *key, const struct ip *client, enum reason *why)
{
    *why = REASON_OVERLOAD;
    if (p->count >= p->options.conf->upstream.lookups)
        return NULL;
    *why = REASON_NO_MEMORY;
    struct pending_lookup *l = pool_alloc(&p->pool, sizeof *l);
    if (!l)
        return NULL;
    *l = (struct pending_lookup){.pending = p, .hash = hash, .key = *key, .query = *q, .client = *client};
    l->waiters.late = REASON_UPSTREAM_TIMEOUT;
    l->query.question = BYTES_NONE; /* the request's; it may end before we do */
    l->asked = l->query;
    l->validated = p->options.validator && !(q->flags & DNS_CD);
    if (l->validated) {
        l->asked.flags |= DNS_CD; /* RFC 6840 5.9: we judge for ourselves */
        l->asked.edns.present = l->asked.edns.dnssec_ok = true;
    }
    l->upstream = upstream_ask(p->upstream, &l->asked, &l->hearing, on_upstream, l);
    if (!l->upstream) {
        pool_release(&p->pool, l);
        return NULL;
    }
    link_append(&p->bucket[hash & p->mask], &l->bucket);
    p->count++;
    metric_add(METRIC_LOOKUPS, 1);
    return l;
}

/* Whether the question is not asked again yet. What is wrong with a zone's signatures is said each time. */
static enum reason held(const struct pending *p, uint64_t hash)
{
    enum reason why = failure_holds(&p->failures, hash, clock_mono_ms());
    bool bogus = why >= REASON_DNSSEC_BOGUS && why <= REASON_DNSSEC_NO_PROOF;
    return why == REASON_OK || bogus ? why : REASON_FAILURE_CACHED;
}

/* The lookup under way for key, or NULL; why not, if none may be begun either. */
static struct pending_lookup *join(struct pending *p, uint64_t hash, const struct answer_key *key,
                                   enum reason *why)
{
    *why = p->closing ? REASON_UPSTREAM_DEAD : held(p, hash);
    return *why == REASON_OK ? find(p, hash, key) : NULL;
}

static enum reason join_or_start(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                                 enum pending_patience patience, struct pending_waiter *w)
{
    uint64_t hash = hash_siphash(&p->hash, key->data, key->len);
    enum reason why;
    struct pending_lookup *l = join(p, hash, key, &why);
    if (why != REASON_OK)
        return why;
    if (l && l->waiters.count >= p->options.conf->upstream.waiters)
        return REASON_OVERLOAD;
    if (l)
        metric_count(METRIC_LOOKUPS_JOINED);
    else
        l = start(p, hash, q, key, &w->client, &why);
    if (!l)
        return why;
    l->wanted = true;
    waiter_join(w, &l->waiters, patience == PENDING_HASTY ? &p->hasty : &p->patient);
    return REASON_OK;
}

void pending_ask(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                 enum pending_patience patience, struct pending_waiter *w)
{
    enum reason why = join_or_start(p, q, key, patience, w);
    if (why != REASON_OK)
        w->done(w, why, NULL);
}

void pending_renew(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                   const struct ip *client, bool wanted)
{
    uint64_t hash = hash_siphash(&p->hash, key->data, key->len);
    enum reason why;
    if (join(p, hash, key, &why) || why != REASON_OK)
        return;
    if (!wanted && p->prefetches >= p->options.conf->cache.prefetch) {
        metric_count(METRIC_PREFETCH_SKIPPED);
        return;
    }
    struct pending_lookup *l = start(p, hash, q, key, client, &why);
    if (!l)
        return;
    l->wanted = wanted;
    l->prefetch = !wanted;
    p->prefetches += l->prefetch;
    if (l->prefetch)
        metric_count(METRIC_PREFETCHES);
}

/* --- beginning and end --- */

static uint32_t seconds(uint64_t ms)
{
    return ms / 1000 < UINT32_MAX ? (uint32_t)(ms / 1000) : UINT32_MAX;
}

struct pending *pending_new(struct ev_loop *loop, struct upstream *upstream,
                            const struct pending_options *options)
{
    const struct conf *conf = options->conf;
    size_t buckets = 64;
    while (buckets < conf->upstream.lookups)
        buckets *= 2;
    struct pending *p = calloc(1, sizeof *p + buckets * sizeof p->bucket[0]);
    if (!p)
        return NULL;
    p->loop = loop;
    p->upstream = upstream;
    p->options = *options;
    p->limits = (struct answer_limits){seconds(conf->cache.ttl_max), seconds(conf->cache.ttl_min),
                                       seconds(conf->cache.negative_max)};
    random_fill(&p->hash, sizeof p->hash);
    failure_init(&p->failures, (int64_t)conf->upstream.failure_min, (int64_t)conf->upstream.failure_max);
    int64_t patience = (int64_t)conf->upstream.answer_timeout, haste = (int64_t)conf->cache.stale_after;
    waiter_queue_init(&p->patient, loop, patience);
    waiter_queue_init(&p->hasty, loop, haste < patience ? haste : patience);
    p->mask = buckets - 1;
    for (size_t i = 0; i < buckets; i++)
        link_init(&p->bucket[i]);
    return p;
}

void pending_free(struct pending **p)
{
    if (!*p)
        return;
    (*p)->closing = true;
    for (size_t i = 0; i <= (*p)->mask; i++)
        while (!link_empty(&(*p)->bucket[i])) {
            struct pending_lookup *l = holder_of((*p)->bucket[i].next, struct pending_lookup, bucket);
            upstream_cancel(&l->upstream);
            validation_cancel(&l->validation);
            end(l, REASON_UPSTREAM_DEAD, BYTES_NONE);
        }
    waiter_queue_fini(&(*p)->patient);
    waiter_queue_fini(&(*p)->hasty);
    pool_fini(&(*p)->pool);
    free(*p);
    *p = NULL;
}

unsigned pending_count(const struct pending *p)
{
    return p->count;
}
