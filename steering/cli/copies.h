/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands beside the mirrors in an exported policy zone: the apex' MX, TXT and CAA as a resolver tells
 * them now. */
#ifndef POLYNYA_CLI_COPIES_H
#define POLYNYA_CLI_COPIES_H

#include "steering/cli/cli.h"
#include "steering/rpz.h"

enum { COPIES_SERVERS_MAX = 4 }; /* asked in order */

struct copies {
    union sock_addr server[COPIES_SERVERS_MAX];
    unsigned count;      /* 0: the system's resolvers */
    uint64_t timeout_ms; /* for all questions together */
};

/* Fills in copies of every apex in the zone. What cannot be learnt in time is taken from old (which may be
 * NULL), and told on stderr by number. False, said, if nothing could be asked at all. */
bool copies_fetch(struct cli *c, const struct copies *how, struct rpz_zone *zone, struct rpz_old *old);

#endif
