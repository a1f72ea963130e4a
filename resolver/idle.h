/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a server lets a connection be idle, as it says and as it does. Pure: times are arguments.
 *
 * What it says (edns-tcp-keepalive, RFC 7828) is the most; what it does is learnt: a connection it closed
 * earlier shortens the limit below that, one that lived to the limit lengthens it. Closing first spares a
 * query that would meet a connection dead. */
#ifndef POLYNYA_RESOLVER_IDLE_H
#define POLYNYA_RESOLVER_IDLE_H

#include <stdint.h>

/* Milliseconds. */
enum { IDLE_FIRST = 10000, IDLE_LEAST = 250, IDLE_MOST = 120000 };

struct idle {
    uint32_t learnt;
    uint32_t told; /* IDLE_MOST if it has said nothing */
};

void idle_init(struct idle *i);
/* How long to keep a connection without a query; 0: close it at once (RFC 7828 3.4). */
uint32_t idle_limit(const struct idle *i);
/* The server's keepalive option, in its unit of 100 ms. */
void idle_told(struct idle *i, uint16_t tenths);
/* It closed a connection that was idle for so long. */
void idle_cut(struct idle *i, int64_t waited);
/* A connection that had been idle for so long was dead without a word: a NAT or firewall may forget what is
 * idle, though none within IDLE_FIRST. */
void idle_forgotten(struct idle *i, int64_t waited);
/* A connection lived until we closed it at the limit. */
void idle_lived(struct idle *i);

#endif
