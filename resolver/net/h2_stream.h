/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the files of HTTP/2 share, and nobody else: a connection, its streams, and how these begin and end.
 *
 * A stream belongs to nghttp2 until it is closed and to its handler until it is answered; the later of the
 * two frees it. One whose connection goes first is an orphan, and its answer frees it. */
#ifndef POLYNYA_NET_H2_STREAM_H
#define POLYNYA_NET_H2_STREAM_H

#include <nghttp2/nghttp2.h>

#include "data/base/pool.h"
#include "resolver/net/conn.h"
#include "resolver/net/h2_budget.h"

struct h2_stream {
    struct http_stream http; /* first: a http_stream is cast back */
    struct h2 *h2;           /* NULL: the connection is gone */
    struct pool *pool;       /* that it is from */
    struct link link;        /* in incoming until the request is whole, then in others */
    int32_t id;
    bool whole, answered, closed;
    enum reason refused; /* REASON_OK: not */
    enum http_method method;
    struct forwarded forwarded;
    unsigned fields;
    size_t field_bytes;
    size_t content_length; /* 0: not told */
    struct bytes target;
    struct http_body body;
    struct http_request request;
    size_t counted;
    struct bytes out; /* of the answer's body, what is not sent yet */
    char length_text[HTTP_NUMBER_TEXT];
    char cache_text[HTTP_CACHE_TEXT];
};

struct h2 {
    struct conn *conn;
    struct pool *pool; /* of streams; all connections have the same */
    nghttp2_session *session;
    struct h2_stream *current; /* whose header block is being read */
    struct link incoming;      /* oldest first */
    struct link others;
    unsigned streams;  /* in both rings */
    unsigned answered; /* of them, those with an answer that is not wholly sent */
    size_t held;
    uint64_t closed, sent; /* streams; bytes of answers */
    struct h2_budget budget;
    bool has_reset;         /* a stream, ever */
    bool greeted;           /* the client's settings have come */
    bool draining, leaving; /* the notice was sent; the last stream was named */
};

static inline struct conn_set *h2_set_of(const struct h2 *h)
{
    return conn_set_of(h->conn);
}

/* A stream of h, in incoming; nghttp2 is not told. NULL without memory. */
struct h2_stream *h2_stream_new(struct h2 *h, int32_t id);
void h2_stream_free(struct h2_stream *s);
/* Brings what is counted as held up to what the stream's arena holds. */
void h2_stream_hold(struct h2_stream *s);
/* The connection is going: frees the streams of a ring that no handler will answer, and leaves the others to
 * their answers. */
void h2_streams_orphan(struct link *streams);

#endif
