/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over a persistent connection to a server, whichever protocol it speaks: tcp.h (DNS over TCP and
 * TLS) and https.h make one.
 *
 * The connection opens with the first query and closes when it has been idle for as long as the server bears
 * (idle.h). Answers come in any order. When an open connection dies, each query under way is sent once more
 * over a fresh one; the second time, or if no connection comes about, it fails. A connection that owes an
 * answer and stays silent is taken for dead after 3 s, however many queries are added meanwhile; and as soon
 * as a hedge would be sent if not even the arrival of what it was sent is confirmed. */
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
    STREAM_DOUBT = 400,             /* ms of silence until it is looked whether anything arrives, ... */
    STREAM_LOOK = 100,              /* ... and between looks */
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

/* How long a connection that owes an answer has been silent. */
struct silence {
    unsigned looks;
};

/* It begins, or a byte came: when to look, in ms. */
static inline unsigned silence_begin(struct silence *s)
{
    s->looks = 0;
    return STREAM_DOUBT;
}

/* That time is over. 0: the connection is to be taken for dead; else when to look again. */
static inline unsigned silence_look(struct silence *s, const struct dial *d)
{
    if (STREAM_DOUBT + s->looks * STREAM_LOOK >= STREAM_SILENCE || dial_unconfirmed(d))
        return 0;
    s->looks++;
    return STREAM_LOOK;
}

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
