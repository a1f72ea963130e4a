/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of a snapshot's block and its table of names: shared by who compiles and who opens it.
 *
 *   head | lists | sites | mirrors | slots | names, addresses, countries, texts in any order
 *
 * Offsets here count from the start of the block. A slot is 0 (empty) or the offset of a struct view_name; a
 * name stands in the first free slot from its hash on, wrapping around. At least one slot is empty. */
#ifndef POLYNYA_STEERING_VIEW_LAYOUT_H
#define POLYNYA_STEERING_VIEW_LAYOUT_H

#include "steering/view.h"

struct view_head {
    uint64_t checksum; /* SipHash of what follows it, under a fixed key: against damage, not forgers */
    uint32_t format;
    uint32_t len;
    struct hash_key key; /* of the table of names */
    uint32_t list_at, list_count;
    uint32_t site_at, site_count;
    uint32_t mirror_at, mirror_count;
    uint32_t slot_at, slot_count; /* a power of two */
};
_Static_assert(sizeof(struct view_head) == VIEW_HEAD, "no padding");

struct view_name {
    uint32_t site_at;
    uint8_t len;
    uint8_t wire[]; /* len bytes, lower-case */
};

#endif
