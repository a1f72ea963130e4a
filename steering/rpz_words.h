/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The language of policy zones: what their records' types and names stand for
 * (draft-vixie-dnsop-dns-rpz). Pure. */
#ifndef POLYNYA_STEERING_RPZ_WORDS_H
#define POLYNYA_STEERING_RPZ_WORDS_H

#include "data/dns/name.h"

/* What stands beside rules in any zone, signed ones included, and is none: RRSIG, NSEC, DNSKEY and their kin,
 * NS, SOA and ZONEMD. */
bool rpz_is_furniture(uint16_t type);
/* Below a top-level label "rpz-…": a word of the language, as a trigger or an action. */
bool rpz_is_word(const struct dns_name *name);
/* A first label "*". */
bool rpz_is_wildcard(const struct dns_name *name);
/* Does a CNAME from owner to target pass the name through? */
bool rpz_passes(const struct dns_name *owner, const struct dns_name *target);
/* Does a CNAME to target hide the name: NXDOMAIN, NODATA, DROP, TCP-only, or a wildcard's substitute? */
bool rpz_hides(const struct dns_name *target);

#endif
