/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Silence and idleness of a connection: see quiet.h. */
#include "resolver/quiet.h"

#include "data/base/clock.h"
#include "data/base/link.h"

static void wait_for(struct quiet *q, unsigned ms)
{
    q->timer.repeat = (double)(ms ? ms : 1) / 1000;
    ev_timer_again(q->dial->loop, &q->timer);
}

static bool still_hoped(const struct quiet *q)
{
    return QUIET_DOUBT + q->looks * QUIET_LOOK < QUIET_SILENCE && !dial_unconfirmed(q->dial);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct quiet *q = holder_of(timer, struct quiet, timer);
    if (q->owed && still_hoped(q)) {
        q->looks++;
        wait_for(q, QUIET_LOOK);
        return;
    }
    if (q->dial->state == DIAL_OPEN) {
        if (q->owed)
            idle_forgotten(q->idle, q->rest);
        else
            idle_lived(q->idle);
    }
    q->over(q);
}

void quiet_init(struct quiet *q, const struct dial *dial, struct idle *idle, void (*over)(struct quiet *q))
{
    *q = (struct quiet){.dial = dial, .idle = idle, .over = over};
    ev_init(&q->timer, on_timer);
}

void quiet_stop(struct quiet *q)
{
    ev_timer_stop(q->dial->loop, &q->timer);
    q->heard_at = q->rest = 0;
    q->owed = false;
}

static int64_t idle_for(const struct quiet *q)
{
    return q->heard_at ? clock_mono_ms() - q->heard_at : 0;
}

void quiet_owe(struct quiet *q)
{
    if (q->owed)
        return;
    q->rest = idle_for(q);
    quiet_go_on(q, true);
}

void quiet_heard(struct quiet *q)
{
    q->heard_at = clock_mono_ms();
    q->rest = 0;
}

void quiet_go_on(struct quiet *q, bool owed)
{
    q->owed = owed;
    q->looks = 0;
    wait_for(q, owed ? QUIET_DOUBT : idle_limit(q->idle));
}

void quiet_cut(struct quiet *q)
{
    int64_t waited = q->owed ? q->rest : idle_for(q);
    if (waited >= IDLE_LEAST)
        idle_cut(q->idle, waited);
}
