/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timeouts in queues: see deadline.h. */
#include "resolver/net/deadline.h"

struct deadline *deadlines_oldest(const struct deadlines *q)
{
    return link_empty(&q->members) ? NULL : holder_of(q->members.next, struct deadline, link);
}

static void arm(struct deadlines *q)
{
    const struct deadline *d = deadlines_oldest(q);
    if (!d)
        return;
    double wait = d->since + q->timeout - ev_now(q->loop);
    ev_timer_set(&q->timer, wait > q->timeout / 16 ? wait : q->timeout / 16, 0.);
    ev_timer_start(q->loop, &q->timer);
}

static void on_timer(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)events;
    struct deadlines *q = t->data;
    for (struct deadline *d = deadlines_oldest(q); d && d->since + q->timeout <= ev_now(loop);
         d = deadlines_oldest(q)) {
        link_remove(&d->link);
        q->expired(d);
    }
    arm(q);
}

void deadlines_init(struct deadlines *q, struct ev_loop *loop, double timeout,
                    void (*expired)(struct deadline *d))
{
    *q = (struct deadlines){.loop = loop, .timeout = timeout, .expired = expired};
    link_init(&q->members);
    ev_init(&q->timer, on_timer);
    q->timer.data = q;
}

void deadlines_fini(struct deadlines *q)
{
    ev_timer_stop(q->loop, &q->timer);
}

void deadline_start(struct deadlines *q, struct deadline *d)
{
    d->since = ev_now(q->loop);
    link_move(&q->members, &d->link);
    if (!ev_is_active(&q->timer))
        arm(q);
}
