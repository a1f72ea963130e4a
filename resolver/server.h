/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known about the servers we ask, and which one is asked next. Pure: time and chance come in as
 * arguments.
 *
 * A server is put on hold only after many timeouts in a row over several names, so that no client can
 * silence a server by asking for names that time out. On hold it is probed, more and more rarely; any reply
 * clears it. With all of them on hold, all are asked as if none were. */
#ifndef POLYNYA_RESOLVER_SERVER_H
#define POLYNYA_RESOLVER_SERVER_H

#include "data/base/text.h"

enum {
    SERVERS_MAX = 64,
    SERVER_HOLD_TIMEOUTS = 10,
    SERVER_HOLD_NAMES = 3,
    SERVER_PROBE_MIN = 2000, /* ms until the first probe; doubles */
    SERVER_PROBE_MAX = 32000,
    SERVER_HABIT = 600000, /* ms that a server's habits are remembered */
    SERVER_EXPLORE = 20    /* one choice in so many is by chance */
};

struct server {
    union sock_addr address;
    struct tcp *tcp;                   /* its connection, owned by who owns the servers */
    uint32_t rtt;                      /* smoothed, ms; 0 before the first reply */
    unsigned streak;                   /* timeouts since the last reply */
    uint64_t names[SERVER_HOLD_NAMES]; /* hashes of names in the streak, all different */
    unsigned name_count;
    bool on_hold;
    int64_t probe_at; /* monotonic ms; on hold only */
    int64_t probe_step;
    int64_t plain_until; /* until then it is asked without EDNS */
    int64_t tcp_until;   /* until then it is asked over TCP only: it does not keep the case of names */
    uint64_t queries, timeouts;
};

void server_init(struct server *s, const union sock_addr *address);
/* Any reply that belonged to a query. True if the server was on hold until now. */
bool server_replied(struct server *s, uint32_t rtt_ms);
/* A try without a reply, or an unreachable server. floor: what such a try cost, in ms, for the choice to
 * know. True if this puts it on hold. */
bool server_timed_out(struct server *s, uint64_t name_hash, uint32_t floor, int64_t now);
/* True if a server on hold should be probed now; the next probe is then due later. */
bool server_probe_due(struct server *s, int64_t now);

/* Which of count servers (at most SERVERS_MAX) to ask: of those asked least often in this lookup (asked[i];
 * SERVER_EXCLUDED for never again) and not on hold the fastest, or by dice any of them. dice is a random
 * number. -1 if all are excluded. */
enum { SERVER_EXCLUDED = 255 };
int server_choose(const struct server *servers, unsigned count, const uint8_t *asked, uint32_t dice);

#endif
