/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pages for operators: /metrics and /health, and /status on the control socket.
 *
 * Answered from shared memory by whichever worker accepted the connection, so every worker tells the same.
 * GET and HEAD only. Costs at most one pass over the slots; never touches what questions need. */
#ifndef POLYNYA_RESOLVER_ADMIN_H
#define POLYNYA_RESOLVER_ADMIN_H

#include "data/conf/conf.h"
#include "data/store/shm.h"
#include "resolver/net/http.h"

struct admin;
struct engine;

/* All borrowed for the admin's life; engine may be NULL (a role without one): then /status tells nothing of
 * cache and upstreams. control: also serve /status. NULL without memory. */
struct admin *admin_new(const struct conf *conf, const struct shm *shm, struct engine *engine, bool control);
void admin_free(struct admin **a);
/* From now on /health is 503. NULL is allowed. */
void admin_drain(struct admin *a);
/* For struct http_handler; self is the struct admin.
 *   /metrics  Prometheus text format 0.0.4, summed over all processes
 *   /health   200 {"status":"ok",...}, or 503 while draining; an expired list is told and is no failure
 *   /status   JSON object, see polynyad(8); 404 unless made with control */
void admin_request(void *self, struct http_stream *s, const struct http_request *r);

#endif
