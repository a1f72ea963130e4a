/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of trust: what is known, and what must be asked to know more.
 *
 * A name's place follows from its parent's: by the DS there, or the proof that there is none, and by the
 * DNSKEYs that the DS point at. The questions for all names from the last known one down to the wanted one
 * are asked at once, CHAIN_AHEAD levels deep; each is asked once however many wait for it, and of another
 * server if the reply is not to be believed. Everything found is kept for as long as it is valid; failures
 * shortly. A name is bogus if the replies on the way to it cost more than CHAIN_WORK, however little each of
 * them does. Nothing here blocks. */
#ifndef POLYNYA_VALIDATOR_CHAIN_H
#define POLYNYA_VALIDATOR_CHAIN_H

#include "resolver/validator/anchors.h"
#include "resolver/validator/hearing.h"
#include "resolver/validator/judge.h"

enum {
    CHAIN_ZONES = 4096, /* names kept */
    CHAIN_CUTS = 2000,  /* names being asked for */
    CHAIN_AHEAD = 4,    /* levels below the last known name that are asked for at once */
    CHAIN_DEPTH = 48,   /* levels at which zones are looked for */
    CHAIN_WORK = 128,   /* signatures, as budget_work counts, on the way to one name */
    CHAIN_TTL_MAX = 86400,
    CHAIN_BOGUS_TTL = 30, /* seconds; RFC 4035 4.7 */
    CHAIN_FAILED_TTL = 2
};

/* As upstream_done. */
typedef void chain_reply(void *token, enum reason why, struct bytes reply);

struct chain_options {
    const struct anchors *anchors;
    struct bench *bench;
    /* Asks q (DO and CD set): `reply` is called once with token, not before this returns. NULL: it could not
     * be asked, and is not called. hearing: as upstream_ask has it. */
    void *(*ask)(void *self, const struct dns_query *q, struct hearing *hearing, chain_reply *reply,
                 void *token);
    /* Those servers' replies were not to be believed, and another's was. NULL: nobody wants to know. */
    void (*refuted)(void *self, uint64_t servers);
    /* Ends what ask began. */
    void (*cancel)(void *self, void *asked);
    uint32_t (*now)(void *self); /* Unix seconds */
    void *self;
};

struct chain;
struct cut;

/* Embedded in what waits for a name's place. */
struct chain_waiter {
    struct link link;
    struct budget cost; /* of what was validated for it; of several who wait, the first pays */
    /* zone is the callee's to release. */
    void (*found)(struct chain_waiter *w, struct zone *zone);
};

/* NULL without memory. What o points to is borrowed. */
struct chain *chain_new(const struct chain_options *o);
/* Waiters are forgotten. */
void chain_free(struct chain **c);
/* The name's place, held, if it is known; else NULL. name in lower case. */
struct zone *chain_known(struct chain *c, const struct dns_name *name);
/* The same, and if it is not known, w waits. exact: its keys will be wanted. */
struct zone *chain_find(struct chain *c, const struct dns_name *name, bool exact, struct chain_waiter *w);
/* w waits no longer. Harmless if it does not. */
void chain_leave(struct chain_waiter *w);
/* The keys of a trust anchor are right but for their signatures' times: our clock is wrong, or nobody signs
 * there any more. */
bool chain_clock_wrong(const struct chain *c);

#endif
