/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses inside a reader's own network, and answers that hold one.
 *
 * A public name with such an address lets a web page reach into the reader's network under its own name (DNS
 * rebinding). Pure. */
#ifndef POLYNYA_DNS_PRIVATE_H
#define POLYNYA_DNS_PRIVATE_H

#include "data/base/address.h"
#include "data/dns/answer.h"

/* This host, loopback, link-local, private use (RFC 1918, RFC 4193), shared by a carrier's customers (RFC
 * 6598), or an IPv6 form that leads to such an IPv4 address (mapped, compatible, NAT64, 6to4). */
bool private_address(const struct ip *ip);
/* Whether an A, AAAA, HTTPS or SVCB record in the answer section holds one, hints included. Linear. */
bool private_in_answer(const struct answer *a);

#endif
