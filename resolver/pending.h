/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions being asked upstream: equal ones are asked once.
 *
 * A lookup belongs to this module, not to the request that began it. It ends with an answer block or a
 * reason; answers are handed to `store` once (both caches), failures are remembered for a short, growing time
 * (RFC 9520), and every waiter is told. A waiter is told exactly once, at the latest after the configured
 * time; the lookup goes on without it until its own deadline, and still fills the cache. */
#ifndef POLYNYA_RESOLVER_PENDING_H
#define POLYNYA_RESOLVER_PENDING_H

#include "data/conf/conf.h"
#include "resolver/waiters.h"

struct pending;
struct validator;
struct upstream;

struct pending_options {
    const struct conf *conf;
    /* Called once for every answer that came, before the waiters: block is borrowed. wanted: somebody waits
     * for it, or did. */
    void (*store)(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer,
                  bool wanted);
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
/* How long a waiter waits: until upstream.answer-timeout, or until cache.stale-after, having an answer that
 * will do. */
enum pending_patience { PENDING_PATIENT, PENDING_HASTY };

/* Starts or joins the lookup for q. w->done and w->client are set by the caller; it may be called before this
 * returns (failure remembered, too many lookups or waiters). q and key are copied where needed. */
void pending_ask(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                 enum pending_patience patience, struct pending_waiter *w);
/* Starts the lookup for q for the cache alone, unless it is under way or failed a moment ago. wanted:
 * somebody asked, and was told something older; else it is a prefetch, of which cache.prefetch may be under
 * way. client is charged for what it costs to validate. */
void pending_renew(struct pending *p, const struct dns_query *q, const struct answer_key *key,
                   const struct ip *client, bool wanted);
unsigned pending_count(const struct pending *p);

#endif
