/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 on one connection (RFC 9113): the only user of nghttp2.
 *
 * Streams are bounded by what we keep for them, not by what is open on the wire: one that its client has
 * reset counts until its handler has answered, so resetting buys no work. Frames that ask for nothing are
 * paid from a budget that requests refill; when it is spent, so is the connection. */
#ifndef POLYNYA_NET_H2_H
#define POLYNYA_NET_H2_H

#include "resolver/net/conn.h"

/* What all sessions share: callbacks and options. */
struct h2_setup *h2_setup_new(void);
void h2_setup_free(struct h2_setup **s);
/* Gives back what is kept for sessions to come. */
void h2_setup_trim(struct h2_setup *s);

/* Speaks HTTP/2 on c from now on. False without memory. */
bool h2_start(struct conn *c);

#endif
