/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone's primary: see primary.h. */
#include "steering/primary.h"

#include <ev.h>
#include <stdlib.h>

#include "data/base/hash.h"

struct primary {
    struct primary_options o;
    struct transfer *transfer; /* NULL: waiting */
    ev_timer timer;            /* until the next one */
    unsigned failures;
    bool whole; /* the difference has failed: ask for all of it next */
};

/* Later by up to a tenth: secondaries that started together do not ask together for ever. */
static void wait_for(struct primary *p, uint64_t seconds)
{
    uint64_t ms = seconds * 1000;
    ms = ms < p->o.conf->refresh_min ? p->o.conf->refresh_min : ms;
    ms = ms > p->o.conf->refresh_max ? p->o.conf->refresh_max : ms;
    ev_timer_set(&p->timer, (double)ms / 1000 * (1 + random_below(1000) / 10000.), 0.);
    ev_timer_start(p->o.loop, &p->timer);
}

static void schedule(struct primary *p, bool good)
{
    struct soa soa = {0};
    p->o.ours(p->o.self, &soa);
    p->failures = good ? 0 : p->failures + 1;
    unsigned doubled = p->failures < 8 ? p->failures : 8;
    if (good)
        wait_for(p, soa.refresh);
    else
        wait_for(p, (uint64_t)(soa.retry ? soa.retry : 1) << (doubled - 1));
}

static void on_ended(void *self, struct transfer_result *r)
{
    struct primary *p = self;
    p->whole = r->end == TRANSFER_FAILED && r->was_difference;
    transfer_free(&p->transfer);
    bool taken = p->o.ended(p->o.self, r);
    schedule(p, taken && r->end != TRANSFER_FAILED);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct primary *p = w->data;
    struct soa soa = {0};
    (void)loop, (void)events;
    const struct records *ours = p->o.ours(p->o.self, &soa);
    const struct transfer_options options = {.loop = p->o.loop,
                                             .conf = p->o.conf,
                                             .zone = p->o.zone,
                                             .timeout = p->o.timeout,
                                             .ours = ours,
                                             .serial = soa.serial,
                                             .whole = p->whole,
                                             .ended = on_ended,
                                             .self = p};
    p->transfer = transfer_new(&options);
    if (p->transfer) {
        transfer_start(p->transfer);
        return;
    }
    struct transfer_result r = {.end = TRANSFER_FAILED};
    refuse(&r.why, REFUSAL_NO_MEMORY, "transfer");
    on_ended(p, &r);
}

struct primary *primary_new(const struct primary_options *options)
{
    struct primary *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->o = *options;
    ev_timer_init(&p->timer, on_timer, 0., 0.);
    p->timer.data = p;
    ev_timer_start(p->o.loop, &p->timer);
    return p;
}

void primary_free(struct primary **p)
{
    if (!*p)
        return;
    transfer_free(&(*p)->transfer);
    ev_timer_stop((*p)->o.loop, &(*p)->timer);
    free(*p);
    *p = NULL;
}
