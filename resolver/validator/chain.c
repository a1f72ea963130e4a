/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of trust: see chain.h.
 *
 * A cut is a name whose place is being found out. It waits for its parent's place (a cut of its own, or
 * known), for the reply about its DS, and if that says so, about its DNSKEY; then it becomes a zone, and
 * those who wait for it are told. */
#include "resolver/validator/chain.h"

#include <stdlib.h>

#include "data/base/log.h"
#include "data/base/metric.h"
#include "data/dns/answer.h"

enum { CLOCK_LOG_EVERY = 300 }; /* seconds */

struct ask {
    struct cut *cut;
    void *asked; /* NULL: not under way */
    bool begun, done;
    enum reason why;
    uint8_t *block;
    size_t len;
};

struct cut {
    struct link ring;    /* of all cuts */
    struct link sibling; /* in the parent's children */
    struct link children, waiters;
    struct chain *chain;
    struct cut *parent; /* being found out; NULL: `above` is known, or this is an anchor */
    struct zone *above; /* the zone that the parent is in, held */
    struct dns_name name;
    bool anchored, exact;
    struct ask ds, keys;
    bool ds_found;
    struct ds_list list;
    uint32_t ttl;
    struct budget cost; /* of its replies, and those of the names above that it caused */
};

struct chain {
    struct chain_options o;
    struct zones *zones;
    struct zone *insecure, *overload; /* places without a name, for whoever needs one */
    struct link cuts;
    unsigned cut_count;
    bool clock_wrong;
    uint32_t clock_logged;
    uint8_t block[ANSWER_BLOCK_MAX];
};

static void go(struct cut *c);

static uint32_t now_of(const struct chain *c)
{
    return c->o.now(c->o.self);
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
    a->why = why;
    if (why == REASON_OK) {
        a->len = answer_build(&q, reply, now_of(c), &limits, c->block);
        a->block = a->len ? malloc(a->len) : NULL;
        if (a->block)
            memcpy(a->block, c->block, a->len);
        else
            a->why = a->len ? REASON_NO_MEMORY : REASON_UPSTREAM_BOGUS;
    }
    go(a->cut);
}

static void ask(struct cut *c, struct ask *a, uint16_t type)
{
    struct chain *chain = c->chain;
    struct dns_query q = {.flags = DNS_RD | DNS_CD, .type = type, .class = DNS_CLASS_IN, .name = c->name};
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    if (a->begun)
        return;
    a->begun = true;
    a->cut = c;
    metric_count(METRIC_DNSSEC_QUERIES);
    a->asked = chain->o.ask(chain->o.self, &q, on_reply, a);
    if (!a->asked) {
        a->done = true;
        a->why = REASON_NO_MEMORY;
    }
}

static void ask_end(struct chain *c, struct ask *a)
{
    if (a->asked)
        c->o.cancel(c->o.self, a->asked);
    free(a->block);
}

/* Asks for c and what waits below it, `levels` deep. */
static void ask_ahead(struct cut *c, unsigned levels)
{
    if (!c->anchored)
        ask(c, &c->ds, DNS_DS);
    if (c->anchored || c->exact)
        ask(c, &c->keys, DNS_DNSKEY);
    for (struct link *at = c->children.next; levels > 1 && at != &c->children; at = at->next)
        ask_ahead(holder_of(at, struct cut, sibling), levels - 1);
}

/* Ending */

static struct zone *enclosing(struct zone *z)
{
    return z->state == ZONE_NO_CUT ? z->above : z;
}

static void cut_free(struct cut *c)
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
        child->above = zone_hold(enclosing(z));
        if (z->state == ZONE_KEYS || z->state == ZONE_NO_CUT)
            ask_ahead(child, CHAIN_AHEAD);
        go(child);
    }
    while (!link_empty(&c->waiters)) {
        struct chain_waiter *w = holder_of(c->waiters.next, struct chain_waiter, link);
        link_remove(&w->link);
        w->found(w, zone_hold(z));
    }
    cut_free(c);
    zone_release(z);
}

/* A place is made, kept, and ends the cut. */
static void settle(struct cut *c, enum zone_state state, enum reason why)
{
    struct zone *z = zone_new(state, &c->name, NULL, 0);
    if (!z) {
        finish(c, zone_hold(c->chain->overload));
        return;
    }
    uint32_t most = state == ZONE_BOGUS ? CHAIN_BOGUS_TTL : state == ZONE_FAILED ? CHAIN_FAILED_TTL : c->ttl;
    z->why = why;
    z->since = now_of(c->chain);
    z->expires = z->since + (c->ttl < most ? c->ttl : most);
    if (state == ZONE_NO_CUT)
        z->above = zone_hold(c->above);
    zones_put(c->chain->zones, z);
    finish(c, z);
}

