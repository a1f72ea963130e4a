/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions with an answer of our own: special-use names, reverse zones of private addresses, and ANY. They
 * never go upstream.
 *
 * local_zones.def is the one table of names. Pure. */
#ifndef POLYNYA_RESOLVER_LOCAL_H
#define POLYNYA_RESOLVER_LOCAL_H

#include "data/dns/answer.h"

enum local_kind { LOCAL_LOOPBACK, LOCAL_LOOPBACK_NAME, LOCAL_NO_SUCH_NAME, LOCAL_NO_DATA, LOCAL_EMPTY };

/* The zone that a name is in. */
struct local_zone {
    enum local_kind kind;
    bool optional; /* the operator may have it asked upstream */
    uint8_t len;   /* the zone's name: that many bytes at the end of the name */
};

/* False if the lower-case name is in none, and for what is asked of a zone's parent (DS). Costs a few
 * compares for ordinary names. */
bool local_find(const struct dns_query *q, struct local_zone *out);
/* Builds the answer block out of the zone that local_find found for q; 0 if cap is under 1 KiB. */
size_t local_answer(const struct local_zone *zone, const struct dns_query *q, uint32_t now, uint8_t *block,
                    size_t cap);
/* The same for a question for ANY (RFC 8482 4.2): one HINFO instead of everything there is. */
size_t local_any(const struct dns_query *q, uint32_t now, uint8_t *block, size_t cap);

#endif
