/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a target's addresses out of a reply: see targets.h. */
#include "steering/targets.h"

#include "data/dns/msg.h"

enum { CHAIN_MAX = 16 };

static void lower_ttl(uint32_t *ttl, const struct dns_rr *rr)
{
    if (rr->ttl < *ttl)
        *ttl = rr->ttl;
}

static bool is_of(struct bytes reply, const struct dns_rr *rr, const struct dns_name *name, uint16_t type)
{
    struct dns_name owner;
    size_t at = rr->owner;
    return rr->section == DNS_ANSWER && rr->class == DNS_CLASS_IN && rr->type == type &&
           name_read(reply, &at, &owner) && name_equal(&owner, name);
}

/* Where a CNAME of name leads; false if there is none. */
static bool follow(struct bytes reply, struct dns_name *name, uint32_t *ttl)
{
    struct msg_iter it;
    struct dns_rr rr;
    struct dns_name next;
    if (!msg_iter_init(&it, reply))
        return false;
    while (msg_next(&it, &rr)) {
        size_t at = (size_t)(rr.rdata.data - reply.data);
        if (!is_of(reply, &rr, name, DNS_CNAME) || !name_read(reply, &at, &next))
            continue;
        lower_ttl(ttl, &rr);
        *name = next;
        return true;
    }
    return false;
}

int target_addresses(struct bytes reply, const struct dns_name *name, uint16_t type,
                     struct ip out[TARGET_FAMILY_MAX], uint32_t *ttl)
{
    struct msg_iter it;
    struct dns_rr rr;
    struct dns_name at = *name;
    const uint8_t len = type == DNS_A ? 4 : 16;
    int count = 0;
    for (int i = 0; i < CHAIN_MAX && follow(reply, &at, ttl); i++)
        ;
    if (!msg_iter_init(&it, reply))
        return -1;
    while (msg_next(&it, &rr)) {
        if (!is_of(reply, &rr, &at, type) || rr.rdata.len != len || count == TARGET_FAMILY_MAX)
            continue;
        lower_ttl(ttl, &rr);
        out[count].len = len;
        memcpy(out[count++].addr, rr.rdata.data, len);
    }
    return it.malformed ? -1 : count;
}
