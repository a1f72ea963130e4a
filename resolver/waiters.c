/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Waiters: see waiters.h. */
#include "resolver/waiters.h"

#include "data/base/clock.h"
#include "data/base/link.h"

static void arm(struct waiter_queue *q)
{
    if (!q->oldest || ev_is_active(&q->timer))
        return;
    int64_t left = q->oldest->deadline - clock_mono_ms();
    ev_timer_set(&q->timer, left > 0 ? (double)left / 1000 : 0.0, 0.0);
    ev_timer_start(q->loop, &q->timer);
}

void waiter_join(struct pending_waiter *w, struct waiter_group *group, struct waiter_queue *queue)
{
    w->group = group;
    w->prev = NULL;
    w->next = group->first;
    if (group->first)
        group->first->prev = w;
    group->first = w;
    group->count++;
    w->queue = queue;
    w->deadline = clock_mono_ms() + queue->delay;
    w->newer = NULL;
    w->older = queue->newest;
    *(queue->newest ? &queue->newest->newer : &queue->oldest) = w;
    queue->newest = w;
    arm(queue);
}

static void leave(struct pending_waiter *w)
{
    struct waiter_group *g = w->group;
    struct waiter_queue *q = w->queue;
    *(w->prev ? &w->prev->next : &g->first) = w->next;
    if (w->next)
        w->next->prev = w->prev;
    *(w->older ? &w->older->newer : &q->oldest) = w->newer;
    *(w->newer ? &w->newer->older : &q->newest) = w->older;
    g->count--;
    w->group = NULL;
    w->queue = NULL;
    w->prev = w->next = w->older = w->newer = NULL;
}

void waiter_tell_all(struct waiter_group *group, enum reason why, const struct answer *answer)
{
    while (group->first) {
        struct pending_waiter *w = group->first;
        leave(w);
        w->done(w, why, answer);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct waiter_queue *q = holder_of(timer, struct waiter_queue, timer);
    int64_t now = clock_mono_ms();
    while (q->oldest && q->oldest->deadline <= now) {
        struct pending_waiter *w = q->oldest;
        enum reason why = w->group->late;
        leave(w);
        w->done(w, why, NULL);
    }
    arm(q);
}

void waiter_queue_init(struct waiter_queue *q, struct ev_loop *loop, int64_t delay)
{
    *q = (struct waiter_queue){.loop = loop, .delay = delay};
    ev_init(&q->timer, on_timer);
}

void waiter_queue_fini(struct waiter_queue *q)
{
    ev_timer_stop(q->loop, &q->timer);
}