static void settle_keys(struct cut *c, struct zone *z)
{
    z->since = now_of(c->chain);
    z->expires = z->since + c->ttl;
    zones_put(c->chain->zones, z);
    finish(c, z);
}

/* Judging */

/* Puts the reply on the bench; false if it ended the cut. */
static bool open_reply(struct cut *c, const struct ask *a)
{
    struct answer answer;
    if (a->why != REASON_OK || !answer_open(bytes_of(a->block, a->len), false, &answer) ||
        !rrsets_read(&c->chain->o.bench->sets, answer.wire)) {
        settle(c, ZONE_FAILED, a->why == REASON_OK ? REASON_UPSTREAM_BOGUS : a->why);
        return false;
    }
    /* A reply without a lifetime of its own is believed for a moment. */
    uint32_t ttl = answer.head.ttl ? answer.head.ttl : 1;
    c->ttl = ttl < c->ttl ? ttl : c->ttl;
    return true;
}

/* False if the cut has ended. */
static bool take_ds(struct cut *c)
{
    enum reason why;
    struct budget cost;
    struct chain *chain = c->chain;
    if (!open_reply(c, &c->ds))
        return false;
    enum ds_outcome outcome =
        judge_ds(chain->o.bench, &c->name, c->above, now_of(chain), &c->list, &c->ttl, &why, &cost);
    budget_charge(&c->cost, &cost);
    if (outcome == DS_FOUND && ds_usable(&c->list)) {
        c->ds_found = true;
        return true;
    }
    if (outcome == DS_BOGUS)
        settle(c, ZONE_BOGUS, why);
    else
        settle(c, outcome == DS_NO_CUT ? ZONE_NO_CUT : ZONE_INSECURE, REASON_OK);
    return false;
}

static unsigned trusted_of(struct cut *c, struct bytes *keys, unsigned cap)
{
    const struct anchor *anchor;
    unsigned i = 0, n = 0;
    c->list.count = 0;
    while (c->anchored && (anchor = anchors_next(c->chain->o.anchors, &c->name, &i))) {
        struct bytes rdata = anchor->rdata;
        if (anchor->type == DNS_DNSKEY && n < cap)
            keys[n++] = rdata;
        if (anchor->type != DNS_DS || c->list.count == VERIFY_DS_MAX || rdata.len > sizeof c->list.ds[0].data)
            continue;
        c->list.ds[c->list.count].len = (uint8_t)rdata.len;
        memcpy(c->list.ds[c->list.count++].data, rdata.data, rdata.len);
    }
    return n;
}

static void note_clock(struct chain *c, bool wrong)
{
    uint32_t now = now_of(c);
    if (wrong && (!c->clock_logged || now - c->clock_logged >= CLOCK_LOG_EVERY)) {
        c->clock_logged = now;
        log_error("dnssec.clock",
                  "why=\"a trust anchor's keys are good but for the time of their signatures: "
                  "is the clock right?\"");
    }
    c->clock_wrong = wrong;
}

static void take_keys(struct cut *c)
{
    struct chain *chain = c->chain;
    struct bytes trusted[VERIFY_DS_MAX];
    struct budget cost;
    enum reason why;
    bool only_the_time;
    if (!open_reply(c, &c->keys))
        return;
    unsigned count = c->anchored ? trusted_of(c, trusted, VERIFY_DS_MAX) : 0;
    struct zone *z = judge_keys(chain->o.bench, &c->name, &c->list, trusted, count, now_of(chain), &c->ttl,
                                &why, &only_the_time, &cost);
    budget_charge(&c->cost, &cost);
    if (c->anchored)
        note_clock(chain, !z && only_the_time);
    if (c->anchored && !z)
        log_warn("dnssec.anchor", "why=\"%s\"", reason_row(why)->text);
    c->ttl = c->ttl ? c->ttl : 1;
    if (z)
        settle_keys(c, z);
    else
        settle(c, ZONE_BOGUS, why);
}

/* Goes on with what has come. */
static void go(struct cut *c)
{
    if (!c->anchored) {
        if (c->parent)
            return;
        if (c->above->state != ZONE_KEYS) {
            finish(c, zone_hold(c->above));
            return;
        }
        if (!c->ds_found && (!c->ds.done || !take_ds(c)))
            return;
    }
    ask(c, &c->keys, DNS_DNSKEY);
    if (c->keys.done)
        take_keys(c);
}

/* Finding */

