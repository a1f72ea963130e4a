/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prober's rounds: every address of every mirror probed over and over, its results counted in the ledger.
 *
 * An address is probed when it is new, and from then on every steering.probe.interval, a fifth more or less
 * each time, under one of its site's names after the other; never more than steering.probe.concurrency at a
 * time, first come, first served. What was known before a restart is probed again over the first interval. */
#ifndef POLYNYA_STEERING_ROUNDS_H
#define POLYNYA_STEERING_ROUNDS_H

#include "steering/ledger.h"

struct rounds;

/* All are borrowed. NULL, logged, without memory or with an unreadable ca-file. With steering.probe.mode off
 * nothing is ever probed. */
struct rounds *rounds_new(struct ev_loop *loop, const struct conf *conf, struct ledger *ledger);
/* Probes under way end without counting. */
void rounds_free(struct rounds **r);
/* The ledger has other addresses than before: probes those from here on. before and from as
 * ledger_stored gives them, or NULL. */
void rounds_enter(struct rounds *r, const struct addresses *before, const uint32_t *from);
/* Has every address a first result? */
bool rounds_began(const struct rounds *r);

#endif
