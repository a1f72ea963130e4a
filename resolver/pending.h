/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions being asked upstream: equal ones are asked once.
 *
 * A lookup belongs to this module, not to the request that began it. It ends with an answer block or a
 * reason; answers are handed to `store` once (both caches), failures are remembered for a short, growing time
 * (RFC 9520), and every waiter is told. A waiter is told exactly once, at the latest after the configured
 * answer timeout; the lookup goes on without it until its own deadline, and still fills the cache. */
#ifndef POLYNYA_RESOLVER_PENDING_H
#define POLYNYA_RESOLVER_PENDING_H

#include <ev.h>

#include "data/conf/conf.h"
#include "data/dns/answer.h"

struct pending;
struct validator;
struct upstream;

/* Embedded in what waits; must stay where it is until `done` was called. */
struct pending_waiter {
    struct pending_waiter *prev, *next;   /* of the same lookup */
    struct pending_waiter *older, *newer; /* by deadline */
    struct pending_lookup *lookup;
    int64_t deadline; /* monotonic ms */
    struct ip client; /* who is charged for what it costs, should this one begin the lookup */
    /* answer is NULL unless why is REASON_OK; borrowed for the call. */
    void (*done)(struct pending_waiter *w, enum reason why, const struct answer *answer);
};

struct pending_options {
    const struct conf *conf;
    /* Called once for every answer that came, before the waiters: block is borrowed. */
    void (*store)(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer);
    /* May give another block to be stored and told instead of what came; borrowed for the
     * waiters' calls. NULL: what came is told. */
    struct bytes (*inspect)(void *self, const struct dns_query *q, const struct answer *answer,
                            struct bytes block);
    void *self;
    struct validator *validator; /* NULL: answers are not validated */
    /* Called with the client's address for what validating cost: signatures checked, a hundred NSEC3 hashes
     * counted as one. NULL: nobody wants to know. */
    void (*charge)(void *self, const struct ip *client, unsigned work);
};

/* upstream is borrowed. NULL without memory. */
struct pending *pending_new(struct ev_loop *loop, struct upstream *upstream,
                            const struct pending_options *options);
/* Tells every waiter REASON_UPSTREAM_DEAD, then ends. */
void pending_free(struct pending **p);
/* Starts or joins the lookup for q. w->done and w->client are set by the caller; it may be called before this
 * returns (failure remembered, too many lookups or waiters). q and key are copied where needed. */
void pending_ask(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                 struct pending_waiter *w);
unsigned pending_count(const struct pending *p);

#endif
