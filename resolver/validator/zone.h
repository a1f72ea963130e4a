/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of a name's place in the chain of trust, and a bounded cache of it.
 *
 * A zone is counted, not copied: it may leave the cache while an answer is still judged by it. Times are
 * arguments. */
#ifndef POLYNYA_VALIDATOR_ZONE_H
#define POLYNYA_VALIDATOR_ZONE_H

#include "data/base/hash.h"
#include "data/base/reason.h"
#include "data/base/link.h"
#include "resolver/validator/key.h"

enum zone_state {
    ZONE_KEYS,     /* a zone with validated keys */
    ZONE_NO_CUT,   /* no zone begins at this name; `above` is the one it is in */
    ZONE_INSECURE, /* at or below a delegation proved to be unsigned */
    ZONE_BOGUS,    /* why: a REASON_DNSSEC_… */
    ZONE_FAILED    /* could not be asked: why */
};

struct zone {
    struct link bucket, queue; /* of the cache */
    unsigned refs;
    enum zone_state state;
    enum reason why;
    struct zone *above;      /* held */
    uint32_t since, expires; /* Unix seconds; before `since`, the clock was set back, and it is not valid */
    struct dns_name name;
    unsigned key_count;
    struct key key[];
};

/* With one reference, and copies of the keys' RDATA; NULL without memory. */
struct zone *zone_new(enum zone_state state, const struct dns_name *name, const struct bytes *keys,
                      unsigned key_count);
struct zone *zone_hold(struct zone *z);
void zone_release(struct zone *z); /* may be NULL */

struct zones;

/* At most `max` zones; the one not used for longest makes room. NULL without memory. */
struct zones *zones_new(unsigned max);
void zones_free(struct zones **t);
/* Borrowed; NULL if there is none that is valid at now. name lower-cased. */
struct zone *zones_get(struct zones *t, const struct dns_name *name, uint32_t now);
/* Holds z, in place of what was under its name. */
void zones_put(struct zones *t, struct zone *z);

#endif
