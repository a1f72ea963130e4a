/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What answers questions in a worker: owns its caches, its lookups, its validator and its steering snapshot,
 * and knows where each turn of the loop begins and ends. The way of a question is query.c's. */
#ifndef POLYNYA_RESOLVER_ENGINE_H
#define POLYNYA_RESOLVER_ENGINE_H

#include <ev.h>

#include "data/conf/conf.h"
#include "data/store/cache.h"
#include "data/store/geoip.h"
#include "data/store/shm.h"
#include "resolver/net/http.h"
#include "resolver/upstream.h"
#include "steering/view.h"

struct engine;
struct anchors;

/* All borrowed for the engine's life; geoip may be NULL; so may anchors, if nothing is validated. NULL
 * without memory. */
struct engine *engine_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers,
                          struct shm *shm, const struct geoip *geoip, const struct anchors *anchors);
/* clean: an orderly stop of the service, see cache_close. Requests that wait are answered first. */
void engine_free(struct engine **e, bool clean);
/* Serves the DoH path and its raw twin; false, with nothing done, for any other path. */
bool engine_request(struct engine *e, struct http_stream *s, const struct http_request *r);
/* Serves a DNS message that came without HTTP; refused: REASON_OK, or why it gets no answer but an RCODE. */
void engine_message(struct engine *e, struct http_stream *s, struct bytes message, enum reason refused);

/* For the admin listener. */
void engine_cache_usage(struct engine *e, struct cache_usage *out);
/* What it steers by, valid within the loop's turn; NULL: nothing yet. */
const struct view *engine_view(const struct engine *e);
unsigned engine_upstreams(struct engine *e, struct upstream_state *out, unsigned cap);

#endif
