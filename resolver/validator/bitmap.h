/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The type bit maps of NSEC and NSEC3 (RFC 4034 4.1.2). */
#ifndef POLYNYA_VALIDATOR_BITMAP_H
#define POLYNYA_VALIDATOR_BITMAP_H

#include "data/base/bytes.h"

/* Windows in order, 1 to 32 bytes each, nothing left over. */
bool bitmap_sound(struct bytes map);
/* map must be sound. */
bool bitmap_has(struct bytes map, uint16_t type);

#endif
