/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is asked beside readers' lookups: servers on hold, to see whether they are back, and others than the
 * best one, to measure them. Nobody waits for those. */
#ifndef POLYNYA_RESOLVER_EXPLORE_H
#define POLYNYA_RESOLVER_EXPLORE_H

#include "resolver/exchange.h"

/* To be called with each lookup of q in the group. */
void explore_beside(struct exchange *x, const struct server_group *group, const struct dns_query *q);

#endif
