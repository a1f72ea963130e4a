/* SPDX-License-Identifier: GPL-3.0-or-later */
/* list.json: what the publisher signs every minute or so: every registration verbatim, and who is healthy.
 *
 *   {"type": "polynya-list/1", "version": 4711, "issued": "…", "expires": "…",
 *    "delegations": {"version": 3, "sha256": "<64 hex digits: of the exact bytes of delegations.json>"},
 *    "registrations": [{"signed": "…", "signatures": ["…"]}],
 *    "health": {"outlet.example": {"m1": {"*": "up", "RU": "down"}}}}
 *
 * Registrations are envelope objects, nested as they are: their "signed" strings carry the outlets' exact
 * texts. `health` may be left out; regions are ISO 3166 countries or "*". */
#ifndef POLYNYA_LIST_LIST_H
#define POLYNYA_LIST_LIST_H

#include "data/list/envelope.h"

enum { LIST_REGISTRATIONS_MAX = 16384, LIST_LIFE_MAX = 86400, LIST_REGIONS_MAX = 256 };

struct list_region {
    char region[3]; /* "RU", or "*" */
    bool up;
};

struct list_mirror_health {
    const char *mirror; /* its id */
    struct list_region *regions;
    unsigned region_count;
};

struct list_site_health {
    const char *domain;
    struct list_mirror_health *mirrors;
    unsigned mirror_count;
};

struct list_doc {
    uint64_t version; /* 1 .. 2^53 */
    int64_t issued;
    int64_t expires;
    uint64_t delegations_version;
    uint8_t delegations_sha256[32];
    struct envelope *registrations; /* texts unparsed */
    unsigned registration_count;
    struct list_site_health *health; /* sorted by domain */
    unsigned health_count;
};

/* SHA-256 of a file's exact bytes. */
bool list_sha256(struct bytes file, uint8_t out[32]);
/* Text of the document. Shape only: no signature, no clock; registrations are opened, not parsed. A
 * registration whose envelope is malformed is left out and counted in *bad (which may be NULL): it costs that
 * site only. */
bool list_parse(struct bytes text, struct arena *arena, struct list_doc *out, unsigned *bad,
                struct refusal *why);
struct bytes list_print(const struct list_doc *l, struct arena *arena);
/* What the list says of a site's mirror; NULL if nothing. */
const struct list_mirror_health *list_health(const struct list_doc *l, const char *domain,
                                             const char *mirror);

#endif
