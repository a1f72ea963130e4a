/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question's way to its answer: LOCAL, STEER, CACHE, ASK, REPLY (design, section 4).
 *
 * What a question needs while it waits lives in its stream's arena; nothing of it is global. */
#ifndef POLYNYA_RESOLVER_QUERY_H
#define POLYNYA_RESOLVER_QUERY_H

#include <ev.h>

#include "data/conf/conf.h"
#include "data/store/geoip.h"
#include "resolver/cached.h"
#include "resolver/net/http.h"
#include "resolver/net/rate.h"
#include "resolver/pending.h"
#include "resolver/snapshot.h"
#include "resolver/upstream.h"
#include "steering/guard.h"

/* What a question meets: one worker's, all borrowed. */
struct query_env {
    struct ev_loop *loop;
    const struct conf *conf;
    struct cached *cached;
    struct upstream *upstream;
    struct pending *pending;
    struct snapshot *snapshot;
    const struct geoip *geoip;    /* NULL: countries are not told */
    struct rate *misses, *checks; /* by client network */
    struct rate *domain_misses;
    const struct guard *guard;       /* knows registered domains; NULL: domain_misses are not limited */
    uint8_t block[ANSWER_BLOCK_MAX]; /* answers of our own; nothing waits in it for more than a call */
    uint8_t out[DNS_MSG_MAX];
};

/* Answers a question that parsed, now or when its lookup ends. raw: the truth, never steered. */
void query_resolve(struct query_env *e, struct http_stream *s, const struct dns_query *q, bool raw);

#endif
