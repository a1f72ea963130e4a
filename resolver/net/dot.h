/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages on one connection, each behind its length: DNS over TLS (RFC 7858, RFC 7766).
 *
 * Questions may come many at once and answers leave as they are found, in any order. As over HTTP, no more
 * than limits.streams are under way; what a client sends beyond that, or while it leaves its answers unread,
 * waits in the socket. What is no DNS message ends the connection; a question refused gets its RCODE. */
#ifndef POLYNYA_NET_DOT_H
#define POLYNYA_NET_DOT_H

#include "resolver/net/conn.h"

/* Speaks DNS on c from now on; its handler has a `message`. False without memory. */
bool dot_start(struct conn *c);

#endif
