/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over a persistent connection to a server, whichever protocol it speaks: tcp.h (DNS over TCP and
 * TLS) and https.h make one.
 *
 * The connection opens with the first query and closes when it has been idle for as long as the server bears
 * (idle.h). Answers come in any order. When an open connection dies, each query under way is sent once more
 * over a fresh one; the second time, or if no connection comes about, it fails. A connection that owes an
 * answer and stays silent for 3 s is taken for dead, however many queries are added meanwhile. */
#ifndef POLYNYA_RESOLVER_STREAM_H
#define POLYNYA_RESOLVER_STREAM_H

#include <ev.h>

#include "data/base/link.h"
#include "resolver/asked.h"
#include "resolver/net/dial.h"

enum {
    STREAM_UNDER_WAY_MAX = 1000,    /* queries of one server; with more it is not asked */
    STREAM_UNSENT_MAX = 512 * 1024, /* bytes waiting to be sent, the same */
    STREAM_SILENCE = 3000,          /* ms */
    STREAM_REFRAIN = 1000           /* ms without another try after the server was not whom we expect */
};

struct stream;

/* Embedded by who asks; callbacks, asked and edns are set by the caller. */
struct stream_query {
    struct link ring;      /* of the connection, oldest first */
    struct link same_id;   /* in the table of IDs, if the protocol has one */
    struct stream *stream; /* NULL when not under way */
    const struct asked *asked;
    void *request; /* the protocol's own */
    bool edns;
    bool resent;
    bool cold; /* a connection had to be opened for it */
    uint16_t id;
    /* A message with the query's ID, borrowed, may be written to; the query stays under way until
     * stream_cancel. */
    void (*reply)(struct stream_query *q, uint8_t *reply, size_t len);
    /* The query is not under way any more. */
    void (*failed)(struct stream_query *q);
};

/* What a connection is made of. */
struct stream_env {
    struct ev_loop *loop;
    const union sock_addr *server; /* borrowed */
    struct tls_client *peer;       /* borrowed; NULL: clear text */
    /* No connection came about. Called before the queries hear of it. */
    void (*failed)(void *self, enum dial_end why);
    void *self;
};

struct stream {
    bool (*ask)(struct stream *s, struct stream_query *q);
    void (*cancel)(struct stream_query *q);
    void (*free)(struct stream *s);
};

/* Sends the query, connecting first if need be. False if it cannot (limits, memory, no route): no callback
 * follows. Never calls a callback itself. */
static inline bool stream_ask(struct stream *s, struct stream_query *q)
{
    return s->ask(s, q);
}

/* Forgets the query, its late answer will be ignored. Harmless if it is not under way. */
static inline void stream_cancel(struct stream_query *q)
{
    if (q->stream)
        q->stream->cancel(q);
}

/* All queries must have been cancelled. */
static inline void stream_free(struct stream **s)
{
    if (*s)
        (*s)->free(*s);
    *s = NULL;
}

#endif
