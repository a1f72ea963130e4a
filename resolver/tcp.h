/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over one persistent connection, pipelined: DNS over TCP (RFC 7766) and over TLS (RFC 7858).
 *
 * Answers are found by an ID that is unique among the connection's queries. Over TLS queries are padded to
 * blocks of 128 bytes (RFC 8467), and the server is asked how long it lets a connection be idle (RFC 7828).
 */
#ifndef POLYNYA_RESOLVER_TCP_H
#define POLYNYA_RESOLVER_TCP_H

#include "resolver/stream.h"

/* env is copied. NULL without memory. */
struct stream *tcp_new(const struct stream_env *env);

#endif
