/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone in master file format (RFC 1035 5), read by ldns. The text may be anyone's: its size and the number
 * of its records are bounded, $INCLUDE is refused, and a zone is taken whole or not at all. */
#ifndef POLYNYA_DNS_ZONEFILE_H
#define POLYNYA_DNS_ZONEFILE_H

#include "data/dns/records.h"

enum { ZONEFILE_MAX = 16 << 20 };

struct zonefile_error {
    unsigned line; /* 0: of none in particular */
    const char *what;
};

/* The records of the zone called so, without the SOA at its apex, which must stand there once. NULL, and why,
 * if there is no sense in it, or a record lies outside of the zone. */
struct records *zonefile_read(struct bytes text, const struct dns_name *zone, struct soa *soa,
                              struct zonefile_error *error);

#endif
