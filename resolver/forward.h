/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which group of servers is asked for a name: the one of the longest suffix that fits. Pure.
 *
 * The name and type asked alone decide, never the client nor anything else. So what is cached under a
 * question's key, in whichever cache, can only have come from that question's group, and no key need tell
 * groups apart. */
#ifndef POLYNYA_RESOLVER_FORWARD_H
#define POLYNYA_RESOLVER_FORWARD_H

#include "data/dns/msg.h"

struct forward_rule {
    struct dns_name suffix; /* lower-cased; itself, too, is forwarded */
    unsigned group;
};

struct forwards {
    unsigned count;
    struct forward_rule *rule; /* longest suffix first */
};

/* Brings the rules into order; suffixes are all different. */
void forwards_sort(struct forwards *f);
/* The rule that fits best; NULL if none does. DS records belong to the zone above (RFC 4035 3.1.4.1): a rule
 * for just that name does not fit. */
const struct forward_rule *forwards_find(const struct forwards *f, const struct dns_name *name,
                                         uint16_t type);

#endif
