/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The snapshot of all that is believed: lists in the config's order, then policy zones. */
#ifndef POLYNYA_STEERING_LISTS_COMPILE_H
#define POLYNYA_STEERING_LISTS_COMPILE_H

#include "steering/policies.h"
#include "steering/subscription.h"

/* Borrowed. */
struct lists_sources {
    const struct conf *conf;
    const struct subscription *sub;
    unsigned count;
    struct policies *policies; /* NULL: none */
    struct hash_key key;       /* of the snapshots' tables of names; random */
};

/* As it will be once the offer for sub[which] is taken; o NULL: as it is. A malloced block for view_open;
 * NULL without memory, or if all is too large together. *next_expiry: of the first registration in it to
 * expire; INT64_MAX: none does. */
uint8_t *lists_compile(const struct lists_sources *l, const struct offer *o, unsigned which, int64_t now,
                       size_t *len, int64_t *next_expiry);

#endif
