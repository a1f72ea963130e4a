/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Does our own uplink work? A failed probe tells of its mirror only if it does.
 *
 * A failure is held until something proves that the uplink works, and counts then: a canary that answers in a
 * round begun after it, or a probe that succeeds anywhere. While nothing does, states stay what they are, and
 * readers keep the mirrors that were good. Without canaries the uplink is dead when every address of at
 * least UPLINK_SITES_MIN sites has failed and none succeeded since; with fewer sites there is nothing to tell
 * it by, and failures count at once. */
#ifndef POLYNYA_STEERING_UPLINK_H
#define POLYNYA_STEERING_UPLINK_H

#include <ev.h>

#include "data/base/link.h"
#include "data/conf/conf.h"
#include "resolver/net/fetch.h"
#include "steering/health.h"

enum { UPLINK_SITES_MIN = 3, UPLINK_CANARIES_MAX = 8 };

/* One address' failures that do not count yet; embedded in what is probed. */
struct uplink_held {
    struct link link; /* link_init it before use */
    unsigned failures;
};

struct uplink_canary {
    struct uplink *uplink;
    struct fetch *fetch; /* NULL: not under way */
};

struct uplink {
    struct ev_loop *loop;
    const struct conf *conf;
    struct fetcher *fetcher;
    enum health_uplink state;
    uint32_t held_count; /* addresses in the two rings */
    struct link held;    /* since the canaries' round under way began */
    struct link asked;   /* from before it */
    unsigned asking;     /* canaries under way */
    int64_t asked_at;    /* clock_mono_ms */
    ev_timer again;
    struct uplink_canary canary[UPLINK_CANARIES_MAX];
    /* Called for each address whose failures count, or do not: it is in no ring, and held->failures is set to
     * 0 afterwards. */
    void (*settle)(void *self, struct uplink_held *held, bool counts);
    /* After the state became another one. */
    void (*changed)(void *self, enum health_uplink state);
    void *self;
};

/* All are borrowed; the caller sets settle, changed and self. */
void uplink_init(struct uplink *u, struct ev_loop *loop, const struct conf *conf, struct fetcher *fetcher);
void uplink_fini(struct uplink *u);
/* What it was before a restart. */
void uplink_resume(struct uplink *u, enum health_uplink state);
/* A probe succeeded: what is held counts, and the uplink works. */
void uplink_proved(struct uplink *u);
/* A probe of that address failed. addresses and sites are all that are probed. May settle it at once. */
void uplink_failed(struct uplink *u, struct uplink_held *held, uint32_t addresses, uint32_t sites);
/* The address is gone, or its failures are void. */
void uplink_forget(struct uplink *u, struct uplink_held *held);

#endif
