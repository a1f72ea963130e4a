/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers validated: see validator.h. */
#include "resolver/validator/validator.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "data/dns/answer.h"

struct validator {
    struct chain_options o;
    struct chain *chain;
    struct bench bench;
};

struct wait {
    struct chain_waiter waiter;
    struct validation *of;
    struct zone *zone; /* held; NULL: waited for */
};

struct validation {
    struct validator *validator;
    struct dns_query q;
    validator_done *done;
    void *self;
    struct targets targets;
    struct wait wait[TARGETS_MAX];
    unsigned left;
    size_t len;
    uint8_t block[];
};

static const struct verdict too_large = {.kind = VERDICT_BOGUS, .why = REASON_DNSSEC_BOGUS};
static const struct verdict no_memory = {.kind = VERDICT_FAILED, .why = REASON_NO_MEMORY};

static void count(const struct verdict *v)
{
    static const enum metric by_kind[] = {METRIC_DNSSEC_SECURE, METRIC_DNSSEC_INSECURE, METRIC_DNSSEC_BOGUS,
                                          METRIC_DNSSEC_FAILED};
    metric_count(by_kind[v->kind]);
    metric_add(METRIC_DNSSEC_CHECKS, v->budget.checks_done);
    metric_add(METRIC_DNSSEC_REMEMBERED, v->budget.remembered);
    metric_add(METRIC_DNSSEC_HASHES, v->budget.hash_work);
    static const enum metric by_limit[] = {METRIC_DNSSEC_LIMITED_CHECKS, METRIC_DNSSEC_LIMITED_KEYS,
                                           METRIC_DNSSEC_LIMITED_HASHES, METRIC_DNSSEC_LIMITED_ITERATIONS};
    for (unsigned i = 0; i < sizeof by_limit / sizeof *by_limit; i++)
        if (v->budget.limited >> i & 1)
            metric_count(by_limit[i]);
}

/* Puts the block's RRsets on the bench. */
static bool open_block(struct validator *v, const uint8_t *block, size_t len, struct answer *out)
{
    return answer_open(bytes_of(block, len), false, out) && rrsets_read(&v->bench.sets, out->wire);
}

static struct verdict judge(struct validator *v, const struct dns_query *q, const struct answer *a,
                            uint8_t *block, const struct targets *targets, struct zone *const *zones)
{
    uint8_t *wire = block + (a->wire.data - block);
    return judge_answer(&v->bench, q, a->head.rcode, targets, zones, wire, v->o.now(v->o.self));
}

/* What was waited for has come: the bench has been others' since, so the copy is read again. */
static struct verdict judge_later(struct validation *x)
{
    struct zone *zones[TARGETS_MAX];
    struct answer a;
    if (!open_block(x->validator, x->block, x->len, &a))
        return too_large;
    for (unsigned i = 0; i < x->targets.count; i++)
        zones[i] = x->wait[i].zone;
    struct verdict verdict = judge(x->validator, &x->q, &a, x->block, &x->targets, zones);
    for (unsigned i = 0; i < x->targets.count; i++)
        budget_charge(&verdict.budget, &x->wait[i].waiter.cost);
    return verdict;
}

/* Judges what is on the bench if all that it takes is known. */
static bool judge_now(struct validator *v, const struct dns_query *q, const struct answer *a, uint8_t *block,
                      const struct targets *targets, struct verdict *out)
{
    struct zone *zones[TARGETS_MAX];
    unsigned n = 0;
    while (n < targets->count && (zones[n] = chain_known(v->chain, &targets->target[n].name)))
        n++;
    bool all = n == targets->count;
    if (all)
        *out = judge(v, q, a, block, targets, zones);
    while (n)
        zone_release(zones[--n]);
    return all;
}

static void validation_free(struct validation *x)
{
    for (unsigned i = 0; i < x->targets.count; i++) {
        chain_leave(&x->wait[i].waiter);
        zone_release(x->wait[i].zone);
    }
    free(x);
}

