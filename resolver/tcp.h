/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over one persistent TCP connection to a server, pipelined (RFC 7766).
 *
 * The connection opens with the first query and closes after 10 s without any. Answers come in any order and
 * are found by an ID that is unique among the connection's queries. When the connection dies, each query
 * under way is sent once more over a fresh one; the second time, or if no connection comes about, it fails. A
 * connection that owes an answer and stays silent for 3 s is taken for dead, however many queries are added
 * meanwhile. */
#ifndef POLYNYA_RESOLVER_TCP_H
#define POLYNYA_RESOLVER_TCP_H

#include <ev.h>

#include "data/base/link.h"
#include "data/base/text.h"
#include "resolver/asked.h"

enum {
    TCP_UNDER_WAY_MAX = 1000,
    TCP_UNSENT_MAX = 512 * 1024, /* bytes waiting to be sent */
    TCP_IDLE = 10,               /* seconds */
    TCP_SILENCE = 3
};

struct tcp;

/* Embedded by who asks; callbacks, asked and edns are set by the caller. */
struct tcp_query {
    struct link ring;    /* of the connection, oldest first */
    struct link same_id; /* in the table of IDs */
    struct tcp *tcp;     /* NULL when not under way */
    const struct asked *asked;
    bool edns;
    bool resent;
    bool cold; /* a connection had to be opened for it */
    uint16_t id;
    /* A message with the query's ID, borrowed, may be written to; the query stays under way until tcp_cancel.
     */
    void (*reply)(struct tcp_query *q, uint8_t *reply, size_t len);
    /* The query is not under way any more. */
    void (*failed)(struct tcp_query *q);
};

/* server is borrowed. NULL without memory. */
struct tcp *tcp_new(struct ev_loop *loop, const union sock_addr *server);
/* All queries must have been cancelled. */
void tcp_free(struct tcp **t);
/* Sends the query, connecting first if need be. False if it cannot (limits, memory, no route): no callback
 * follows. Never calls a callback itself. */
bool tcp_ask(struct tcp *t, struct tcp_query *q);
/* Forgets the query, its late answer will be ignored. Harmless if it is not under way. */
void tcp_cancel(struct tcp_query *q);

#endif
