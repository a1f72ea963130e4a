/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known about the servers we ask: how each transport does, habits, and whether it is taken for dead.
 * Pure: time comes in as an argument.
 *
 * A server is put on hold only after many timeouts in a row over several names, so that no client can
 * silence a server by asking for names that time out. On hold it is probed, more and more rarely; any reply
 * clears it. With all of them on hold, all are asked as if none were. */
#ifndef POLYNYA_RESOLVER_SERVER_H
#define POLYNYA_RESOLVER_SERVER_H

#include "data/base/address.h"
#include "resolver/select.h"

struct stream;

enum {
    SERVERS_MAX = SELECT_MAX,
    SERVER_HOLD_TIMEOUTS = 10,
    SERVER_HOLD_NAMES = 3,
    SERVER_PROBE_MIN = 2000, /* ms until the first probe; doubles */
    SERVER_PROBE_MAX = 32000,
    SERVER_HABIT = 600000,    /* ms that a server's habits are remembered */
    SERVER_COMPLAINT = 300000 /* ms until the same is logged of it again */
};

enum transport { OVER_UDP, OVER_STREAM, TRANSPORTS };

struct server {
    union sock_addr address;
    const char *protocol, *group; /* what the operator calls them; borrowed */
    struct stream *stream;        /* its connection, owned by who owns the servers */
    bool encrypted;               /* asked over its stream only */
    struct path path[TRANSPORTS];
    unsigned streak;                   /* timeouts since the last reply */
    uint64_t names[SERVER_HOLD_NAMES]; /* hashes of names in the streak, all different */
    unsigned name_count;
    bool on_hold;
    bool probed;      /* a probe or an exploration of it is under way */
    int64_t probe_at; /* monotonic ms; on hold only */
    int64_t probe_step;
    int64_t plain_until; /* until then it is asked without EDNS */
    int64_t tcp_until;   /* until then it is asked over TCP only: it does not keep the case of names */
    int complaint;       /* the latest, as server_may_complain has it */
    int64_t complain_at; /* when the same may be said again */
    int64_t refute_at;   /* when it may be said again that its answers were not to be believed */
    uint64_t queries, timeouts;
};

/* Servers that stand for each other. */
struct server_group {
    struct server *server[SERVERS_MAX]; /* borrowed */
    unsigned count;
};

/* All of its servers are on hold. */
bool server_group_held(const struct server_group *g);
/* One candidate for each server, in the group's order, none of them asked yet. */
void server_group_list(const struct server_group *g, int64_t now, struct candidate list[SERVERS_MAX]);

void server_init(struct server *s, const union sock_addr *address);
/* How its next question goes out. */
enum transport server_transport(const struct server *s, int64_t now);
/* Any reply that belonged to a query; rtt and cold as in path_replied. True if the server was on hold. */
bool server_replied(struct server *s, enum transport via, int64_t rtt, bool cold, int64_t now);
/* A try without a reply, or an unreachable server. True if this puts it on hold. */
bool server_timed_out(struct server *s, enum transport via, uint64_t name_hash, int64_t now);
/* It is not whom we expect, for any name: it is on hold at once. True if it was not before. */
bool server_broken(struct server *s, int64_t now);
/* True if a fault (any number but 0) should be logged now: another than the latest, or long after. */
bool server_may_complain(struct server *s, int fault, int64_t now);
/* True if a server on hold should be probed now; the next probe is then due later. */
bool server_probe_due(struct server *s, int64_t now);

#endif
