/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text forms of plain values: base64, hexadecimal, times, addresses.
 *
 * All parsers are strict and take a length: no locale, no surrounding space, nothing after the value. */
#ifndef POLYNYA_BASE_TEXT_H
#define POLYNYA_BASE_TEXT_H

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

enum { IP_TEXT_MAX = 46, IP_NET_TEXT_MAX = 50, SOCK_ADDR_TEXT_MAX = 128, TIME_TEXT_MAX = 21 };

/* Either alphabet (RFC 4648 4 and 5), with or without padding; line breaks and other bytes refused.
 * Returns bytes written, or -1 if malformed or longer than cap. */
long base64_decode(struct bytes text, uint8_t *out, size_t cap);
/* Standard alphabet with padding / URL alphabet without; NUL-terminated; out holds base64_len(n) + 1. */
size_t base64_len(size_t n);
void base64_encode(struct bytes in, char *out);
void base64url_encode(struct bytes in, char *out);
/* Lower-case; out holds 2 * in.len + 1. */
void hex_encode(struct bytes in, char *out);
/* Returns bytes written or -1. */
long hex_decode(struct bytes text, uint8_t *out, size_t cap);

/* RFC 3339 in UTC, exactly "YYYY-MM-DDTHH:MM:SSZ". Seconds since the epoch; false if malformed or no such
 * day. */
bool time_parse(struct bytes text, int64_t *out);
void time_format(int64_t seconds, char out[TIME_TEXT_MAX]);

/* Unsigned decimal, no sign, no leading '+'; false on anything else or above max. */
bool uint_parse(struct bytes text, uint64_t max, uint64_t *out);

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
