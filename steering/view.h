/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the verified lists say, compiled for lookups: one immutable snapshot.
 *
 * The prober compiles it after verification and stores it in steering.mdb as one run of bytes; workers copy
 * that out and open it. The bytes are position-independent (offsets, no pointers) and checksummed; view_open
 * refuses what is not whole, so nothing behind it needs to check bounds again. Times are Unix seconds. */
#ifndef POLYNYA_STEERING_VIEW_H
#define POLYNYA_STEERING_VIEW_H

#include "data/base/text.h"
#include "data/dns/name.h"

struct view;
struct view_list;
struct view_site;
struct view_mirror;

/* Takes block (malloced) on success. NULL if it is cut, foreign or damaged. */
struct view *view_open(uint8_t *block, size_t len);
void view_free(struct view **v);
/* The site that has this exact (lower-case) name registered, from the first list in config order; NULL if none. */
const struct view_site *view_find(const struct view *v, const struct dns_name *name);

/* The layout of sites and mirrors, and view_compile, are below: filled in with the module. */

#endif
