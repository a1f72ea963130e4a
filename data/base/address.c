/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: see address.h. */
#include "data/base/address.h"

#include <arpa/inet.h>
#include <stdio.h>

#include "data/base/text.h"

bool ip_parse(struct bytes text, struct ip *out)
{
    char buf[IP_TEXT_MAX];
    if (text.len == 0 || text.len >= sizeof buf || memchr(text.data, 0, text.len))
        return false;
    memcpy(buf, text.data, text.len);
    buf[text.len] = 0;
    *out = (struct ip){0};
    if (inet_pton(AF_INET, buf, out->addr) == 1)
        out->len = 4;
    else if (inet_pton(AF_INET6, buf, out->addr) == 1)
        out->len = 16;
    return out->len != 0;
}

void ip_format(const struct ip *ip, char out[IP_TEXT_MAX])
{
    if (ip->len == 0 || !inet_ntop(ip->len == 4 ? AF_INET : AF_INET6, ip->addr, out, IP_TEXT_MAX))
        out[0] = 0;
}

bool ip_equal(const struct ip *a, const struct ip *b)
{
    return a->len == b->len && memcmp(a->addr, b->addr, a->len) == 0;
}

bool ip_within(const struct ip *ip, const struct ip_net *net)
{
    unsigned whole = net->bits / 8, rest = net->bits % 8;
    if (ip->len != net->ip.len || memcmp(ip->addr, net->ip.addr, whole) != 0)
        return false;
    return rest == 0 || (ip->addr[whole] ^ net->ip.addr[whole]) >> (8 - rest) == 0;
}

bool ip_net_parse(struct bytes text, struct ip_net *out)
{
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    struct bytes address = bytes_of(text.data, slash ? (size_t)(slash - text.data) : text.len);
    uint64_t bits;
    if (!ip_parse(address, &out->ip))
        return false;
    bits = out->ip.len * 8u;
    if (slash && !uint_parse(bytes_of(slash + 1, text.len - address.len - 1), bits, &bits))
        return false;
    out->bits = (uint8_t)bits;
    for (unsigned i = out->bits; i < out->ip.len * 8u; i++)
        if (out->ip.addr[i / 8] & 0x80 >> i % 8)
            return false;
    return true;
}

void ip_net_format(const struct ip_net *net, char out[IP_NET_TEXT_MAX])
{
    char ip[IP_TEXT_MAX];
    ip_format(&net->ip, ip);
    snprintf(out, IP_NET_TEXT_MAX, "%s/%u", ip, net->bits);
}

void sock_addr_of(const struct ip *ip, uint16_t port, union sock_addr *out)
{
    *out = (union sock_addr){0};
    if (ip->len == 4) {
        out->in.sin_family = AF_INET;
        out->in.sin_port = htons(port);
        memcpy(&out->in.sin_addr, ip->addr, 4);
    } else {
        out->in6.sin6_family = AF_INET6;
        out->in6.sin6_port = htons(port);
        memcpy(&out->in6.sin6_addr, ip->addr, 16);
    }
}

/* Splits "host:port", "[host]:port", or a bare host, into host and port texts (port.data NULL if absent). */
static bool split_host_port(struct bytes text, struct bytes *host, struct bytes *port)
{
    *port = BYTES_NONE;
    if (text.len && text.data[0] == '[') {
        const uint8_t *end = memchr(text.data, ']', text.len);
        if (!end)
            return false;
        size_t used = (size_t)(end - text.data) + 1;
        *host = bytes_of(text.data + 1, used - 2);
        if (used == text.len)
            return true;
        *port = bytes_of(end + 2, text.len - used - 1);
        return end[1] == ':';
    }
    const uint8_t *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
    *host = text;
    if (!colon || memchr(colon + 1, ':', text.len - (size_t)(colon + 1 - text.data)))
        return true; /* no port, or a bare IPv6 address */
    host->len = (size_t)(colon - text.data);
    *port = bytes_of(colon + 1, text.len - host->len - 1);
    return true;
}

bool sock_addr_parse(struct bytes text, uint16_t default_port, union sock_addr *out)
{
    struct bytes host, port;
    struct ip ip;
    uint64_t number = default_port;
    if (!split_host_port(text, &host, &port) || !ip_parse(host, &ip))
        return false;
    if (port.data ? !uint_parse(port, 65535, &number) : default_port == 0)
        return false;
    sock_addr_of(&ip, (uint16_t)number, out);
    return true;
}

void sock_addr_format(const union sock_addr *a, char out[SOCK_ADDR_TEXT_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "";
    switch (a->sa.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &a->in.sin_addr, ip, sizeof ip);
        snprintf(out, SOCK_ADDR_TEXT_MAX, "%s:%u", ip, ntohs(a->in.sin_port));
        break;
    case AF_INET6:
        inet_ntop(AF_INET6, &a->in6.sin6_addr, ip, sizeof ip);
        snprintf(out, SOCK_ADDR_TEXT_MAX, "[%s]:%u", ip, ntohs(a->in6.sin6_port));
        break;
    default:
        snprintf(out, SOCK_ADDR_TEXT_MAX, "unix:%.108s", a->un.sun_path);
    }
}

socklen_t sock_addr_len(const union sock_addr *a)
{
    switch (a->sa.sa_family) {
    case AF_INET:
        return sizeof a->in;
    case AF_INET6:
        return sizeof a->in6;
    default:
        return sizeof a->un;
    }
}

bool sock_addr_equal(const union sock_addr *a, const union sock_addr *b)
{
    if (a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_UNIX)
        return strncmp(a->un.sun_path, b->un.sun_path, sizeof a->un.sun_path) == 0;
    struct ip ip_a = sock_addr_ip(a), ip_b = sock_addr_ip(b);
    return ip_equal(&ip_a, &ip_b) && sock_addr_port(a) == sock_addr_port(b);
}

struct ip sock_addr_ip(const union sock_addr *a)
{
    struct ip ip = {0};
    if (a->sa.sa_family == AF_INET) {
        ip.len = 4;
        memcpy(ip.addr, &a->in.sin_addr, 4);
    } else if (a->sa.sa_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&a->in6.sin6_addr)) {
        ip.len = 4;
        memcpy(ip.addr, a->in6.sin6_addr.s6_addr + 12, 4);
    } else if (a->sa.sa_family == AF_INET6) {
        ip.len = 16;
        memcpy(ip.addr, &a->in6.sin6_addr, 16);
    }
    return ip;
}

uint16_t sock_addr_port(const union sock_addr *a)
{
    switch (a->sa.sa_family) {
    case AF_INET:
        return ntohs(a->in.sin_port);
    case AF_INET6:
        return ntohs(a->in6.sin6_port);
    default:
        return 0;
    }
}
