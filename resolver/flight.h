/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queries under way on one connection, oldest first and by their IDs. */
#ifndef POLYNYA_RESOLVER_FLIGHT_H
#define POLYNYA_RESOLVER_FLIGHT_H

#include "resolver/stream.h"

enum { FLIGHT_BUCKETS = 256 };

struct flight {
    unsigned count;
    struct link queries;
    struct link ids[FLIGHT_BUCKETS];
};

void flight_init(struct flight *f);
/* Draws an ID that no other query has. */
void flight_draw_id(struct flight *f, struct stream_query *q);
void flight_add(struct flight *f, struct stream_query *q);
/* Harmless if it is not in it. */
void flight_remove(struct flight *f, struct stream_query *q);
/* NULL if there is none. */
struct stream_query *flight_find(struct flight *f, uint16_t id);

#endif
