/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the replies about a cut mean: see cut.h. */
#include "data/base/log.h"
#include "resolver/validator/cut.h"

enum { CLOCK_LOG_EVERY = 300 }; /* seconds */

/* Puts the reply on the bench; false if that fails. */
static bool open_reply(struct cut *c, const struct ask *a, struct outcome *out)
{
    struct answer answer;
    if (a->why != REASON_OK || !answer_open(bytes_of(a->block, a->len), false, &answer) ||
        !rrsets_read(&c->chain->o.bench->sets, answer.wire)) {
        *out = (struct outcome){.state = ZONE_FAILED,
                                .why = a->why == REASON_OK ? REASON_UPSTREAM_BOGUS : a->why};
        return false;
    }
    /* A reply without a lifetime of its own is believed for a moment. */
    uint32_t ttl = answer.head.ttl ? answer.head.ttl : 1;
    c->ttl = ttl < c->ttl ? ttl : c->ttl;
    return true;
}

static void charge(struct cut *c, const struct link_verdict *v)
{
    budget_charge(&c->cost, &v->cost);
    /* What did not hold bounds nothing. */
    if (v->why == REASON_OK && v->ttl_max < c->ttl)
        c->ttl = v->ttl_max;
}

bool cut_take_ds(struct cut *c, struct outcome *out)
{
    static const enum zone_state states[] = {
        [DS_NO_CUT] = ZONE_NO_CUT, [DS_INSECURE] = ZONE_INSECURE, [DS_BOGUS] = ZONE_BOGUS};
    struct link_verdict verdict;
    struct chain *chain = c->chain;
    if (!open_reply(c, &c->ds, out))
        return true;
    enum ds_outcome ds = judge_ds(chain->o.bench, &c->name, c->above, chain_now(chain), &c->list, &verdict);
    charge(c, &verdict);
    c->ds_found = ds == DS_FOUND && ds_usable(&c->list);
    /* DS of kinds that nobody here knows: as good as none (RFC 4035 5.2). */
    *out = (struct outcome){.state = ds == DS_FOUND ? ZONE_INSECURE : states[ds], .why = verdict.why};
    return !c->ds_found;
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
    uint32_t now = chain_now(c);
    if (wrong && (!c->clock_logged || now - c->clock_logged >= CLOCK_LOG_EVERY)) {
        c->clock_logged = now;
        log_error("dnssec.clock",
                  "why=\"a trust anchor's keys are good but for the time of their signatures: "
                  "is the clock right?\"");
    }
    c->clock_wrong = wrong;
}

void cut_take_keys(struct cut *c, struct outcome *out)
{
    struct chain *chain = c->chain;
    struct bytes trusted[VERIFY_DS_MAX];
    struct link_verdict verdict;
    if (!open_reply(c, &c->keys, out))
        return;
    unsigned count = c->anchored ? trusted_of(c, trusted, VERIFY_DS_MAX) : 0;
    struct trust trust = {&c->list, trusted, count};
    struct zone *z = judge_keys(chain->o.bench, &c->name, &trust, chain_now(chain), &verdict);
    charge(c, &verdict);
    c->ttl = c->ttl ? c->ttl : 1;
    *out = (struct outcome){
        .zone = z, .state = ZONE_BOGUS, .why = verdict.why, .only_the_time = !z && verdict.only_the_time};
}

void cut_report(struct cut *c, const struct outcome *o)
{
    if (!c->anchored || (!o->zone && o->state != ZONE_BOGUS))
        return;
    note_clock(c->chain, o->only_the_time);
    if (!o->zone)
        log_warn("dnssec.anchor", "why=\"%s\"", reason_row(o->why)->text);
}
