/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keeps the trust anchors up to date (RFC 5011): asks for their keys, and stores what changes in
 * state-dir/prober.
 *
 * A guest of the prober's loop: that is the one process that lives through all generations, is confined, and
 * reads nothing that readers send. The supervisor notices the file's change and starts workers that trust
 * what it says. */
#ifndef POLYNYA_RESOLVER_KEEPER_H
#define POLYNYA_RESOLVER_KEEPER_H

#include <ev.h>

#include "data/conf/conf.h"
#include "resolver/validator/anchors.h"

struct keeper;
struct peers;

/* Whether there is something to keep. */
bool keeper_wanted(const struct conf *conf);
/* NULL if it cannot be, which is logged. Asks at once. conf and peers are borrowed. */
struct keeper *keeper_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers);
void keeper_free(struct keeper **k);

/* The file in state-dir/prober. */
void keeper_path(const struct conf *conf, char *out, size_t cap);
/* The anchors to validate with: the configured ones, and what was kept. NULL if something is wrong with the
 * former: error says what. */
struct anchors *keeper_anchors(const struct conf *conf, char *error, size_t cap);

#endif
