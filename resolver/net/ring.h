/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Doubly linked rings through their members: adding, moving and removing cost nothing and cannot fail.
 *
 * A ring that points to itself is empty (as a head) or in no list (as a member); remove leaves it so, so
 * removing twice does no harm. */
#ifndef POLYNYA_NET_RING_H
#define POLYNYA_NET_RING_H

#include <stdbool.h>
#include <stddef.h>

struct ring {
    struct ring *prev, *next;
};

#define RING_OWNER(link, type, member) ((type *)(void *)((char *)(link)-offsetof(type, member)))

static inline void ring_init(struct ring *r)
{
    r->prev = r->next = r;
}

static inline bool ring_empty(const struct ring *r)
{
    return r->next == r;
}

static inline void ring_remove(struct ring *r)
{
    r->prev->next = r->next;
    r->next->prev = r->prev;
    ring_init(r);
}

/* Moves member to the end of head's ring, from wherever it was. */
static inline void ring_append(struct ring *head, struct ring *member)
{
    ring_remove(member);
    member->prev = head->prev;
    member->next = head;
    head->prev->next = member;
    head->prev = member;
}

/* Takes the first member out; NULL if there is none. */
static inline struct ring *ring_take(struct ring *head)
{
    struct ring *first = head->next;
    if (first == head)
        return NULL;
    ring_remove(first);
    return first;
}

/* Moves all of from's members into the empty ring `into`. */
static inline void ring_move(struct ring *from, struct ring *into)
{
    ring_init(into);
    if (ring_empty(from))
        return;
    into->next = from->next;
    into->prev = from->prev;
    into->next->prev = into->prev->next = into;
    ring_init(from);
}

#endif
