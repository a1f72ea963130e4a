/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operator's override file: which mirrors are to count as up or down, whatever probes say. Pure.
 *
 *   # under maintenance since Monday
 *   *.example.org/m2  => DOWN
 *   example.net/m[12] => AUTO
 *
 * One rule a line; the last one that matches a mirror decides, AUTO being as if there were none. Left of "=>"
 * stands DOMAIN/MIRROR, both patterns of fnmatch(3) in which no wildcard matches a slash and the domain's
 * case does not matter. From # on a line is a comment. A file with any error is refused as a whole and
 * the rules read before stay; a missing file is an empty one. */
#ifndef POLYNYA_STEERING_OVERRIDE_H
#define POLYNYA_STEERING_OVERRIDE_H

#include "data/base/bytes.h"
#include "steering/health.h"
#include "steering/view.h"

enum {
    OVERRIDE_FILE_MAX = 1 << 20,
    OVERRIDE_RULES_MAX = 1000,
    OVERRIDE_GLOB_MAX = 300,
    OVERRIDE_STARS_MAX = 4
};

struct overrides;

struct override_error {
    unsigned line; /* from 1 on; 0: the file as a whole */
    const char *what;
};

/* A copy of what text says. NULL and *err if it has an error, is larger than OVERRIDE_FILE_MAX, or there is
 * no memory. An empty text is sound, and forces nothing. */
struct overrides *override_parse(struct bytes text, struct override_error *err);
void override_free(struct overrides **o);
/* What the last matching rule says of that mirror; NOT_FORCED without one. o may be NULL: no rules. domain is
 * text without a final dot. */
enum health_force override_lookup(const struct overrides *o, const char *domain, const char *id);
/* Sets `forced` of every record of a table parallel to v: view_address_count(v) of them; never UP of a policy
 * zone's. Returns how many have changed. */
uint32_t override_apply(const struct overrides *o, const struct view *v, struct health_record *records);

#endif
