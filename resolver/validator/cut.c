/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Cuts from question to place: see cut.h. */
#include "resolver/validator/cut.h"

#include <stdlib.h>

#include "data/base/metric.h"

struct cut *cut_new(struct chain *c, const struct dns_name *name, bool anchored)
{
    struct cut *cut = c->cut_count < CHAIN_CUTS ? calloc(1, sizeof *cut) : NULL;
    if (!cut)
        return NULL;
    cut->chain = c;
    cut->name = *name;
    cut->anchored = anchored;
    cut->ttl = CHAIN_TTL_MAX;
    cut->ds.cut = cut->keys.cut = cut;
    link_init(&cut->sibling);
    link_init(&cut->children);
    link_init(&cut->waiters);
    link_append(&c->cuts, &cut->ring);
    c->cut_count++;
    return cut;
}

/* Asking */

static void on_reply(void *token, enum reason why, struct bytes reply)
{
    static const struct answer_limits limits = {CHAIN_TTL_MAX, 0, CHAIN_TTL_MAX};
    struct ask *a = token;
    struct chain *c = a->cut->chain;
    struct dns_query q = {.class = DNS_CLASS_IN, .name = a->cut->name};
    q.type = a == &a->cut->ds ? DNS_DS : DNS_DNSKEY;
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    a->asked = NULL;
    a->done = true;
    a->came = why == REASON_OK;
    a->why = why;
    if (why == REASON_OK) {
        a->len = answer_build(&q, reply, chain_now(c), &limits, c->block);
        a->block = a->len ? malloc(a->len) : NULL;
        if (a->block)
            memcpy(a->block, c->block, a->len);
        else
            a->why = a->len ? REASON_NO_MEMORY : REASON_UPSTREAM_BOGUS;
    }
    cut_go(a->cut);
}

/* False: it cannot be asked. */
static bool begin(struct cut *c, struct ask *a, uint16_t type)
{
    struct chain *chain = c->chain;
    struct dns_query q = {.flags = DNS_RD | DNS_CD, .type = type, .class = DNS_CLASS_IN, .name = c->name};
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    a->asked = chain->o.ask(chain->o.self, &q, &a->hearing, on_reply, a);
    if (a->asked)
        metric_count(METRIC_DNSSEC_QUERIES);
    return a->asked != NULL;
}

static void ask(struct cut *c, struct ask *a, uint16_t type)
{
    if (a->begun)
        return;
    a->begun = true;
    a->cut = c;
    if (!begin(c, a, type)) {
        a->done = true;
        a->why = REASON_NO_MEMORY;
    }
}

/* The reply came, and is not to be believed or not to be read. */
static bool is_doubtful(const struct ask *a, const struct outcome *o)
{
    return a->came && !o->zone && (o->state == ZONE_BOGUS || o->why == REASON_UPSTREAM_BOGUS);
}

/* Another server may have a better one. False: there is none left to ask. */
static bool ask_another(struct cut *c, struct ask *a, uint16_t type, const struct outcome *doubt)
{
    if (!a->hearing.disbelieved)
        a->doubt = *doubt;
    if (budget_work(&c->cost) > CHAIN_WORK || !begin(c, a, type))
        return false;
    a->done = false;
    free(a->block);
    a->block = NULL;
    return true;
}

static void ask_end(struct chain *c, struct ask *a)
{
    if (a->asked)
        c->o.cancel(c->o.self, a->asked);
    free(a->block);
}

void cut_ask_ahead(struct cut *c, unsigned levels)
{
    if (!c->anchored)
        ask(c, &c->ds, DNS_DS);
    if (c->anchored || c->exact)
        ask(c, &c->keys, DNS_DNSKEY);
    for (struct link *at = c->children.next; levels > 1 && at != &c->children; at = at->next)
        cut_ask_ahead(holder_of(at, struct cut, sibling), levels - 1);
}

/* Ending */

void cut_free(struct cut *c)
{
    struct chain *chain = c->chain;
    link_remove(&c->ring);
    link_remove(&c->sibling);
    chain->cut_count--;
    ask_end(chain, &c->ds);
    ask_end(chain, &c->keys);
    zone_release(c->above);
    free(c);
}

