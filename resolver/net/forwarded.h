/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom a proxy speaks for: X-Forwarded-For, or Forwarded (RFC 7239), whichever the operator chose. Pure.
 *
 * Each proxy appends the address it was asked from, and whatever stands left of that may be made up by the
 * client. So the client is the rightmost address that is no trusted proxy's, and nothing further left is
 * looked at. Rules that always hold:
 * - A header of a peer that is not trusted says nothing.
 * - Lines are taken in their order, and a later one stands to the right of an earlier one (RFC 9110 5.2).
 * - Each line is read from its right end: nothing that a client put in front can change how a proxy's own
 * element is read.
 * - What is malformed, hidden or unknown ("unknown", "_name") gives an unknown client, never another one. */
#ifndef POLYNYA_NET_FORWARDED_H
#define POLYNYA_NET_FORWARDED_H

#include "data/base/address.h"

enum forwarded_header { FORWARDED_X_FORWARDED_FOR, FORWARDED_RFC7239, FORWARDED_NO_HEADER };

/* trusted is borrowed. */
struct proxies {
    enum forwarded_header header;
    const struct ip_net *trusted;
    unsigned trusted_count;
};

/* p may be NULL: nobody is trusted. An address that is not known (len 0) never is. */
bool proxies_trust(const struct proxies *p, const struct ip *ip);

/* What the header fields of one request have said so far. */
struct forwarded {
    const struct proxies *proxies; /* NULL: no header is looked for */
    bool believed;                 /* the peer is trusted */
    bool present;                  /* the chosen header was there */
    struct ip client;              /* len 0: unknown */
};

void forwarded_init(struct forwarded *f, const struct proxies *proxies, bool believed);
/* The next header field, name in any case. */
void forwarded_field(struct forwarded *f, struct bytes name, struct bytes value);

#endif
