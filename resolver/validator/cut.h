/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name whose place in the chain of trust is being found out: the chain's own business.
 *
 * It waits for its parent's place (a cut of its own, or known), for the reply about its DS, and if that says
 * so, about its DNSKEY; then it becomes a zone, and those who wait for it are told. */
#ifndef POLYNYA_VALIDATOR_CUT_H
#define POLYNYA_VALIDATOR_CUT_H

#include "data/dns/answer.h"
#include "resolver/validator/chain.h"

/* What a cut ends as: a zone that was made, or else one to be made. */
struct outcome {
    struct zone *zone;
    enum zone_state state;
    enum reason why;
    bool only_the_time; /* is wrong with the keys: see link_verdict */
};

struct ask {
    struct cut *cut;
    void *asked; /* NULL: not under way */
    struct hearing hearing;
    struct outcome doubt; /* what the first reply that was disbelieved came to */
    bool begun, done;
    bool came; /* the reply, whatever it is worth */
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

static inline uint32_t chain_now(const struct chain *c)
{
    return c->o.now(c->o.self);
}

/* The zone that a name with this place is in. */
static inline struct zone *zone_enclosing(struct zone *z)
{
    return z->state == ZONE_NO_CUT ? z->above : z;
}

/* NULL: too many, or no memory. */
struct cut *cut_new(struct chain *c, const struct dns_name *name, bool anchored);
/* Nobody waits for it any more. */
void cut_free(struct cut *c);
/* Asks for c and what waits below it, `levels` deep. */
void cut_ask_ahead(struct cut *c, unsigned levels);
/* Goes on with what has come; it may end. */
void cut_go(struct cut *c);

/* Judges the reply about its DS. False: its keys are to be judged next. */
bool cut_take_ds(struct cut *c, struct outcome *out);
/* The same of its keys, which ends it. */
void cut_take_keys(struct cut *c, struct outcome *out);
/* Tells the operator if it is a trust anchor that has come out wrong. */
void cut_report(struct cut *c, const struct outcome *o);

#endif