/* Who caused the cut pays for it. */
static void hand_cost_on(struct cut *c)
{
    if (!link_empty(&c->waiters))
        budget_charge(&holder_of(c->waiters.next, struct chain_waiter, link)->cost, &c->cost);
    else if (!link_empty(&c->children))
        budget_charge(&holder_of(c->children.next, struct cut, sibling)->cost, &c->cost);
}

/* The name's place is z, which is taken. */
static void finish(struct cut *c, struct zone *z)
{
    link_remove(&c->ring);
    hand_cost_on(c);
    while (!link_empty(&c->children)) {
        struct cut *child = holder_of(c->children.next, struct cut, sibling);
        link_remove(&child->sibling);
        child->parent = NULL;
        child->above = zone_hold(zone_enclosing(z));
        if (z->state == ZONE_KEYS || z->state == ZONE_NO_CUT)
            cut_ask_ahead(child, CHAIN_AHEAD);
        cut_go(child);
    }
    while (!link_empty(&c->waiters)) {
        struct chain_waiter *w = holder_of(c->waiters.next, struct chain_waiter, link);
        link_remove(&w->link);
        w->found(w, zone_hold(z));
    }
    cut_free(c);
    zone_release(z);
}

/* How long the outcome is believed. */
static uint32_t life_of(const struct cut *c, enum zone_state state)
{
    uint32_t most = state == ZONE_BOGUS ? CHAIN_BOGUS_TTL : state == ZONE_FAILED ? CHAIN_FAILED_TTL : c->ttl;
    return c->ttl < most ? c->ttl : most;
}

/* A place is made, kept, and ends the cut. */
static void settle(struct cut *c, const struct outcome *o)
{
    struct zone *z = o->zone ? o->zone : zone_new(o->state, &c->name, NULL, 0);
    if (!z) {
        finish(c, zone_hold(c->chain->overload));
        return;
    }
    z->why = o->why;
    z->since = chain_now(c->chain);
    z->expires = z->since + life_of(c, z->state);
    if (z->state == ZONE_NO_CUT)
        z->above = zone_hold(c->above);
    zones_put(c->chain->zones, z);
    finish(c, z);
}

/* What one message may cost, CHAIN_DEPTH of them may not. What was found on the way is known now. */
static bool too_dear(struct cut *c, struct outcome *out)
{
    if (budget_work(&c->cost) <= CHAIN_WORK)
        return false;
    c->cost.limited |= LIMITED_CHECKS;
    *out = (struct outcome){.state = ZONE_BOGUS, .why = REASON_DNSSEC_BOGUS};
    return true;
}

/* The reply is believed: tells of those that were not, once. */
static void refute_others(const struct cut *c, struct ask *a)
{
    const struct chain_options *o = &c->chain->o;
    if (a->hearing.disbelieved && o->refuted)
        o->refuted(o->self, a->hearing.disbelieved);
    a->hearing.disbelieved = 0;
}

/* Settles what the reply said, unless it is doubtful and another is waited for. */
static void conclude(struct cut *c, struct ask *a, uint16_t type, uint32_t ttl, struct outcome *o)
{
    if (is_doubtful(a, o) && ask_another(c, a, type, o)) {
        c->ttl = ttl;
        return;
    }
    if (o->zone || (o->state != ZONE_BOGUS && o->state != ZONE_FAILED))
        refute_others(c, a);
    else if (a->hearing.disbelieved && o->state == ZONE_FAILED)
        *o = a->doubt;
    cut_report(c, o);
    settle(c, o);
}

void cut_go(struct cut *c)
{
    struct outcome o = {0};
    uint32_t ttl = c->ttl;
    if (!c->anchored) {
        if (c->parent)
            return;
        if (c->above->state != ZONE_KEYS) {
            finish(c, zone_hold(c->above));
            return;
        }
        if (!c->ds_found && !c->ds.done)
            return;
        if (!c->ds_found && (too_dear(c, &o) || cut_take_ds(c, &o))) {
            conclude(c, &c->ds, DNS_DS, ttl, &o);
            return;
        }
        refute_others(c, &c->ds);
    }
    ask(c, &c->keys, DNS_DNSKEY);
    if (!c->keys.done)
        return;
    ttl = c->ttl;
    cut_take_keys(c, &o);
    conclude(c, &c->keys, DNS_DNSKEY, ttl, &o);
}
