/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone's rule as a site: what a signed list's registration and delegation would say. Pure. */
#ifndef POLYNYA_STEERING_RPZ_SITE_H
#define POLYNYA_STEERING_RPZ_SITE_H

#include "data/list/delegations.h"
#include "data/list/registration.h"

/* Beyond any time that matters, and still one that can be told (9999-12-31). */
#define RPZ_NEVER 253402300799

enum { RPZ_FAMILY_MAX = REGISTRATION_MIRRORS_MAX };

/* Judged already; one address at least. */
struct rpz_addresses {
    struct ip v4[RPZ_FAMILY_MAX], v6[RPZ_FAMILY_MAX];
    unsigned v4_count, v6_count;
    uint16_t port;
    uint32_t ttl; /* seconds; raised to what a policy's may be */
};

/* Of that name alone, and for ever. host is the name in text. NULL without memory. */
struct registration *rpz_site(const struct dns_name *name, const char *host, const struct rpz_addresses *a,
                              uint32_t serial, int64_t now, struct arena *arena);
/* The delegation of all sites: blocked by address, everywhere. NULL without memory. */
const struct delegation *rpz_everywhere(struct arena *arena);

#endif
