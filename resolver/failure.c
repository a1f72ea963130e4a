/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Remembered failures: see failure.h. */
#include "resolver/failure.h"

enum { HOLD_MAX = 300000 }; /* RFC 9520 3.2: five minutes at most */

static int64_t bounded(int64_t n, int64_t low, int64_t high)
{
    return n < low ? low : n > high ? high : n;
}

void failure_init(struct failure_table *f, int64_t min, int64_t max)
{
    *f = (struct failure_table){.min = bounded(min, 1, HOLD_MAX)};
    f->max = bounded(max, f->min, HOLD_MAX);
}

/* The entry's place in its set, -1 if there is none. */
static int find(const struct failure_table *f, uint64_t hash)
{
    const struct failure_entry *set = f->entry[hash % FAILURE_SETS];
    for (int i = 0; i < FAILURE_WAYS; i++)
        if (set[i].tag == hash && set[i].until != 0)
            return i;
    return -1;
}

enum reason failure_holds(const struct failure_table *f, uint64_t hash, int64_t now)
{
    int i = find(f, hash);
    const struct failure_entry *set = f->entry[hash % FAILURE_SETS];
    return i >= 0 && now < set[i].until ? set[i].why : REASON_OK;
}

static int first_to_end(const struct failure_entry set[FAILURE_WAYS])
{
    int first = 0;
    for (int i = 1; i < FAILURE_WAYS; i++)
        if (set[i].until < set[first].until)
            first = i;
    return first;
}

void failure_note(struct failure_table *f, uint64_t hash, enum reason why, int64_t now)
{
    struct failure_entry *set = f->entry[hash % FAILURE_SETS];
    int64_t step = f->min;
    int i = find(f, hash);
    if (i >= 0 && now < set[i].until + f->max)
        step = bounded(set[i].step * 2, f->min, f->max);
    if (i < 0)
        i = first_to_end(set);
    set[i] = (struct failure_entry){hash, now + step, step, why};
}

void failure_clear(struct failure_table *f, uint64_t hash)
{
    int i = find(f, hash);
    if (i >= 0)
        f->entry[hash % FAILURE_SETS][i] = (struct failure_entry){0};
}
