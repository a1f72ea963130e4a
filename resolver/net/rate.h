/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How often a client network may do something, or something may be done to a domain: a table of leaky buckets
 * of fixed size. Pure: times are arguments.
 *
 * A network is counted twice, narrow (IPv4 /32, IPv6 /56) and wide (/24, /48), where it may do RATE_WIDE
 * times as much: so neither one machine nor one rented prefix gets all, and many readers behind one address
 * share what is meant to be enough for them. Each bucket is one time stamp (GCRA: when it will be empty
 * again). The table holds keyed hashes and no address, in sets of four; the bucket that is empty first gives
 * way, so memory never grows. */
#ifndef POLYNYA_NET_RATE_H
#define POLYNYA_NET_RATE_H

#include "data/base/address.h"

enum { RATE_WIDE = 8, RATE_BURST = 10 /* seconds' worth at once */ };

struct rate;

/* per_second: of a narrow network; 0: as often as it likes. NULL without memory. */
struct rate *rate_new(unsigned per_second);
void rate_free(struct rate **r);
/* Counts n of them at `seconds` (of any clock; one that is set back forgets what was counted); false, and
 * nothing is counted, if that is too often. Clients without an address (unix sockets) may always. r may be
 * NULL: no limit. */
bool rate_take(struct rate *r, const struct ip *ip, double seconds, unsigned n);
/* The same for one of a domain, whose name is compared as it is written. */
bool rate_take_domain(struct rate *r, struct bytes domain, double seconds);
/* Counts n of what was done already, however often that is. */
void rate_charge(struct rate *r, const struct ip *ip, double seconds, unsigned n);

#endif
