/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection's insides, for the files conn*.c alone: what it is, and what they do for each other.
 *
 * conn.c is what protocols ask of it, conn_end.c how it ends, conn_timer.c its timeouts, conn_output.c
 * and conn_input.c what leaves and what comes, conn_set.c all of them together. Calls go from the later to
 * the earlier. */
#ifndef POLYNYA_NET_CONN_INNER_H
#define POLYNYA_NET_CONN_INNER_H

#include "resolver/net/conn.h"

enum { CONN_BUDGET = 65536 /* bytes read or written of one connection in a turn */, CONN_SNIFF = 4 };

struct conn {
    ev_io io;
    struct conn_set *set;
    struct proxy_reader *greeting; /* of a proxy's header, until it is whole */
    struct tls_conn *tls;
    const struct conn_protocol *protocol; /* NULL before the first request can be told */
    void *self;
    uint8_t *left; /* taken from the protocol, but not by the peer */
    size_t left_len;
    struct deadline deadline;
    enum conn_timer timer;
    uint64_t mark;
    uint64_t written;
    struct link all, dirty, resumed, shaking;
    ev_tstamp born;
    unsigned requests;
    unsigned last_request; /* leaving: no more than so many */
    unsigned credit;       /* requests paid for in the client's bucket, and not yet made */
    const struct http_service *service;
    void *owner;
    uint8_t first[CONN_SNIFF];
    uint8_t first_len;
    bool secure : 1;    /* all that comes before a request is done */
    bool blocked : 1;   /* wait until the socket takes bytes */
    bool unread : 1;    /* TLS may hold input that gives no event */
    bool eof : 1;       /* the peer sends no more */
    bool closing : 1;   /* nothing more is read; ends when the output is gone */
    bool lingering : 1; /* nothing more is sent */
    bool leaving : 1;   /* the peer was asked to */
    bool relay : 1;     /* the peer is a trusted proxy: no client itself */
    struct ip client;   /* len 0: unknown, or on this machine */
};

/* conn_end.c. Its handshake is over: it counts no longer as one of many. */
void conn_end_handshake(struct conn *c);
/* Closes and frees it. */
void conn_drop(struct conn *c);
/* The same, and what was sent and not taken is thrown away. */
void conn_abort(struct conn *c);
/* Shuts our side and waits a little for the peer's. */
void conn_linger(struct conn *c);
/* While lingering: reads and throws away; at the end drops it. */
void conn_discard(struct conn *c);
/* EV_READ and EV_WRITE, which to be told of. */
void conn_watch(struct conn *c, int events);

/* conn_timer.c. Runs the timeout of what it waits for now. */
void conn_run_timer(struct conn *c);
void conn_timers_init(struct conn_set *set);
void conn_timers_fini(struct conn_set *set);

/* conn_output.c. Pulls and writes until the protocol is empty, the peer takes no more, or the budget is
 * spent. False: broken. */
bool conn_write_all(struct conn *c);
/* What it needs after all that happened to it in this turn: output, its end, its events, its timeout. It may
 * be gone afterwards. */
void conn_settle(struct conn *c);

/* conn_input.c. Whose connection it is, as far as is known. */
void conn_set_peer(struct conn *c, const struct ip *peer);
/* What it is told first is TLS, or nothing; where its proxy has a word before that, it has been read. False
 * without memory. */
bool conn_begin(struct conn *c);
void conn_on_io(struct ev_loop *loop, ev_io *w, int events);
/* Goes on with what was kept back. */
void conn_go_on(struct conn *c);

#endif
