/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The header of PROXY protocol version 2, by which a proxy that hands on connections says whose each is.
 * Pure.
 *
 * (haproxy's doc/proxy-protocol.txt, section 2.2.) It comes before everything else, TLS included. The reader
 * is told bytes as they come and says how many it could use next: never any beyond the header, so what
 * follows stays in the socket. Addresses are kept, what stands behind them (TLVs) is skipped unseen,
 * as its section 2.2 lets receivers; so is the checksum, which only those must verify that know it. */
#ifndef POLYNYA_NET_PROXY_V2_H
#define POLYNYA_NET_PROXY_V2_H

#include "data/base/address.h"

/* PROXY_MOST: bytes of a header; those of real proxies, TLS details included, have some hundred. */
enum { PROXY_FIXED = 16, PROXY_ADDRESSES = 36, PROXY_MOST = 2048 };

enum proxy_status { PROXY_MORE, PROXY_DONE, PROXY_BAD };

/* Zeroed to begin. */
struct proxy_reader {
    uint16_t have;
    uint8_t bytes[PROXY_FIXED + PROXY_ADDRESSES]; /* of the header's beginning */
};

/* How many bytes may be read next; 0 when the header is whole. */
size_t proxy_wants(const struct proxy_reader *p);
/* The next n <= proxy_wants bytes. BAD as soon as they cannot be a header of version 2 for a stream of TCP or
 * a local one: version 1 is BAD. */
enum proxy_status proxy_take(struct proxy_reader *p, const uint8_t *data, size_t n);
/* With the header whole: false if the proxy asks for itself (LOCAL: its health checks). Else whom it speaks
 * for; len 0 where it does not say. */
bool proxy_client(const struct proxy_reader *p, struct ip *client);

#endif
