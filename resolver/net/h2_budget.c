/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The budget of useless frames: see h2_budget.h. */
#include "resolver/net/h2_budget.h"

enum {
    BUDGET_MAX = 1000, /* useless frames a client may send at once */
    BUDGET_PER_SECOND = 10,
    USELESS_MAX = 1024 * 1024,
};

void h2_budget_init(struct h2_budget *b, double now)
{
    *b = (struct h2_budget){.left = BUDGET_MAX, .since = now};
}

void h2_budget_earn(struct h2_budget *b, int n)
{
    b->left = b->left + n < BUDGET_MAX ? b->left + n : BUDGET_MAX;
}

bool h2_budget_holds(struct h2_budget *b, double now)
{
    if (b->useless > USELESS_MAX)
        return false;
    if (b->left > 0)
        return true;
    double seconds = now - b->since;
    b->since = now;
    if (seconds > 0)
        h2_budget_earn(b, seconds < BUDGET_MAX ? (int)(seconds * BUDGET_PER_SECOND) : BUDGET_MAX);
    return b->left > 0;
}
