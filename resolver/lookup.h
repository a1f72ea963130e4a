/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a lookup has tried so far, and whom to ask next; exchange.c decides when. For that file alone. */
#ifndef POLYNYA_RESOLVER_LOOKUP_H
#define POLYNYA_RESOLVER_LOOKUP_H

#include "resolver/attempt.h"
#include "resolver/exchange.h"

struct upstream_lookup {
    struct link ring;
    struct exchange *exchange;
    const struct server_group *group;
    struct server *only;     /* a probe or exploration of this server; else NULL */
    bool all_held;           /* every server was on hold when it began */
    struct hearing *hearing; /* as upstream_ask has it, or NULL */
    struct asked asked;
    uint64_t name_hash;
    upstream_done *done;
    void *self;
    struct ev_timer timer;
    int64_t deadline; /* monotonic ms */
    int64_t next_at;  /* when the next attempt begins */
    unsigned tries;   /* attempts allowed */
    unsigned used;
    struct attempt attempt[];
};

/* The attempt begun last; there must be one. */
struct attempt *lookup_latest(struct upstream_lookup *l);
/* An attempt is open; of those that are late, too, if `late`. */
bool lookup_any_open(const struct upstream_lookup *l, bool late);
/* The earliest time at which an open attempt becomes late; INT64_MAX if none does. */
int64_t lookup_next_late(const struct upstream_lookup *l);
/* The server's in a hearing. */
uint64_t lookup_bit(const struct upstream_lookup *l, const struct server *s);
/* Whom to ask next; NULL if nobody is left. */
struct server *lookup_choose(const struct upstream_lookup *l);
/* Is there a server that this lookup has not asked? One on hold is worth a hedge only if all are. */
bool lookup_has_another(const struct upstream_lookup *l);
/* UDP has brought nothing from the server so often that TCP is worth an attempt. */
bool lookup_escalates(const struct upstream_lookup *l, const struct server *s);
/* Milliseconds that its latest attempt may take; doubles with every round over the servers. */
int64_t lookup_patience(const struct upstream_lookup *l);
/* Why it has no answer. */
enum reason lookup_reason(const struct upstream_lookup *l);

#endif
