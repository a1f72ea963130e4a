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

/* At the end of the ring; l must be in none. */
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

#endif
