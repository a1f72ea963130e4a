/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading PROXY protocol headers: see proxy_v2.h. */
#include "resolver/net/proxy_v2.h"

static const uint8_t signature[12] = {'\r', '\n', '\r', '\n', 0, '\r', '\n', 'Q', 'U', 'I', 'T', '\n'};

enum { VERSION_COMMAND = 12, FAMILY = 13, LENGTH = 14, LOCAL = 0x20, PROXY = 0x21 };
enum { UNSPEC = 0x00, TCP4 = 0x11, TCP6 = 0x21, UNIX_STREAM = 0x31 };

/* Bytes of the addresses of a family; -1 for one that no stream has. */
static int addresses_len(uint8_t family)
{
    switch (family) {
    case UNSPEC:
        return 0;
    case TCP4:
        return 12;
    case TCP6:
        return 36;
    case UNIX_STREAM:
        return 216;
    default:
        return -1;
    }
}

static size_t total(const struct proxy_reader *p)
{
    return (size_t)PROXY_FIXED + get_u16(p->bytes + LENGTH);
}

/* A local connection's family and addresses are to be ignored. */
static bool is_good(const struct proxy_reader *p)
{
    size_t have = p->have < sizeof signature ? p->have : sizeof signature;
    uint8_t command = p->bytes[VERSION_COMMAND], family = p->bytes[FAMILY];
    if (memcmp(p->bytes, signature, have) != 0)
        return false;
    if (p->have > VERSION_COMMAND && command != LOCAL && command != PROXY)
        return false;
    if (p->have > FAMILY && command == PROXY && addresses_len(family) < 0)
        return false;
    if (p->have < PROXY_FIXED)
        return true;
    return total(p) <= PROXY_MOST &&
           (command == LOCAL || get_u16(p->bytes + LENGTH) >= addresses_len(family));
}

size_t proxy_wants(const struct proxy_reader *p)
{
    return (p->have < PROXY_FIXED ? PROXY_FIXED : total(p)) - p->have;
}

enum proxy_status proxy_take(struct proxy_reader *p, const uint8_t *data, size_t n)
{
    size_t room = p->have < sizeof p->bytes ? sizeof p->bytes - p->have : 0;
    memcpy(p->bytes + (sizeof p->bytes - room), data, n < room ? n : room);
    p->have += (uint16_t)n;
    if (!is_good(p))
        return PROXY_BAD;
    return proxy_wants(p) ? PROXY_MORE : PROXY_DONE;
}

bool proxy_client(const struct proxy_reader *p, struct ip *client)
{
    union sock_addr a = {0};
    *client = (struct ip){0};
    if (p->bytes[VERSION_COMMAND] == LOCAL)
        return false;
    if (p->bytes[FAMILY] == TCP4) {
        a.in.sin_family = AF_INET;
        memcpy(&a.in.sin_addr, p->bytes + PROXY_FIXED, 4);
    } else if (p->bytes[FAMILY] == TCP6) {
        a.in6.sin6_family = AF_INET6;
        memcpy(&a.in6.sin6_addr, p->bytes + PROXY_FIXED, 16);
    }
    if (a.sa.sa_family)
        *client = sock_addr_ip(&a); /* mapped IPv4 is IPv4 */
    return true;
}
