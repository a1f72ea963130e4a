/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A registration: what an outlet signs about its own domain, and nothing else is ever answered for it.
 *
 *   {"type": "polynya-registration/1", "domain": "outlet.example", "seq": 7, "issued": "…", "expires": "…",
 *    "names": ["@", "www"],
 *    "mirrors": [{"id": "m1", "addresses": ["198.51.100.7", "2001:db8::7"], "weight": 100, "kind":
 * "terminate", "alpn": ["h2"], "ech": null, "blocked_in": [], "port": 443}], "policy": {"answers": 1, "ttl":
 * 60, "all_down": "origin", "probe": {"path": "/", "contains": null}}}
 *
 * domain, seq, issued, expires, names, mirrors and of a mirror id and addresses are required; the rest has
 * the defaults shown (weight 100, alpn none). `ech` is the base64 of an ECHConfigList. */
#ifndef POLYNYA_LIST_REGISTRATION_H
#define POLYNYA_LIST_REGISTRATION_H

#include "data/base/address.h"
#include "data/base/text.h"
#include "data/dns/name.h"
#include "data/list/envelope.h"

enum {
    REGISTRATION_NAMES_MAX = 64,
    REGISTRATION_MIRRORS_MAX = 64,
    REGISTRATION_LIFE_MAX = 30 * 86400, /* seconds from issued to expires */
    MIRROR_ID_MAX = 32,
    MIRROR_ADDRESSES_MAX = 8,
    MIRROR_ALPN_MAX = 4,
    MIRROR_ALPN_LEN_MAX = 15,
    MIRROR_ECH_MAX = 1024, /* bytes */
    MIRROR_COUNTRIES_MAX = 256,
    MIRROR_WEIGHT_MAX = 10000,
    POLICY_TTL_MIN = 5,
    POLICY_TTL_MAX = 3600,
    PROBE_TEXT_MAX = 256
};

enum mirror_kind { MIRROR_TERMINATE, MIRROR_PASSTHROUGH };
enum all_down { ALL_DOWN_ORIGIN, ALL_DOWN_MIRRORS, ALL_DOWN_NODATA };

struct mirror {
    const char *id; /* 1..32 of A-Z a-z 0-9 . _ -; unique within the registration */
    struct ip *addresses;
    unsigned address_count; /* 1..8 */
    uint32_t weight;        /* 1..10000 */
    enum mirror_kind kind;
    const char **alpn; /* printable, 1..15 characters */
    unsigned alpn_count;
    struct bytes ech;      /* decoded; empty if none */
    char (*blocked_in)[3]; /* countries */
    unsigned blocked_count;
    uint16_t port;
};

struct policy {
    unsigned answers; /* 1..2 */
    uint32_t ttl;     /* seconds, 5..3600 */
    enum all_down all_down;
    const char *probe_path;     /* begins with "/"; printable ASCII without spaces */
    const char *probe_contains; /* NULL: nothing is looked for */
};

struct registration {
    const char *domain; /* lower-case text, no closing dot */
    struct dns_name name;
    uint64_t seq; /* 1 .. 2^53 */
    int64_t issued;
    int64_t expires;
    const char **names;    /* as written: "@" or labels under the domain, lower-cased */
    struct dns_name *full; /* the same, full and lower-case */
    unsigned name_count;   /* 1..64 */
    struct mirror *mirrors;
    unsigned mirror_count; /* 1..64 */
    struct policy policy;
};

/* Text of the document. Shape and bounds only: no signature, no clock, no guard of names and addresses. */
bool registration_parse(struct bytes text, struct arena *arena, struct registration *out,
                        struct refusal *why);
/* The document's text, indented for people. */
struct bytes registration_print(const struct registration *r, struct arena *arena);

#endif
