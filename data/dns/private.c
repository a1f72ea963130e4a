/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Private addresses: see private.h. */
#include "data/dns/private.h"

enum { SVCB_IPV4HINT = 4, SVCB_IPV6HINT = 6, SVCB_TARGET = 2 };

static const struct ip_net private_nets[] = {
    {{4, {0}}, 8},
    {{4, {10}}, 8},
    {{4, {100, 64}}, 10},
    {{4, {127}}, 8},
    {{4, {169, 254}}, 16},
    {{4, {172, 16}}, 12},
    {{4, {192, 168}}, 16},
    {{16, {0}}, 128},
    {{16, {[15] = 1}}, 128},
    {{16, {0xfc}}, 7},
    {{16, {0xfe, 0x80}}, 10},
    {{16, {0xfe, 0xc0}}, 10}, /* site-local, deprecated (RFC 3879), still routed by some */
};

/* Where an IPv4 address stands in an IPv6 one. RFC 8215's prefix is cut by each network as it likes; as /96
 * is the usual way. */
static const struct {
    struct ip_net net;
    uint8_t at;
} embedding[] = {
    {{{16, {[10] = 0xff, [11] = 0xff}}, 96}, 12},
    {{{16, {0}}, 96}, 12},
    {{{16, {0, 0x64, 0xff, 0x9b}}, 96}, 12},
    {{{16, {0, 0x64, 0xff, 0x9b, 0, 1}}, 48}, 12},
    {{{16, {0x20, 0x02}}, 16}, 2},
};

static bool in_private_nets(const struct ip *ip)
{
    for (size_t i = 0; i < sizeof private_nets / sizeof *private_nets; i++)
        if (ip_within(ip, &private_nets[i]))
            return true;
    return false;
}

bool private_address(const struct ip *ip)
{
    if (in_private_nets(ip))
        return true;
    for (size_t i = 0; ip->len == 16 && i < sizeof embedding / sizeof *embedding; i++) {
        struct ip inner = {.len = 4};
        if (!ip_within(ip, &embedding[i].net))
            continue;
        memcpy(inner.addr, ip->addr + embedding[i].at, 4);
        return in_private_nets(&inner);
    }
    return false;
}

/* Addresses of len bytes each, one behind the other. */
static bool any_private(struct bytes addresses, uint8_t len)
{
    struct ip ip = {.len = len};
    for (size_t at = 0; at + len <= addresses.len; at += len) {
        memcpy(ip.addr, addresses.data + at, len);
        if (private_address(&ip))
            return true;
    }
    return false;
}

/* SvcParams (RFC 9460 2.2); what does not add up ends the walk, as no client could use it. */
static bool private_hints(struct bytes rdata)
{
    size_t at = SVCB_TARGET;
    if (rdata.len < SVCB_TARGET || !name_skip(rdata, &at))
        return false;
    while (rdata.len - at >= 4) {
        unsigned key = get_u16(rdata.data + at);
        size_t len = get_u16(rdata.data + at + 2);
        at += 4;
        if (len > rdata.len - at)
            return false;
        struct bytes value = bytes_of(rdata.data + at, len);
        if ((key == SVCB_IPV4HINT && any_private(value, 4)) ||
            (key == SVCB_IPV6HINT && any_private(value, 16)))
            return true;
        at += len;
    }
    return false;
}

static bool private_rr(const struct dns_rr *rr)
{
    switch (rr->type) {
    case DNS_A:
        return any_private(rr->rdata, 4);
    case DNS_AAAA:
        return any_private(rr->rdata, 16);
    case DNS_SVCB:
    case DNS_HTTPS:
        return private_hints(rr->rdata);
    default:
        return false;
    }
}

bool private_in_answer(const struct answer *a)
{
    struct msg_iter it;
    struct dns_rr rr;
    if (a->head.flags & ANSWER_NEGATIVE || !msg_iter_init(&it, a->wire))
        return false;
    while (msg_next(&it, &rr) && rr.section == DNS_ANSWER)
        if (private_rr(&rr))
            return true;
    return false;
}
