/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Listening sockets of one process, their connections, and how they end.
 *
 * A front owns every connection accepted through it and enforces the limits over all of them. Draining: stop
 * accepting, GOAWAY on h2, `connection: close` on h1, idle connections close at once, the others when their
 * streams are answered; `drained` is called when the last is gone. */
#ifndef POLYNYA_NET_LISTENER_H
#define POLYNYA_NET_LISTENER_H

#include <ev.h>

#include "resolver/net/http.h"
#include "resolver/net/limits.h"

struct front;
struct proxies;

/* NULL without memory. limits are copied. */
struct front *front_new(struct ev_loop *loop, const struct front_limits *limits);
/* Whom to believe when they speak for others, from now on; borrowed. Limits of clients then hold for those,
 * and not for the proxies. */
void front_trust(struct front *f, const struct proxies *proxies);
/* Accepts on fd (listening, non-blocking, stays the caller's) and serves it so; service is copied. In clear:
 * HTTP/1.1, or HTTP/2 with prior knowledge. A handler that takes messages makes it DNS over TLS. */
bool front_listen(struct front *f, int fd, const struct http_service *service);
void front_drain(struct front *f, void (*drained)(void *self), void *self);
/* Closes what is left. Streams not yet answered must have been answered before. */
void front_free(struct front **f);
/* Connections open now. */
unsigned front_connections(const struct front *f);

#endif
