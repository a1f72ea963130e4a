/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The RRs of an upstream's reply, listed once to be looked up by owner and type.
 *
 * The reply is hostile: it is walked to its end, the list is bounded, and a look-up compares two hashes an
 * RR, and names only where those are equal. */
#ifndef POLYNYA_DNS_REPLY_LIST_H
#define POLYNYA_DNS_REPLY_LIST_H

#include "data/dns/answer.h"
#include "data/dns/rr.h"

struct reply_item {
    struct dns_rr rr;
    uint32_t owner_hash;
    uint16_t run; /* neighbours whose owners are the same pointer share it: what holds for one owner holds for
                     all */
    bool written; /* the caller's */
};

struct reply_list {
    struct bytes reply;
    bool signatures; /* an RRset's RRSIGs belong to it: the client set DO */
    unsigned count;
    struct reply_item item[ANSWER_RRS_MAX]; /* of class IN, of the answer and authority sections */
};

/* What is looked for: RRs of one owner. */
struct reply_want {
    enum dns_section section;
    const struct dns_name *owner; /* borrowed */
    uint32_t hash;
    uint16_t type; /* any of them for ANY */
    uint16_t run;  /* the last one found to have this owner; 0: none yet */
};

/* False if the message is malformed or has more than ANSWER_RRS_MAX RRs. */
bool reply_list_init(struct reply_list *l, struct bytes reply, bool signatures);
void reply_owner(const struct reply_list *l, const struct reply_item *item, struct dns_name *out);
/* Reads the name that makes up, or begins at `skip` in, an RR's RDATA. */
bool reply_name_in(const struct reply_list *l, const struct dns_rr *rr, size_t skip, struct dns_name *out);

/* owner is borrowed. */
struct reply_want reply_want_of(enum dns_section section, const struct dns_name *owner, uint16_t type);
/* Whether an item has the section and owner wanted; remembers in want what it found. */
bool reply_is_owned(const struct reply_list *l, const struct reply_item *item, struct reply_want *want);
/* Whether it is of the RRset wanted, or one of its RRSIGs where they belong to it. */
static inline bool reply_matches(const struct reply_list *l, const struct reply_item *item,
                                 struct reply_want *want)
{
    bool typed = item->rr.type == want->type || want->type == DNS_ANY ||
                 (l->signatures && rr_covers(&item->rr) == want->type);
    return typed && reply_is_owned(l, item, want);
}
/* The first RR of the RRset wanted, signatures aside; *count says how many there are. NULL: none. */
const struct reply_item *reply_find(const struct reply_list *l, struct reply_want *want, unsigned *count);

#endif
