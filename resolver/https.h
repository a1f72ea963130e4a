/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over DNS over HTTPS (RFC 8484): POSTs over a persistent HTTP/2 connection, each a stream of its
 * own.
 *
 * Queries have ID 0 and are padded to blocks of 128 bytes (RFC 8467). A reply ends its query: stream_cancel
 * has nothing left to do. When the server says that it leaves (GOAWAY), what it has taken on is waited for,
 * and what comes goes over another connection. */
#ifndef POLYNYA_RESOLVER_HTTPS_H
#define POLYNYA_RESOLVER_HTTPS_H

#include "resolver/net/h2_client.h"
#include "resolver/stream.h"

enum { HTTPS_LEAVING_MAX = 4 /* connections that the server leaves, besides the one in use */ };

struct https_options {
    const char *host; /* in :authority; NULL: the address */
    const char *path; /* copied, as host */
    /* An answer that was none, and why; called before its query hears of it, with env's self. */
    void (*refused)(void *self, enum h2_end why);
};

/* env is copied, and has a peer with h2. NULL without memory. */
struct stream *https_new(const struct stream_env *env, const struct https_options *o);

#endif
