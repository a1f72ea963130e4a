/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy zone of somebody else's (RPZ, draft-vixie-dnsop-dns-rpz) lets us steer: its records, judged
 * one by one, become sites as a signed list's registrations do. Pure.
 *
 * Nobody's signature stands behind such a zone, so the least of it is taken: rules for exact names that
 * answer with A, AAAA or a CNAME, and those that pass a name through. HTTPS records are checked, but what
 * readers are told is what our probes found. All else is refused and counted: other triggers, wildcards,
 * whatever hides a name, and everything that the guards refuse of signed lists, too. Sites hold everywhere,
 * and their mirrors are answered only where our own probes have proved them (view.h, VIEW_POLICY). */
#ifndef POLYNYA_STEERING_RPZ_RULES_H
#define POLYNYA_STEERING_RPZ_RULES_H

#include "data/dns/records.h"
#include "data/list/list.h"
#include "steering/guard.h"
#include "steering/view.h"

enum { RPZ_SITES_MAX = 16384, RPZ_TARGETS_MAX = 4096, RPZ_TARGET_ADDRESSES_MAX = 32 };

/* What rules are judged by. */
struct rpz_judge {
    const struct dns_name *zone; /* lower-case */
    const struct guard *guard;
    bool allow_special_use;
    uint32_t serial;
    int64_t now;
    /* Addresses of a CNAME's target, at most RPZ_TARGET_ADDRESSES_MAX, which come out with their number;
     * false while they are not known. NULL: no target's are. */
    bool (*resolve)(void *self, const struct dns_name *target, struct ip *out, unsigned *count);
    void *self;
};

struct rpz_rules {
    struct list_doc list; /* as if it were a list's: version is the serial */
    struct view_source_site *sites;
    size_t site_count;
    const struct dns_name **passed; /* names that pass through; a first label "*" stands for all below */
    size_t passed_count;
    const struct dns_name **targets; /* of CNAMEs: names whose addresses are wanted */
    size_t target_count;
    size_t waiting;                /* of these: not known yet */
    size_t refused[REFUSAL_COUNT]; /* records and rules, by why */
    size_t refused_count;
    struct refusal first; /* one of them, for the log */
};

/* What out points to lives in the arena. False without memory. */
bool rpz_rules_make(const struct records *records, const struct rpz_judge *judge, struct arena *arena,
                    struct rpz_rules *out);

#endif
