/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes that were read but cannot be used yet: a beginning without its end, or what has to wait its turn.
 *
 * A protocol that keeps bytes stops reading, or reads on only to complete what it has begun; so they grow by
 * one read beyond that at most. */
#ifndef POLYNYA_NET_KEPT_H
#define POLYNYA_NET_KEPT_H

#include "data/base/bytes.h"

struct kept {
    uint8_t *data;
    size_t len;
};

/* A zeroed struct kept is empty. False without memory: nothing was added. */
bool kept_add(struct kept *k, const uint8_t *data, size_t n);
/* The first n bytes have been used; the last give their memory back. */
void kept_drop(struct kept *k, size_t n);
void kept_fini(struct kept *k);

#endif
