/* SPDX-License-Identifier: GPL-3.0-or-later */
/* delegations.json: which key speaks for which domain, and how that domain is blocked where.
 *
 *   {"type": "polynya-delegations/1", "version": 3, "issued": "…", "expires": "…",
 *    "sites": [{"domain": "outlet.example", "key": "RW…", "blocked": {"RU": ["dns", "ip", "sni"]}}]}
 *
 * `issued` and `blocked` may be left out. A domain stands once, lower-case, without a closing dot. */
#ifndef POLYNYA_LIST_DELEGATIONS_H
#define POLYNYA_LIST_DELEGATIONS_H

#include "data/dns/name.h"
#include "data/list/envelope.h"

enum { DELEGATIONS_SITES_MAX = 16384, DELEGATION_COUNTRIES_MAX = 256 };
enum { DELEGATIONS_LIFE_MAX = 90 * 86400 }; /* seconds from issued, or from now without it */
enum block_flag { BLOCK_DNS = 1, BLOCK_IP = 2, BLOCK_SNI = 4 };
enum { BLOCK_KINDS = 3 };

/* What documents and commands call them, in the order of their bits. */
extern const char *const block_names[BLOCK_KINDS];

struct blocked {
    char country[3]; /* ISO 3166, two upper-case letters */
    uint8_t flags;   /* enum block_flag, not 0 */
};

struct delegation {
    const char *domain; /* lower-case text */
    struct dns_name name;
    struct minisign_public key;
    struct blocked *blocked;
    unsigned blocked_count;
};

struct delegations {
    uint64_t version; /* 1 .. 2^53 */
    int64_t issued;   /* 0 if left out */
    int64_t expires;
    struct delegation *sites;
    unsigned site_count;
    const struct delegation **by_domain; /* the sites in order, as they were parsed */
};

/* Text of the document. Shape only: no signature, no clock, no guard. Lives in the arena. */
bool delegations_parse(struct bytes text, struct arena *arena, struct delegations *out, struct refusal *why);
struct bytes delegations_print(const struct delegations *d, struct arena *arena);
/* The delegation of exactly that domain (lower-case text) among those parsed, NULL if none. */
const struct delegation *delegations_find(const struct delegations *d, const char *domain);

#endif
