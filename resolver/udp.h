/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over UDP: connected sockets on random ports, which queries of the same moment share.
 *
 * The port is drawn from 1024..65535 (the kernel's own range holds half of a bit less than 15); only if five
 * drawn ones are taken does the kernel choose. The kernel drops what does not come from the server's address
 * and port; the source is compared once more, because a datagram may slip in between bind and connect.
 *
 * Making and ending a socket costs half of what a query costs. So while many are under way, up to UDP_USES go
 * out from one socket, drawn from UDP_POOL of their server, and are told apart by their IDs; where they are
 * few, each has a socket of its own. None is sent from a socket older than UDP_AGE or without a query under
 * way: a forger has no time to find a port and gain from it later.
 *
 * What is asked in a turn of the loop goes out at its end, one after the other: a server on the same machine
 * that is woken for each costs more than the sending does. */
#ifndef POLYNYA_RESOLVER_UDP_H
#define POLYNYA_RESOLVER_UDP_H

#include <ev.h>

#include "data/base/address.h"
#include "data/base/link.h"
#include "data/dns/msg.h"

enum { UDP_POOL = 8, UDP_USES = 64, UDP_SERVERS = 32 /* more have a socket for each query */ };
enum { UDP_BATCH = 32, UDP_MESSAGE_MAX = 384 };
#define UDP_AGE 0.01 /* seconds */

struct udp_socket;

struct udp_pool {
    const union sock_addr *server;
    struct udp_socket *socket[UDP_POOL];
};

/* A message that waits for the end of the turn. */
struct udp_message {
    struct udp_query *query; /* NULL: closed meanwhile */
    size_t len;
    uint8_t data[UDP_MESSAGE_MAX];
};

/* What the queries of one loop share. */
struct udp {
    struct ev_loop *loop;
    unsigned open, max; /* queries */
    struct udp_pool pool[UDP_SERVERS];
    ev_prepare flush; /* never started: fed once there is something in out */
    struct udp_message out[UDP_BATCH];
    unsigned waiting, sent;      /* of those in out */
    uint8_t buffer[DNS_MSG_MAX]; /* the datagram being handled */
};

/* Embedded by who asks. One of the two is called, once per datagram or error; either may udp_close and free
 * the query, and any other. */
struct udp_query {
    struct udp_socket *socket;
    struct link link; /* in the socket's, oldest first */
    uint16_t id;
    struct udp_message *out; /* where its message waits; NULL: it is sent */
    /* reply is borrowed for the call, and may be written to. What has an ID that the socket never sent goes
     * to the query that has waited longest. */
    void (*reply)(struct udp_query *q, uint8_t *reply, size_t len);
    void (*failed)(struct udp_query *q, int error);
};

/* u must be zeroed. At most so many queries are open at a time. */
void udp_init(struct udp *u, struct ev_loop *loop, unsigned max);
/* After all queries are closed. */
void udp_fini(struct udp *u);

/* Sends message (12 .. UDP_MESSAGE_MAX bytes, which begin with its ID) to server (borrowed for the life of u:
 * sockets are kept by its address in memory) at the end of this turn of the loop; the callbacks are set by
 * the caller. 0, or errno: then nothing is open. EMFILE if there are as many queries as there may be. */
int udp_send(struct udp *u, struct udp_query *q, const union sock_addr *server, struct bytes message);
void udp_close(struct udp_query *q);

#endif
