/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Timeouts of connections: see conn_inner.h. */
#include <linux/sockios.h>
#include <sys/ioctl.h>

#include "data/base/metric.h"
#include "resolver/net/conn_inner.h"

static const double LINGER_SECONDS = 1;

static struct conn_phase phase_of(const struct conn *c)
{
    if (c->left || c->blocked)
        return (struct conn_phase){CONN_WRITE, c->written / CONN_TAKEN_LEAST};
    if (c->protocol)
        return c->protocol->phase(c->self);
    /* A handshake has one timeout as a whole; so have the first bytes of a connection in clear. */
    return (struct conn_phase){c->secure && c->first_len == 0 ? CONN_IDLE : CONN_READ, 0};
}

void conn_run_timer(struct conn *c)
{
    struct conn_phase phase = phase_of(c);
    if (phase.timer == c->timer && phase.mark == c->mark)
        return;
    c->timer = phase.timer;
    c->mark = phase.mark;
    if (phase.timer == CONN_BUSY)
        deadline_stop(&c->deadline);
    else
        deadline_start(&c->set->timer[phase.timer], &c->deadline);
}

static void say_timeout(struct conn *c, bool reading)
{
    if (!c->protocol || c->closing) {
        conn_drop(c);
        return;
    }
    c->protocol->timeout(c->self, reading);
    c->closing = true;
    c->timer = CONN_BUSY;
    conn_dirty(c);
}

static void on_idle_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_IDLE);
    say_timeout(holder_of(d, struct conn, deadline), false);
}

static void on_read_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_READ);
    say_timeout(holder_of(d, struct conn, deadline), true);
}

static void on_write_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_WRITE);
    conn_abort(holder_of(d, struct conn, deadline));
}

/* A last answer that has not arrived yet has the time that writing has. */
static void on_linger_expired(struct deadline *d)
{
    struct conn *c = holder_of(d, struct conn, deadline);
    int unsent;
    if (ioctl(c->io.fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        deadline_start(&c->set->timer[CONN_WRITE], &c->deadline);
    else
        conn_drop(c);
}

void conn_timers_init(struct conn_set *set)
{
    const struct front_limits *limits = &set->limits;
    deadlines_init(&set->timer[CONN_IDLE], set->loop, limits->idle_timeout, on_idle_expired);
    deadlines_init(&set->timer[CONN_READ], set->loop, limits->read_timeout, on_read_expired);
    deadlines_init(&set->timer[CONN_WRITE], set->loop, limits->write_timeout, on_write_expired);
    deadlines_init(&set->timer[CONN_LINGER], set->loop, LINGER_SECONDS, on_linger_expired);
}

void conn_timers_fini(struct conn_set *set)
{
    for (int i = 0; i < CONN_TIMERS; i++)
        deadlines_fini(&set->timer[i]);
}
