/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What we know of RR types (rr.def), and RDATA copied from one message into another.
 *
 * RDATA is never interpreted beyond its layout: names are found, checked and written again, all else is
 * bytes. */
#ifndef POLYNYA_DNS_RR_H
#define POLYNYA_DNS_RR_H

#include "data/dns/compress.h"
#include "data/dns/msg.h"

/* The layout of a type's RDATA, see rr.def; "*" for types we do not know. */
const char *rr_layout(uint16_t type);
/* Writes RDLENGTH and RDATA of rr, which stands in message, behind what w holds. Compressed names come out
 * whole, or compressed into w's message where RFC 3597 4 allows; table NULL: nothing is compressed. False if
 * the RDATA does not have its type's layout; w is full if it does not fit. */
bool rr_put_rdata(struct writer *w, struct name_table *table, struct bytes message, const struct dns_rr *rr);
/* The same in the canonical form of RFC 4034 6.2: nothing compressed, and names in lower case where old types
 * have them. */
bool rr_put_canonical(struct writer *w, struct bytes message, const struct dns_rr *rr);
/* The type an RRSIG covers (RFC 4034 3.1.1); 0 if rr is no RRSIG. */
uint16_t rr_covers(const struct dns_rr *rr);

#endif
