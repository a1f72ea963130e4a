/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A message seen as RRsets with the signatures that cover them. Bounded, nothing copied but owners.
 *
 * RRs of the answer and authority sections, class IN; RRSIGs stand with what they cover, and are in no set of
 * their own unless nothing of the covered type is there. */
#ifndef POLYNYA_VALIDATOR_RRSET_H
#define POLYNYA_VALIDATOR_RRSET_H

#include "data/dns/msg.h"

enum { RRSET_RRS_MAX = 2000, RRSETS_MAX = 64 };
enum { RRSET_END = UINT16_MAX }; /* ends a list of RRs */

struct rrset {
    enum dns_section section;
    uint16_t type;
    struct dns_name owner; /* lower-cased */
    uint16_t rr, rr_last;  /* first and last in the list of RRs; RRSET_END: none */
    uint16_t sig, sig_last;
    uint16_t rr_count;
};

struct rrsets {
    struct bytes message;
    unsigned count, rr_count;
    struct rrset set[RRSETS_MAX];
    struct {
        struct dns_rr rr;
        uint16_t next;
    } item[RRSET_RRS_MAX];
};

/* False if the message is malformed, or has more RRs or RRsets than fit. message is borrowed. */
bool rrsets_read(struct rrsets *s, struct bytes message);
/* NULL if there is none. owner in any case. */
const struct rrset *rrsets_find(const struct rrsets *s, enum dns_section section,
                                const struct dns_name *owner, uint16_t type);

/* An RRSIG's RDATA (RFC 4034 3.1). */
struct rrsig {
    uint16_t covers;
    uint8_t algorithm;
    uint8_t labels;
    uint32_t original_ttl;
    uint32_t expiration, inception; /* seconds, in serial number arithmetic */
    uint16_t tag;
    struct dns_name signer; /* lower-cased */
    struct bytes signature;
};
bool rrsig_read(struct bytes message, const struct dns_rr *rr, struct rrsig *out);

/* The name's last `labels` labels; the name itself if it has no more. */
struct dns_name name_tail(const struct dns_name *name, unsigned labels);
/* "*." in front of a name; false if that is too long. */
bool name_wildcard(const struct dns_name *name, struct dns_name *out);
bool name_is_wildcard(const struct dns_name *name);
/* Canonical order (RFC 4034 6.1): below 0, 0, above 0. */
int name_order(const struct dns_name *a, const struct dns_name *b);
/* How many labels two names have in common, from the end. */
unsigned name_common(const struct dns_name *a, const struct dns_name *b);

#endif
