/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How many connections each client prefix has: /32 of IPv4 (mapped forms too), /64 of IPv6.
 *
 * Memory grows with the prefixes that have connections, and with nothing else; the table's hash is keyed,
 * since clients choose their addresses. */
#ifndef POLYNYA_NET_CENSUS_H
#define POLYNYA_NET_CENSUS_H

#include "data/base/address.h"

struct census;
struct census_entry;

/* expected: connections there may be at most, which sizes the table. NULL without memory. */
struct census *census_new(unsigned expected);
/* All entries must have been left. */
void census_free(struct census **c);
/* Counts one more connection of ip's prefix; NULL if it has `limit` already or there is no memory. */
struct census_entry *census_enter(struct census *c, const struct ip *ip, unsigned limit);
void census_leave(struct census *c, struct census_entry *e);

#endif
