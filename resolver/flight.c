/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries under way: see flight.h. */
#include "resolver/flight.h"

#include "data/base/hash.h"

static struct link *bucket_of(struct flight *f, uint16_t id)
{
    return &f->ids[id % FLIGHT_BUCKETS];
}

void flight_init(struct flight *f)
{
    f->count = 0;
    link_init(&f->queries);
    for (size_t i = 0; i < FLIGHT_BUCKETS; i++)
        link_init(&f->ids[i]);
}

struct stream_query *flight_find(struct flight *f, uint16_t id)
{
    struct link *bucket = bucket_of(f, id);
    for (struct link *l = bucket->next; l != bucket; l = l->next) {
        struct stream_query *q = holder_of(l, struct stream_query, same_id);
        if (q->id == id)
            return q;
    }
    return NULL;
}

void flight_draw_id(struct flight *f, struct stream_query *q)
{
    do /* at most one in 65 is taken */
        q->id = random_u16();
    while (flight_find(f, q->id));
}

void flight_add(struct flight *f, struct stream_query *q)
{
    link_append(&f->queries, &q->ring);
    link_append(bucket_of(f, q->id), &q->same_id);
    f->count++;
}

void flight_remove(struct flight *f, struct stream_query *q)
{
    /* One that is about to be told of its failure has left the table of IDs, and is not counted any more. */
    if (!link_empty(&q->same_id))
        f->count--;
    link_remove(&q->same_id);
    link_remove(&q->ring);
}
