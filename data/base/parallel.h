/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A loop whose turns are long sums independent of each other, on as many threads as there are processors for
 * this process, at most PARALLEL_MAX.
 *
 * The caller takes turns too, and all threads have ended when the call returns: between calls a process has
 * the threads it had before. Where none can be started the caller does it all. */
#ifndef POLYNYA_BASE_PARALLEL_H
#define POLYNYA_BASE_PARALLEL_H

#include <stddef.h>

enum { PARALLEL_MAX = 4 };

/* Calls turn once for each i below count, in any order and at the same time. It may write only what belongs
 * to i, and must not log, count or fork. */
void parallel_each(size_t count, void (*turn)(void *self, size_t i), void *self);

#endif
