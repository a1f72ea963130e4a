/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a signature covers: an RRset in canonical form and order behind the RRSIG's own fields (RFC
 * 4034 3.1.8.1 and 6). */
#ifndef POLYNYA_VALIDATOR_CANON_H
#define POLYNYA_VALIDATOR_CANON_H

#include "resolver/validator/rrset.h"

enum { CANON_DATA_MAX = 1 << 17, CANON_SIGNED_MAX = 1 << 18 };

/* The RDATA of one RRset, canonical, sorted, without duplicates: made once, used for each of its signatures.
 */
struct canon {
    unsigned count;
    struct bytes rdata[RRSET_RRS_MAX];
    uint8_t data[CANON_DATA_MAX];
};

/* False if RDATA is malformed or the whole is larger than CANON_DATA_MAX. */
bool canon_make(struct canon *c, const struct rrsets *sets, const struct rrset *set);
/* Writes what sig covers: c must be of set, and sig's labels not more than the owner has. w is full if it
 * does not fit. */
void canon_put_signed(struct writer *w, const struct canon *c, const struct rrset *set,
                      const struct rrsig *sig);
/* Labels of an owner as RRSIGs count them: neither root nor a leading asterisk (RFC 4034 3.1.3). */
unsigned canon_labels(const struct dns_name *owner);

#endif
