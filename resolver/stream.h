/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over a persistent connection to a server, whichever protocol it speaks: tcp.h (DNS over TCP and
 * TLS) and https.h make one.
 *
 * The connection opens with the first query and closes when it has been quiet for too long (quiet.h). Answers
 * come in any order. When an open connection dies, each query under way is sent once more over a fresh one;
 * the second time, or if no connection comes about, it fails. */
#ifndef POLYNYA_RESOLVER_STREAM_H
#define POLYNYA_RESOLVER_STREAM_H

#include <ev.h>

#include "data/base/link.h"
#include "resolver/asked.h"
#include "resolver/idle.h"
#include "resolver/net/dial.h"

enum {
    STREAM_UNDER_WAY_MAX = 1000,    /* queries of one server; with more it is not asked */
    STREAM_UNSENT_MAX = 512 * 1024, /* bytes waiting to be sent, the same */
    STREAM_USELESS_MAX = 1 << 20,   /* bytes that bring no answer, until the connection is broken */
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

/* What its protocol does. */
struct stream_methods {
    bool (*ask)(struct stream *s, struct stream_query *q);
    void (*cancel)(struct stream_query *q);
    void (*free)(struct stream *s);
};

/* What the protocols have in common. */
struct stream {
    const struct stream_methods *is;
    struct stream_env env;
    struct idle idle;
    struct link failing;   /* queries about to be told that they failed */
    int64_t refrain_until; /* monotonic ms */
};

/* Sends the query, connecting first if need be. False if it cannot (limits, memory, no route): no callback
 * follows. Never calls a callback itself. */
static inline bool stream_ask(struct stream *s, struct stream_query *q)
{
    return s->is->ask(s, q);
}

/* Forgets the query, its late answer will be ignored. Harmless if it is not under way. */
static inline void stream_cancel(struct stream_query *q)
{
    if (q->stream)
        q->stream->is->cancel(q);
}

/* All queries must have been cancelled. */
static inline void stream_free(struct stream **s)
{
    if (*s)
        (*s)->is->free(*s);
    *s = NULL;
}

/* --- for the protocols --- */

/* Copies env. */
void stream_init(struct stream *s, const struct stream_methods *is, const struct stream_env *env);
/* False as long as another try is not to be made. */
bool stream_may_dial(const struct stream *s);
/* No connection came about. */
void stream_not_opened(struct stream *s, enum dial_end why);
/* The query, which has left its connection, fails with the next stream_fail_all. */
void stream_give_up(struct stream *s, struct stream_query *q);
/* Callbacks may cancel other queries that are about to fail, and ask anew. */
void stream_fail_all(struct stream *s);

#endif
