/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of the names that policy zones' CNAMEs lead to: what is known of each, in memory and on disk.
 * Pure.
 *
 * targets.h asks for them on the loop; whoever reads steering.mdb finds in it what that has learnt. Nothing
 * here is proved: guards and probes judge addresses as they do those of A and AAAA records. */
#ifndef POLYNYA_STEERING_TARGET_TABLE_H
#define POLYNYA_STEERING_TARGET_TABLE_H

#include "data/base/address.h"
#include "data/dns/name.h"

enum { TARGETS_MAX = 4096, TARGET_FAMILY_MAX = 16, TARGET_ADDRESSES_MAX = 2 * TARGET_FAMILY_MAX };

/* What is known of one family's addresses. */
struct target_family {
    struct ip ip[TARGET_FAMILY_MAX]; /* sorted */
    unsigned count;
    bool told;   /* some answer has come */
    bool asked;  /* some question has ended, with an answer or without */
    bool asking; /* one is under way */
    int64_t due; /* ms, as whoever asks counts them: when to ask again */
};

struct target {
    struct dns_name name;           /* lower-case */
    struct target_family family[2]; /* A, AAAA */
};

/* Zeroed: empty. */
struct target_table {
    struct target *target; /* sorted by name */
    size_t count;
};

void target_table_fini(struct target_table *t);
/* The names to know of from here on, lower-case, in any order and more than once; of those there were, what
 * is known stays. More than TARGETS_MAX are left out. False without memory: all is as it was. */
bool target_table_set(struct target_table *t, const struct dns_name *const *names, size_t count);
/* NULL: it is none of them. */
struct target *target_table_find(const struct target_table *t, const struct dns_name *name);
/* At most TARGET_ADDRESSES_MAX addresses; false while they are not known. */
bool target_table_get(const struct target_table *t, const struct dns_name *name, struct ip *out,
                      unsigned *count);
/* An answer: at most TARGET_FAMILY_MAX addresses, which it sorts. True if they are others than before. */
bool target_take(struct target_family *f, struct ip *ip, unsigned count);

/* All that is known, for the disk: malloced; .data NULL if that is nothing, or without memory. */
struct bytes target_table_save(const struct target_table *t);
/* In the place of all names what was saved, up to where it is damaged. */
void target_table_load(struct target_table *t, struct bytes saved);

#endif
