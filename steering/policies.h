/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed policy zones: where each comes from, what is believed of it now, and when it is looked at.
 *
 * They stand behind all signed lists and have less say (rpz_rules.h). Like lists, a zone that is refused
 * leaves the one before standing, and what was accepted outlives a restart; a transferred one ends when its
 * primary has confirmed it for none of the SOA's expire. lists.h is their only writer: it asks for their
 * sites when it compiles a snapshot, and stores what is new in the snapshot's transaction. */
#ifndef POLYNYA_STEERING_POLICIES_H
#define POLYNYA_STEERING_POLICIES_H

#include "data/conf/conf.h"
#include "data/dns/records.h"
#include "data/store/store.h"
#include "steering/guard.h"
#include "steering/view.h"

struct ev_loop;
struct feed_watch;
struct policies;

/* What its owner has for it; borrowed. */
struct policies_owner {
    struct store *store;
    const struct guard *guard;
    /* A zone has changed: compiles and stores anew. False: it could not, and all stays as it was. */
    bool (*changed)(void *self, int64_t now);
    void *self;
};

/* Both are borrowed. loop NULL: only files are read. NULL without memory. */
struct policies *policies_new(struct ev_loop *loop, const struct conf *conf);
void policies_free(struct policies **p);
/* Takes what the store remembers; calls nothing. */
void policies_start(struct policies *p, const struct policies_owner *owner, int64_t now);
/* Reads zone files that changed since they were read last, and lets go of zones that have expired. */
void policies_update(struct policies *p, int64_t now);
void policies_watch(const struct policies *p, struct feed_watch *watch);

/* A source for each zone that has something to say, at most conf's rpz_count; borrowed until the next call.
 * taken: names that no zone may touch (policy.h); it gets those that zones pass through. False without
 * memory. */
bool policies_sources(struct policies *p, int64_t now, struct records *taken, struct view_source *out,
                      size_t *count);
/* Puts what changed. */
enum store_result policies_put(struct policies *p, struct store_txn *t);

#endif
