/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How fast and how reliable a server is over one transport, and which of several is asked next. Pure: time
 * and chance come in as arguments.
 *
 * Round trips are smoothed as TCP does it (RFC 6298), losses as a share of the latest tries. A choice weighs
 * both as the milliseconds that asking is expected to take. A server that is not the best one is measured by
 * exploration: a question asked beside a reader's, so that no reader waits for what is tried out. */
#ifndef POLYNYA_RESOLVER_SELECT_H
#define POLYNYA_RESOLVER_SELECT_H

#include <stdbool.h>
#include <stdint.h>

enum {
    PATH_RTT_MAX = 10000,  /* ms; what takes longer counts as this */
    PATH_LOSS_ALL = 1024,  /* all of the latest tries were lost */
    PATH_LOSS_COST = 800,  /* ms that a certain loss costs */
    PATH_UNKNOWN = 200,    /* ms that an unmeasured path is taken to need */
    PATH_HEDGE_MIN = 20,   /* ms until a second server is asked, at least ... */
    PATH_HEDGE_MAX = 400,  /* ... and at most */
    SELECT_MAX = 64,       /* servers of one choice */
    SELECT_EXCLUDED = 255, /* asked too often already */
    SELECT_EXPLORE = 20    /* one lookup in so many explores */
};

struct path {
    uint32_t srtt;   /* smoothed round trip in eighths of a ms; 0 before the first reply */
    uint32_t var;    /* mean deviation in quarters of a ms */
    uint32_t loss;   /* of PATH_LOSS_ALL */
    bool lost;       /* the latest try, or outrun */
    int64_t replied; /* monotonic ms of the latest reply */
};

/* A reply after rtt ms. cold: a connection had to be opened first, which says little about the next query. */
void path_replied(struct path *p, int64_t rtt, bool cold, int64_t now);
/* No reply in time. */
void path_lost(struct path *p);
/* Given up after `waited` ms, because another server's answer came first. */
void path_outrun(struct path *p, int64_t waited);
/* Milliseconds; 0 if unmeasured. */
uint32_t path_rtt(const struct path *p);
/* Milliseconds that asking is expected to take. */
uint32_t path_cost(const struct path *p);
/* Milliseconds after which an answer is later than it should be: about the 95th percentile. */
uint32_t path_hedge(const struct path *p);
/* It has answered since then, and nothing was lost after that. */
bool path_proven(const struct path *p, int64_t since);

struct candidate {
    const struct path *path;
    uint8_t asked; /* times in this lookup, or SELECT_EXCLUDED */
    bool held;     /* taken for dead */
};

/* Of those asked least often and not held the cheapest, the first of equals; among the held only if all are.
 * -1 if all are excluded. */
int select_best(const struct candidate *list, unsigned count);
/* Another than best to be measured now, or -1. dice is a random number. */
int select_explored(const struct candidate *list, unsigned count, int best, uint32_t dice);

#endif
