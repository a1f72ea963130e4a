/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Those who wait for a lookup, and the queues by deadline that they stand in.
 *
 * A waiter stands in the group of its lookup and in one queue. In a queue all deadlines are equally far away,
 * so the list is in their order and one timer does. A waiter has left both before it hears of anything: its
 * callback may ask anew. */
#ifndef POLYNYA_RESOLVER_WAITERS_H
#define POLYNYA_RESOLVER_WAITERS_H

#include <ev.h>

#include "data/base/address.h"
#include "data/dns/answer.h"

struct waiter_group;
struct waiter_queue;

/* Embedded in what waits; must stay where it is until `done` was called. */
struct pending_waiter {
    struct pending_waiter *prev, *next;   /* of the same group */
    struct pending_waiter *older, *newer; /* by deadline */
    struct waiter_group *group;
    struct waiter_queue *queue;
    int64_t deadline; /* monotonic ms */
    struct ip client; /* who is charged for what it costs, should this one begin the lookup */
    /* answer is NULL unless why is REASON_OK; borrowed for the call. */
    void (*done)(struct pending_waiter *w, enum reason why, const struct answer *answer);
};

struct waiter_group {
    struct pending_waiter *first;
    unsigned count;
    enum reason late; /* what those are told whose time is over */
};

struct waiter_queue {
    struct ev_loop *loop;
    int64_t delay; /* ms */
    struct pending_waiter *oldest, *newest;
    struct ev_timer timer; /* for the oldest waiter; left running when that one is told earlier */
};

/* loop is borrowed; delay is how long its waiters wait at most, in ms. */
void waiter_queue_init(struct waiter_queue *q, struct ev_loop *loop, int64_t delay);
/* It must be empty. */
void waiter_queue_fini(struct waiter_queue *q);
/* w->done is set by the caller. After the queue's delay it is told the group's `late`. */
void waiter_join(struct pending_waiter *w, struct waiter_group *group, struct waiter_queue *queue);
/* Tells all of the group, those who join it meanwhile too. */
void waiter_tell_all(struct waiter_group *group, enum reason why, const struct answer *answer);

#endif
