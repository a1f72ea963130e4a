/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How old the lists are that are believed, as it is told: a line in the log when that changes, and metrics.
 */
#ifndef POLYNYA_STEERING_LISTS_AGE_H
#define POLYNYA_STEERING_LISTS_AGE_H

#include "steering/subscription.h"

/* Metrics are of all together: the newest version and dates, and the worst age. old_after: ms since a list
 * was issued. */
void lists_tell_age(struct subscription *sub, unsigned count, uint64_t old_after, int64_t now);

#endif
