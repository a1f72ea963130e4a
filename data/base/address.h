/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: IP addresses alone, networks, and sockets' addresses with their ports; and their text forms.
 *
 * Parsers are strict and take a length: no surrounding space, nothing after the value. */
#ifndef POLYNYA_BASE_ADDRESS_H
#define POLYNYA_BASE_ADDRESS_H

#include <netinet/in.h>
#include <sys/un.h>

#include "data/base/bytes.h"

/* An address family with port, or a unix path. */
union sock_addr {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_un un;
    struct sockaddr_storage storage;
};

/* An IP address alone: len 4 or 16, in network order. */
struct ip {
    uint8_t len;
    uint8_t addr[16];
};

/* A network: the first `bits` of ip; the rest of it is zero. */
struct ip_net {
    struct ip ip;
    uint8_t bits;
};

enum { IP_TEXT_MAX = 46, IP_NET_TEXT_MAX = 50, SOCK_ADDR_TEXT_MAX = 128 };

/* "192.0.2.1", "2001:db8::1" (no brackets, no zone). */
bool ip_parse(struct bytes text, struct ip *out);
void ip_format(const struct ip *ip, char out[IP_TEXT_MAX]);
bool ip_equal(const struct ip *a, const struct ip *b);
/* "192.0.2.0/24", "2001:db8::/32", or an address alone. Refused if a bit behind the prefix is set: such a
 * text is a mistake more often than not. */
bool ip_net_parse(struct bytes text, struct ip_net *out);
void ip_net_format(const struct ip_net *net, char out[IP_NET_TEXT_MAX]);
bool ip_within(const struct ip *ip, const struct ip_net *net);
/* "192.0.2.1:443", "[2001:db8::1]:443"; without a port, default_port is taken (0: a port is required). */
bool sock_addr_parse(struct bytes text, uint16_t default_port, union sock_addr *out);
void sock_addr_format(const union sock_addr *a, char out[SOCK_ADDR_TEXT_MAX]);
socklen_t sock_addr_len(const union sock_addr *a);
bool sock_addr_equal(const union sock_addr *a, const union sock_addr *b);
/* v4-mapped v6 gives the v4 address; a unix address gives len 0. */
struct ip sock_addr_ip(const union sock_addr *a);
uint16_t sock_addr_port(const union sock_addr *a);
void sock_addr_of(const struct ip *ip, uint16_t port, union sock_addr *out);

#endif
