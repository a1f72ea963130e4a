/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply's RRs: see reply_list.h. */
#include "data/dns/reply_list.h"

static uint32_t hash_name(const struct dns_name *name)
{
    uint32_t hash = 2166136261;
    for (unsigned i = 0; i < name->len; i++)
        hash = (hash ^ ascii_lower(name->wire[i])) * 16777619;
    return hash;
}

struct reply_want reply_want_of(enum dns_section section, const struct dns_name *owner, uint16_t type)
{
    return (struct reply_want){section, owner, hash_name(owner), type, 0};
}

/* Whether the owners at two offsets are the same pointer, as they mostly are within an RRset. */
static bool same_pointer(struct bytes message, size_t a, size_t b)
{
    return message.data[a] >= 0xc0 && get_u16(message.data + a) == get_u16(message.data + b);
}

/* Fills in the owner's hash and run; false if the name cannot be read. */
static bool list_owner(const struct reply_list *l, struct reply_item *item, const struct reply_item *previous)
{
    struct dns_name owner;
    size_t at = item->rr.owner;
    if (previous && same_pointer(l->reply, at, previous->rr.owner)) {
        item->owner_hash = previous->owner_hash;
        item->run = previous->run;
        return true;
    }
    if (!name_read(l->reply, &at, &owner))
        return false;
    item->owner_hash = hash_name(&owner);
    item->run = (uint16_t)(previous ? previous->run + 1 : 1);
    return true;
}

bool reply_list_init(struct reply_list *l, struct bytes reply, bool signatures)
{
    struct msg_iter it;
    struct dns_rr rr;
    unsigned seen = 0;
    l->reply = reply;
    l->signatures = signatures;
    l->count = 0;
    if (!msg_iter_init(&it, reply))
        return false;
    while (msg_next(&it, &rr)) {
        struct reply_item *item = &l->item[l->count];
        if (++seen > ANSWER_RRS_MAX)
            return false;
        *item = (struct reply_item){.rr = rr};
        if (!list_owner(l, item, l->count ? item - 1 : NULL))
            return false;
        l->count += rr.section != DNS_ADDITIONAL && rr.class == DNS_CLASS_IN && rr.type != DNS_OPT;
    }
    return !it.malformed;
}

void reply_owner(const struct reply_list *l, const struct reply_item *item, struct dns_name *out)
{
    size_t at = item->rr.owner;
    (void)name_read(l->reply, &at, out); /* it could be read when the item was listed */
}

bool reply_is_owned(const struct reply_list *l, const struct reply_item *item, struct reply_want *want)
{
    struct dns_name owner;
    if (item->rr.section != want->section || item->owner_hash != want->hash)
        return false;
    if (item->run == want->run)
        return true;
    reply_owner(l, item, &owner);
    if (!name_equal(&owner, want->owner))
        return false;
    want->run = item->run;
    return true;
}

const struct reply_item *reply_find(const struct reply_list *l, struct reply_want *want, unsigned *count)
{
    const struct reply_item *first = NULL;
    *count = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const struct reply_item *item = &l->item[i];
        if ((item->rr.type != want->type && want->type != DNS_ANY) || !reply_is_owned(l, item, want))
            continue;
        first = first ? first : item;
        ++*count;
    }
    return first;
}

bool reply_name_in(const struct reply_list *l, const struct dns_rr *rr, size_t skip, struct dns_name *out)
{
    size_t at = (size_t)(rr->rdata.data - l->reply.data) + skip;
    size_t end = at - skip + rr->rdata.len;
    return rr->rdata.len > skip && name_read(l->reply, &at, out) && at <= end;
}
