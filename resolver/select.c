/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths measured and chosen: see select.h. */
#include "resolver/select.h"

enum { SRTT_ONE = 8, VAR_ONE = 4, LOSS_SHARE = 8, OUTRUN_SHARE = 4 };

static uint32_t bounded(int64_t n, int64_t low, int64_t high)
{
    return (uint32_t)(n < low ? low : n > high ? high : n);
}

/* RFC 6298 2, in the fixed point of Jacobson's paper. */
static void measure(struct path *p, uint32_t rtt)
{
    if (p->srtt == 0) {
        p->srtt = rtt * SRTT_ONE;
        p->var = rtt * VAR_ONE / 2;
        return;
    }
    int64_t off = (int64_t)rtt - p->srtt / SRTT_ONE;
    p->srtt = bounded(p->srtt + off, SRTT_ONE, (int64_t)PATH_RTT_MAX * SRTT_ONE);
    p->var = bounded((off < 0 ? -off : off) + p->var - p->var / VAR_ONE, 0, (int64_t)PATH_RTT_MAX * VAR_ONE);
}

void path_replied(struct path *p, int64_t rtt, bool cold, int64_t now)
{
    p->replied = now;
    p->lost = false;
    p->loss -= (p->loss + LOSS_SHARE - 1) / LOSS_SHARE;
    if (!cold || p->srtt == 0)
        measure(p, bounded(rtt, 1, PATH_RTT_MAX));
}

void path_lost(struct path *p)
{
    p->lost = true;
    p->loss += (PATH_LOSS_ALL - p->loss) / LOSS_SHARE;
}

/* Its round trip is at least that; how far it varies is not known, and must not put off the next hedge. */
void path_outrun(struct path *p, int64_t waited)
{
    p->lost = true;
    if (p->srtt && waited > path_rtt(p))
        p->srtt += (bounded(waited, 1, PATH_RTT_MAX) * SRTT_ONE - p->srtt) / OUTRUN_SHARE;
}

uint32_t path_rtt(const struct path *p)
{
    return p->srtt / SRTT_ONE;
}

uint32_t path_cost(const struct path *p)
{
    return (p->srtt ? path_rtt(p) : PATH_UNKNOWN) + p->loss * PATH_LOSS_COST / PATH_LOSS_ALL;
}

uint32_t path_hedge(const struct path *p)
{
    if (p->srtt == 0)
        return PATH_UNKNOWN;
    return bounded((int64_t)path_rtt(p) + p->var, PATH_HEDGE_MIN, PATH_HEDGE_MAX);
}

bool path_proven(const struct path *p, int64_t since)
{
    return p->srtt != 0 && !p->lost && p->replied >= since;
}

/* Ranks before its cost: what is held comes last, and the least asked first. */
static uint32_t rank(const struct candidate *c)
{
    return (c->held ? 256u : 0) + c->asked;
}

static bool better(const struct candidate *a, const struct candidate *b)
{
    if (rank(a) != rank(b))
        return rank(a) < rank(b);
    return path_cost(a->path) < path_cost(b->path);
}

int select_best(const struct candidate *list, unsigned count)
{
    int best = -1;
    for (unsigned i = 0; i < count; i++)
        if (list[i].asked != SELECT_EXCLUDED && (best < 0 || better(&list[i], &list[best])))
            best = (int)i;
    return best;
}

int select_explored(const struct candidate *list, unsigned count, int best, uint32_t dice)
{
    unsigned others[SELECT_MAX], n = 0;
    for (unsigned i = 0; i < count && n < SELECT_MAX; i++) {
        if ((int)i == best || list[i].held || list[i].asked)
            continue;
        /* Of what was never heard of, the first question already tells whether it is there. */
        if (list[i].path->srtt == 0 && list[i].path->loss == 0)
            return (int)i;
        others[n++] = i;
    }
    return n > 0 && dice % SELECT_EXPLORE == 0 ? (int)others[dice / SELECT_EXPLORE % n] : -1;
}