static void on_found(struct chain_waiter *w, struct zone *zone)
{
    struct wait *wait = holder_of(w, struct wait, waiter);
    struct validation *x = wait->of;
    wait->zone = zone;
    if (--x->left)
        return;
    struct verdict verdict = judge_later(x);
    count(&verdict);
    x->done(x->self, &verdict, x->block, x->len);
    validation_free(x);
}

static struct validation *validation_new(struct validator *v, const struct dns_query *q, const uint8_t *block,
                                         size_t len, const struct targets *targets)
{
    struct validation *x = malloc(sizeof *x + len);
    if (!x)
        return NULL;
    x->validator = v;
    x->q = *q;
    x->targets = *targets;
    x->left = 0;
    x->len = len;
    memcpy(x->block, block, len);
    for (unsigned i = 0; i < targets->count; i++) {
        x->wait[i] = (struct wait){.waiter = {.found = on_found}, .of = x};
        link_init(&x->wait[i].waiter.link);
    }
    return x;
}

/* chain_find tells nobody before it returned for good only if nothing ends at once; so one place too many is
 * waited for until all have been asked for. */
static void find_all(struct validation *x)
{
    x->left = x->targets.count + 1;
    for (unsigned i = 0; i < x->targets.count; i++) {
        const struct target *t = &x->targets.target[i];
        struct zone *zone = chain_find(x->validator->chain, &t->name, t->exact, &x->wait[i].waiter);
        if (!zone)
            continue;
        x->wait[i].zone = zone;
        x->left--;
    }
    x->left--;
}

/* NULL, and *out, if it is judged at once. */
static struct validation *begin(struct validator *v, const struct dns_query *q, uint8_t *block, size_t len,
                                struct verdict *out)
{
    struct answer a;
    struct targets targets;
    *out = too_large;
    if (!open_block(v, block, len, &a) || !judge_targets(&v->bench, q, &targets) ||
        judge_now(v, q, &a, block, &targets, out))
        return NULL;
    struct validation *x = validation_new(v, q, block, len, &targets);
    if (!x) {
        *out = no_memory;
        return NULL;
    }
    find_all(x);
    if (x->left)
        return x;
    *out = judge_later(x);
    memcpy(block, x->block, len);
    validation_free(x);
    return NULL;
}

struct validation *validator_check(struct validator *v, const struct dns_query *q, uint8_t *block, size_t len,
                                   struct verdict *verdict, validator_done *done, void *self)
{
    struct validation *x = NULL;
    /* Signatures are not signed, and nobody promises that ANY is complete. */
    *verdict = (struct verdict){.kind = VERDICT_INSECURE, .ttl_max = UINT32_MAX};
    if (q->type != DNS_ANY && q->type != DNS_RRSIG)
        x = begin(v, q, block, len, verdict);
    if (x) {
        x->done = done;
        x->self = self;
        return x;
    }
    count(verdict);
    return NULL;
}

void validation_cancel(struct validation **x)
{
    if (*x)
        validation_free(*x);
    *x = NULL;
}

bool validator_is_bogus(const struct validator *v, const struct dns_name *name)
{
    struct zone *z = chain_known(v->chain, name);
    bool bogus = z && z->state == ZONE_BOGUS;
    zone_release(z);
    return bogus;
}

bool validator_clock_wrong(const struct validator *v)
{
    return chain_clock_wrong(v->chain);
}

struct validator *validator_new(const struct chain_options *o)
{
    struct validator *v = calloc(1, sizeof *v);
    if (!v)
        return NULL;
    v->o = *o;
    v->o.bench = &v->bench;
    v->chain = crypto_init(&v->bench.verifier.crypto) ? chain_new(&v->o) : NULL;
    if (!v->chain)
        validator_free(&v);
    return v;
}

void validator_free(struct validator **v)
{
    if (!*v)
        return;
    chain_free(&(*v)->chain);
    crypto_fini(&(*v)->bench.verifier.crypto);
    free(*v);
    *v = NULL;
}
