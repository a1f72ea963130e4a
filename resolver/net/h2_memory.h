/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The memory of HTTP/2's sessions.
 *
 * nghttp2 gives each session a buffer of 16 KiB in which it writes the frame that is sent next. Since we copy
 * a frame as soon as it is handed out (h2.c), nothing in there is looked at again: all sessions of a process
 * have the same one, and an idle connection costs that much less. */
#ifndef POLYNYA_NET_H2_MEMORY_H
#define POLYNYA_NET_H2_MEMORY_H

#include <nghttp2/nghttp2.h>
#include <stdbool.h>

#include "data/base/pool.h"

struct h2_memory {
    nghttp2_mem mem; /* for nghttp2, which copies it */
    struct pool pool;
    uint8_t *frame; /* what all sessions write in */
    bool making;    /* a session is being made: what it asks for now may be that buffer */
};

/* False without memory. It must stay where it is. */
bool h2_memory_init(struct h2_memory *m);
/* After all sessions. */
void h2_memory_fini(struct h2_memory *m);

#endif
