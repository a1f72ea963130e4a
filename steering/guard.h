/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guards: what no signature can buy (design, section 5).
 *
 * However well a registration is signed, it can only ever name the outlet's own hosts and send readers to
 * global unicast addresses on port 443: not into their LAN, not to another special-use network, not to the
 * operator's own servers. Pure but for the public suffix list, which is loaded once. */
#ifndef POLYNYA_STEERING_GUARD_H
#define POLYNYA_STEERING_GUARD_H

#include "data/base/address.h"
#include "data/list/delegations.h"
#include "data/list/registration.h"

struct guard;

/* Loads Debian's public suffix list, or the one built into libpsl if that is newer. denied, what the operator
 * denies, is copied, may be empty. NULL without memory or without any list. */
struct guard *guard_new(const struct ip_net *denied, size_t count);
void guard_free(struct guard **g);

/* True for global unicast addresses: outside of the IANA special-purpose registries, for IPv6 within
 * 2000::/3, so no form that embeds an IPv4 address (mapped, NAT64, 6to4, Teredo) passes. */
bool guard_is_global(const struct ip *ip);
/* True if the operator denies it; an IPv4-mapped address counts as the IPv4 address. */
bool guard_is_denied(const struct guard *g, const struct ip *ip);
/* Both of a mirror's address: SPECIAL_USE, which allow_special_use lifts, or DENIED, or NONE. */
enum refusal_why guard_address(const struct guard *g, const struct ip *ip, bool allow_special_use);
/* The part of domain, lower-case text, that somebody registered: a public suffix and one label. Of a public
 * suffix itself all but its first label. Points into domain, or is empty: the root's. */
const char *guard_registered(const struct guard *g, const char *domain);
/* domain is lower-case text. PUBLIC_SUFFIX, BAD_NAME (a label that begins with "_"). */
bool guard_domain(const struct guard *g, const char *domain, struct refusal *why);
/* Domain, names, addresses and ports of a registration. allow_special_use lifts SPECIAL_USE and BAD_PORT
 * alone. */
bool guard_registration(const struct guard *g, const struct registration *reg, bool allow_special_use,
                        struct refusal *why);
/* Whether d's key owns all names of a registration of d's domain: maintainers may have given a domain below,
 * and with it every name there, to another key. WRONG_DOMAIN. After guard_registration. */
bool guard_owner(const struct delegations *all, const struct delegation *d, const struct registration *reg,
                 struct refusal *why);

#endif
