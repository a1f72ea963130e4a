/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rings of links embedded in what they hold: joining and leaving cost nothing and never fail.
 *
 * A head and a link that is in no ring point at themselves, so leaving twice is harmless. holder_of goes from
 * an embedded link, watcher or query back to what it is embedded in. */
#ifndef POLYNYA_BASE_LINK_H
#define POLYNYA_BASE_LINK_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *prev, *next;
};

/* The struct of `type` whose member `member` is at `ptr`. */
#define holder_of(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void link_init(struct link *l)
{
    l->prev = l->next = l;
}

static inline bool link_empty(const struct link *head)
{
    return head->next == head;
}

/* At the end of the ring; l must be in none, and need not be initialized. */
static inline void link_append(struct link *head, struct link *l)
{
    l->prev = head->prev;
    l->next = head;
    head->prev->next = l;
    head->prev = l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

/* To the end of the ring, from wherever l was. */
static inline void link_move(struct link *head, struct link *l)
{
    link_remove(l);
    link_append(head, l);
}

/* Takes the first one out; NULL if there is none. */
static inline struct link *link_take(struct link *head)
{
    struct link *first = head->next;
    if (first == head)
        return NULL;
    link_remove(first);
    return first;
}

/* Moves all of from's links into `into`, which becomes a head. */
static inline void link_move_all(struct link *from, struct link *into)
{
    link_init(into);
    if (link_empty(from))
        return;
    into->next = from->next;
    into->prev = from->prev;
    into->next->prev = into->prev->next = into;
    link_init(from);
}

#endif
