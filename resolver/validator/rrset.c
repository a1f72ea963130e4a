/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages as RRsets: see rrset.h. An RR is compared with the sets before it, the last first: messages keep
 * an RRset together, so the search is mostly one step, and never more than RRSETS_MAX. */
#include "resolver/validator/rrset.h"

#include "data/dns/rr.h"

enum { RRSIG_FIXED = 18 };

static bool is_set(const struct rrset *set, enum dns_section section, const struct dns_name *owner,
                   uint16_t type)
{
    return set->type == type && set->section == section && set->owner.len == owner->len &&
           memcmp(set->owner.wire, owner->wire, owner->len) == 0;
}

static struct rrset *set_of(struct rrsets *s, enum dns_section section, const struct dns_name *owner,
                            uint16_t type)
{
    for (unsigned i = s->count; i-- > 0;)
        if (is_set(&s->set[i], section, owner, type))
            return &s->set[i];
    if (s->count == RRSETS_MAX)
        return NULL;
    struct rrset *set = &s->set[s->count++];
    set->section = section;
    set->type = type;
    set->owner = *owner;
    set->rr = set->rr_last = set->sig = set->sig_last = RRSET_END;
    set->rr_count = 0;
    return set;
}

static void append(struct rrsets *s, uint16_t *first, uint16_t *last, uint16_t i)
{
    if (*first == RRSET_END)
        *first = i;
    else
        s->item[*last].next = i;
    *last = i;
}

static bool add(struct rrsets *s, const struct dns_rr *rr)
{
    struct dns_name owner;
    size_t at = rr->owner;
    if (s->rr_count == RRSET_RRS_MAX || !name_read(s->message, &at, &owner))
        return false;
    name_lower(&owner);
    uint16_t i = (uint16_t)s->rr_count++;
    uint16_t covers = rr_covers(rr);
    struct rrset *set = set_of(s, rr->section, &owner, covers ? covers : rr->type);
    if (!set)
        return false;
    s->item[i].rr = *rr;
    s->item[i].next = RRSET_END;
    if (covers)
        append(s, &set->sig, &set->sig_last, i);
    else
        append(s, &set->rr, &set->rr_last, i);
    if (!covers)
        set->rr_count++;
    return true;
}

bool rrsets_read(struct rrsets *s, struct bytes message)
{
    struct msg_iter it;
    struct dns_rr rr;
    s->message = message;
    s->count = s->rr_count = 0;
    if (!msg_iter_init(&it, message))
        return false;
    while (msg_next(&it, &rr))
        if (rr.section != DNS_ADDITIONAL && rr.class == DNS_CLASS_IN && rr.type != DNS_OPT && !add(s, &rr))
            return false;
    return !it.malformed;
}

const struct rrset *rrsets_find(const struct rrsets *s, enum dns_section section,
                                const struct dns_name *owner, uint16_t type)
{
    struct dns_name lower = *owner;
    name_lower(&lower);
    for (unsigned i = 0; i < s->count; i++)
        if (s->set[i].rr_count && is_set(&s->set[i], section, &lower, type))
            return &s->set[i];
    return NULL;
}

bool rrsig_read(struct bytes message, const struct dns_rr *rr, struct rrsig *out)
{
    const uint8_t *p = rr->rdata.data;
    size_t at = (size_t)(p - message.data) + RRSIG_FIXED, end = at - RRSIG_FIXED + rr->rdata.len;
    if (rr->rdata.len <= RRSIG_FIXED || !name_read(message, &at, &out->signer) || at >= end)
        return false;
    name_lower(&out->signer);
    out->covers = get_u16(p);
    out->algorithm = p[2];
    out->labels = p[3];
    out->original_ttl = get_u32(p + 4);
    out->expiration = get_u32(p + 8);
    out->inception = get_u32(p + 12);
    out->tag = get_u16(p + 16);
    out->signature = bytes_of(message.data + at, end - at);
    return true;
}

/* Names */

struct dns_name name_tail(const struct dns_name *name, unsigned labels)
{
    struct dns_name out;
    unsigned have = name_labels(name), at = 0;
    for (; have > labels; have--)
        at += name->wire[at] + 1u;
    out.len = (uint8_t)(name->len - at);
    memcpy(out.wire, name->wire + at, out.len);
    return out;
}

bool name_wildcard(const struct dns_name *name, struct dns_name *out)
{
    if (name->len + 2 > DNS_NAME_MAX)
        return false;
    memcpy(out->wire, "\1*", 2);
    memcpy(out->wire + 2, name->wire, name->len);
    out->len = (uint8_t)(name->len + 2);
    return true;
}

bool name_is_wildcard(const struct dns_name *name)
{
    return name->len > 2 && name->wire[0] == 1 && name->wire[1] == '*';
}

/* Where each label begins, the first label's first; returns how many. */
static unsigned labels_of(const struct dns_name *name, uint8_t at[DNS_NAME_MAX / 2 + 1])
{
    unsigned n = 0;
    for (unsigned i = 0; name->wire[i]; i += name->wire[i] + 1u)
        at[n++] = (uint8_t)i;
    return n;
}

static int label_order(const uint8_t *a, const uint8_t *b)
{
    unsigned least = *a < *b ? *a : *b;
    for (unsigned i = 1; i <= least; i++) {
        int d = ascii_lower(a[i]) - ascii_lower(b[i]);
        if (d)
            return d;
    }
    return *a - *b;
}

/* The order of the first labels that differ, from the end; *same is how many do not. */
static int compare(const struct dns_name *a, const struct dns_name *b, unsigned *same)
{
    uint8_t at_a[DNS_NAME_MAX / 2 + 1], at_b[DNS_NAME_MAX / 2 + 1];
    unsigned in_a = labels_of(a, at_a), in_b = labels_of(b, at_b);
    for (*same = 0; *same < in_a && *same < in_b; ++*same) {
        int d = label_order(a->wire + at_a[in_a - 1 - *same], b->wire + at_b[in_b - 1 - *same]);
        if (d)
            return d;
    }
    return (int)in_a - (int)in_b;
}

int name_order(const struct dns_name *a, const struct dns_name *b)
{
    unsigned same;
    return compare(a, b, &same);
}

unsigned name_common(const struct dns_name *a, const struct dns_name *b)
{
    unsigned same;
    (void)compare(a, b, &same);
    return same;
}
