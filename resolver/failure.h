/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions that failed a moment ago and are not asked again for a while (RFC 9520). Pure: times are
 * arguments.
 *
 * A table of fixed size, in sets of four; the entry that ends first gives way. Entries hold a keyed hash of
 * the question and no name. The hold starts at the least time and doubles with every failure that follows
 * soon after the last hold ended (within the longest hold); an answer ends it. */
#ifndef POLYNYA_RESOLVER_FAILURE_H
#define POLYNYA_RESOLVER_FAILURE_H

#include "data/base/hash.h"
#include "data/base/reason.h"

enum { FAILURE_SETS = 1024, FAILURE_WAYS = 4 };

struct failure_entry {
    uint64_t tag;  /* keyed hash of the question; 0 with until 0: free */
    int64_t until; /* ms on the caller's clock */
    int64_t step;  /* length of the hold, ms */
    enum reason why;
};

struct failure_table {
    int64_t min, max; /* ms; 0 < min <= max */
    struct failure_entry entry[FAILURE_SETS][FAILURE_WAYS];
};

/* min and max are brought into 1 ms .. 5 minutes (RFC 9520 3.2). */
void failure_init(struct failure_table *f, int64_t min, int64_t max);
/* hash is a keyed hash of the question. While its failure is remembered: why; else REASON_OK. */
enum reason failure_holds(const struct failure_table *f, uint64_t hash, int64_t now);
/* It failed now; why is not REASON_OK. */
void failure_note(struct failure_table *f, uint64_t hash, enum reason why, int64_t now);
/* It was answered. */
void failure_clear(struct failure_table *f, uint64_t hash);

#endif
