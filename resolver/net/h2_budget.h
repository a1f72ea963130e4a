/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a client may send that asks for nothing. Pure: times are arguments.
 *
 * Frames are paid for that are neither a request nor a part of one; requests and time earn. Bytes that no
 * request was made of are counted beside that: nghttp2 swallows some frames unseen. */
#ifndef POLYNYA_NET_H2_BUDGET_H
#define POLYNYA_NET_H2_BUDGET_H

#include <stdbool.h>
#include <stddef.h>

enum {
    H2_COST_RESET = 5,        /* a stream we had to reset costs more than it has earned */
    H2_EARNED_BY_REQUEST = 4, /* window updates, a priority, a cancellation */
};

struct h2_budget {
    int left;       /* frames */
    double since;   /* seconds; when time was paid out last */
    size_t useless; /* bytes read since the last of a request */
};

void h2_budget_init(struct h2_budget *b, double now);

static inline void h2_budget_spend(struct h2_budget *b, int cost)
{
    b->left -= cost;
}

void h2_budget_earn(struct h2_budget *b, int n);
/* Is anything left, with what time has added? */
bool h2_budget_holds(struct h2_budget *b, double now);

#endif
