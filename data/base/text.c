/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text forms of plain values: see text.h. */
#include "data/base/text.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <time.h>

static int base64_value(uint8_t c)
{
    if ((uint8_t)(c - 'A') < 26)
        return c - 'A';
    if ((uint8_t)(c - 'a') < 26)
        return c - 'a' + 26;
    if ((uint8_t)(c - '0') < 10)
        return c - '0' + 52;
    if (c == '+' || c == '-')
        return 62;
    return c == '/' || c == '_' ? 63 : -1;
}

static struct bytes base64_strip_padding(struct bytes text)
{
    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
        text.len--;
    return text;
}

long base64_decode(struct bytes text, uint8_t *out, size_t cap)
{
    struct bytes core = base64_strip_padding(text);
    if (core.len != text.len && text.len % 4 != 0)
        return -1;
    if (core.len % 4 == 1 || core.len / 4 * 3 + core.len % 4 * 3 / 4 > cap)
        return -1;
    size_t n = 0;
    uint32_t bits = 0;
    unsigned held = 0;
    for (size_t i = 0; i < core.len; i++) {
        int v = base64_value(core.data[i]);
        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
        held += 6;
        if (held >= 8) {
            held -= 8;
            out[n++] = (uint8_t)(bits >> held);
        }
    }
    /* Left-over bits must be zero, so that every value has one text. */
    return bits & ((1u << held) - 1) ? -1 : (long)n;
}

size_t base64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

static void base64_with(struct bytes in, char *out, const char *alphabet, bool pad)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.data[i];
        for (held += 8; held >= 6; held -= 6)
            out[n++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held)
        out[n++] = alphabet[bits << (6 - held) & 63];
    while (pad && n % 4)
        out[n++] = '=';
    out[n] = 0;
}

void base64_encode(struct bytes in, char *out)
{
    base64_with(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void base64url_encode(struct bytes in, char *out)
{
    base64_with(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

void hex_encode(struct bytes in, char *out)
{
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = "0123456789abcdef"[in.data[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[in.data[i] & 15];
    }
    out[2 * in.len] = 0;
}

static int hex_value(uint8_t c)
{
    if ((uint8_t)(c - '0') < 10)
        return c - '0';
    c = ascii_lower(c);
    return (uint8_t)(c - 'a') < 6 ? c - 'a' + 10 : -1;
}

long hex_decode(struct bytes text, uint8_t *out, size_t cap)
{
    if (text.len % 2 || text.len / 2 > cap)
        return -1;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (long)(text.len / 2);
}

static bool digits(const uint8_t *p, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)(p[i] - '0') > 9)
            return false;
        *out = *out * 10 + (p[i] - '0');
    }
    return true;
}

bool time_parse(struct bytes text, int64_t *out)
{
    const uint8_t *p = text.data;
    struct tm tm = {0};
    if (text.len != 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' ||
        p[19] != 'Z')
        return false;
    if (!digits(p, 4, &tm.tm_year) || !digits(p + 5, 2, &tm.tm_mon) || !digits(p + 8, 2, &tm.tm_mday) ||
        !digits(p + 11, 2, &tm.tm_hour) || !digits(p + 14, 2, &tm.tm_min) || !digits(p + 17, 2, &tm.tm_sec))
        return false;
    if (tm.tm_year < 1970)
        return false;
    struct tm want = tm;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t t = timegm(&tm);
    /* timegm normalises 31 February and 25:00; such texts are refused. */
    if (t < 0 || tm.tm_year + 1900 != want.tm_year || tm.tm_mon + 1 != want.tm_mon ||
        tm.tm_mday != want.tm_mday || tm.tm_hour != want.tm_hour || tm.tm_min != want.tm_min ||
        tm.tm_sec != want.tm_sec)
        return false;
    *out = t;
    return true;
}

void time_format(int64_t seconds, char out[TIME_TEXT_MAX])
{
    static const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    time_t t = seconds < 0 ? 0 : seconds > last ? last : seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool uint_parse(struct bytes text, uint64_t max, uint64_t *out)
{
    if (text.len == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t d = (uint8_t)(text.data[i] - '0');
        if (d > 9 || v > (max - d) / 10 || d > max)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}

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