static struct cut *cut_find(struct chain *c, const struct dns_name *name)
{
    for (struct link *at = c->cuts.next; at != &c->cuts; at = at->next) {
        struct cut *cut = holder_of(at, struct cut, ring);
        if (name_equal(&cut->name, name))
            return cut;
    }
    return NULL;
}

static struct cut *cut_new(struct chain *c, const struct dns_name *name, bool anchored)
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

/* A place, held; or a cut; never both. */
struct place {
    struct zone *zone;
    struct cut *cut;
};

static struct place place_of(struct chain *c, const struct dns_name *name, bool exact, unsigned depth);

/* name's cut, below its parent's place. */
static struct place place_below(struct chain *c, const struct dns_name *name, bool exact, unsigned depth)
{
    struct dns_name parent;
    struct place up;
    if (depth == CHAIN_DEPTH)
        return (struct place){.zone = zone_hold(c->overload)};
    if (!name_parent(name, &parent)) /* the root, and nobody trusts it */
        return (struct place){.zone = zone_hold(c->insecure)};
    /* A name above the wanted one is mostly a zone if that is one; so is a top-level domain. */
    up = place_of(c, &parent, exact || name_labels(&parent) <= 1, depth + 1);
    if (up.zone && up.zone->state != ZONE_KEYS && up.zone->state != ZONE_NO_CUT)
        return up;
    struct cut *cut = cut_new(c, name, false);
    if (!cut) {
        zone_release(up.zone);
        return (struct place){.zone = zone_hold(c->overload)};
    }
    cut->parent = up.cut;
    if (up.zone) {
        cut->above = zone_hold(enclosing(up.zone));
        zone_release(up.zone);
    } else {
        link_append(&up.cut->children, &cut->sibling);
    }
    cut->exact = exact;
    return (struct place){.cut = cut};
}

static struct place place_of(struct chain *c, const struct dns_name *name, bool exact, unsigned depth)
{
    enum anchor_kind anchor = anchors_at(c->o.anchors, name);
    if (anchor == ANCHOR_NEGATIVE)
        return (struct place){.zone = zone_hold(c->insecure)};
    struct zone *known = zones_get(c->zones, name, now_of(c));
    if (known)
        return (struct place){.zone = zone_hold(known)};
    struct cut *cut = cut_find(c, name);
    if (cut) {
        cut->exact |= exact;
        return (struct place){.cut = cut};
    }
    if (anchor == ANCHOR_NONE)
        return place_below(c, name, exact, depth);
    cut = cut_new(c, name, true);
    return cut ? (struct place){.cut = cut} : (struct place){.zone = zone_hold(c->overload)};
}

/* Asks from the highest cut on the way to this one. What cannot be asked ends when it is waited for: an ask
 * never replies before it returned. */
static void ask_from_top(struct cut *c)
{
    struct cut *top = c;
    while (top->parent)
        top = top->parent;
    ask_ahead(top, CHAIN_AHEAD);
    if ((top->anchored ? &top->keys : &top->ds)->done)
        go(top);
}

struct zone *chain_find(struct chain *c, const struct dns_name *name, bool exact, struct chain_waiter *w)
{
    struct place p = place_of(c, name, exact, 0);
    if (p.zone)
        return p.zone;
    link_append(&p.cut->waiters, &w->link);
    ask_from_top(p.cut);
    return NULL;
}

void chain_leave(struct chain_waiter *w)
{
    if (w->link.next)
        link_remove(&w->link);
}

bool chain_clock_wrong(const struct chain *c)
{
    return c->clock_wrong;
}

struct chain *chain_new(const struct chain_options *o)
{
    static const struct dns_name root = {.len = 1};
    struct chain *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->o = *o;
    link_init(&c->cuts);
    c->zones = zones_new(CHAIN_ZONES);
    c->insecure = zone_new(ZONE_INSECURE, &root, NULL, 0);
    c->overload = zone_new(ZONE_FAILED, &root, NULL, 0);
    if (!c->zones || !c->insecure || !c->overload) {
        chain_free(&c);
        return NULL;
    }
    c->overload->why = REASON_OVERLOAD;
    return c;
}

void chain_free(struct chain **chain)
{
    struct chain *c = *chain;
    if (!c)
        return;
    while (!link_empty(&c->cuts)) {
        struct cut *cut = holder_of(c->cuts.next, struct cut, ring);
        while (!link_empty(&cut->waiters))
            link_remove(cut->waiters.next);
        while (!link_empty(&cut->children))
            link_remove(cut->children.next);
        cut_free(cut);
    }
    zones_free(&c->zones);
    zone_release(c->insecure);
    zone_release(c->overload);
    free(c);
    *chain = NULL;
}
