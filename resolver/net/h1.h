/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1.0 and 1.1 on one connection (RFC 9112).
 *
 * One request is under way at a time; what is pipelined behind it waits in a bounded buffer and then in the
 * socket, so answers leave in order however late their handler is. */
#ifndef POLYNYA_NET_H1_H
#define POLYNYA_NET_H1_H

#include "resolver/net/conn.h"

/* Speaks HTTP/1 on c from now on. False without memory. */
bool h1_start(struct conn *c);

#endif
