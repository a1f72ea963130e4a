/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One query over UDP: a socket of its own, connected, on a random port, gone when the query is.
 *
 * The port is drawn from 1024..65535 (the kernel's own range holds half of a bit less than 15); only if five
 * drawn ones are taken does the kernel choose. The kernel drops what does not come from the server's address
 * and port; the source is compared once more, because a datagram may slip in between bind and connect. */
#ifndef POLYNYA_RESOLVER_UDP_H
#define POLYNYA_RESOLVER_UDP_H

#include <ev.h>

#include "data/base/text.h"
#include "data/dns/msg.h"

/* What the queries of one loop share. */
struct udp {
    struct ev_loop *loop;
    unsigned open, max;          /* sockets */
    uint8_t buffer[DNS_MSG_MAX]; /* the datagram being handled */
};

/* Embedded by who asks. One of the two is called, once per datagram or error; either may udp_close and free
 * the query. */
struct udp_query {
    struct ev_io io;
    struct udp *udp;
    const union sock_addr *server; /* borrowed */
    /* reply is borrowed for the call, and may be written to. */
    void (*reply)(struct udp_query *q, uint8_t *reply, size_t len);
    void (*failed)(struct udp_query *q, int error);
};

/* Sends message to server; the callbacks are set by the caller. 0, or errno: then nothing is open. EMFILE if
 * there are as many sockets as there may be. */
int udp_send(struct udp *u, struct udp_query *q, const union sock_addr *server, struct bytes message);
void udp_close(struct udp_query *q);

#endif
