/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One timeout shared by many: a queue in which the oldest stands first, and one timer of the loop for all.
 *
 * Since all members wait equally long, joining at the end keeps the queue sorted: starting, restarting and
 * stopping a timeout cost a few pointers. The loop's timer fires at most 16 times per timeout, so expiry is
 * late by a sixteenth at most; an empty queue costs nothing. */
#ifndef POLYNYA_NET_DEADLINE_H
#define POLYNYA_NET_DEADLINE_H

#include <ev.h>

#include "data/base/link.h"

struct deadline {
    struct link link;
    ev_tstamp since;
};

struct deadlines {
    struct ev_loop *loop;
    ev_timer timer;
    struct link members;
    double timeout; /* seconds */
    void (*expired)(struct deadline *d);
};

/* expired is called with d already taken out; it may free what d is part of, and no other member. */
void deadlines_init(struct deadlines *q, struct ev_loop *loop, double timeout,
                    void (*expired)(struct deadline *d));
void deadlines_fini(struct deadlines *q);
/* The one that has waited longest; NULL if there is none. */
struct deadline *deadlines_oldest(const struct deadlines *q);
/* Starts d's timeout anew, in whatever queue it was. */
void deadline_start(struct deadlines *q, struct deadline *d);

static inline void deadline_init(struct deadline *d)
{
    link_init(&d->link);
    d->since = 0;
}

static inline void deadline_stop(struct deadline *d)
{
    link_remove(&d->link);
}

#endif
