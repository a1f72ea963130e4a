/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local answers: see local.h. */
#include "resolver/local.h"

#include "data/base/text.h"

enum { LOCAL_TTL = 3600, DNS_HINFO = 13, TAIL = 4, OPTIONAL = true, ALWAYS = false };

static const struct row {
    struct bytes name; /* wire form, root label included */
    uint8_t low, high;
    enum local_kind kind;
    bool optional;
} rows[] = {
#define LOCAL_ZONE(name, low, high, kind, when)                                                              \
    {{(const uint8_t *)name, sizeof name}, low, high, LOCAL_##kind, when},
#include "resolver/local_zones.def"
#undef LOCAL_ZONE
};

/* The last letters of the table's names: one look tells most other names apart. */
static bool may_be_ours(const struct dns_name *name)
{
    static const uint32_t letters =
        1u << ('a' & 31) | 1u << ('d' & 31) | 1u << ('l' & 31) | 1u << ('n' & 31) | 1u << ('t' & 31);
    return name->len > TAIL && letters >> (name->wire[name->len - 2] & 31) & 1;
}

static bool same_tail(const struct dns_name *name, struct bytes zone, size_t len)
{
    return memcmp(name->wire + name->len - len, zone.data + zone.len - len, len) == 0;
}

/* Where the name's last len bytes begin, if that is at a label; else name->len. *before is where the label in
 * front of it begins. */
static size_t tail_at(const struct dns_name *name, size_t len, size_t *before)
{
    size_t at = 0;
    *before = 0;
    while (at < name->len - len) {
        *before = at;
        at += name->wire[at] + 1u;
    }
    return at == name->len - len ? at : name->len;
}

/* Decimal as reverse zones write it: no leading zero. */
static bool in_range(struct bytes label, uint8_t low, uint8_t high)
{
    uint64_t number;
    return label.len && label.data[0] != '0' && uint_parse(label, high, &number) && number >= low;
}

/* Bytes of the zone that row makes of the end of the name, 0 if none. */
static size_t zone_len(const struct row *row, const struct dns_name *name)
{
    size_t before;
    if (name->len < row->name.len || !same_tail(name, row->name, TAIL) ||
        !same_tail(name, row->name, row->name.len))
        return 0;
    size_t at = tail_at(name, row->name.len, &before);
    if (at == name->len || !row->high)
        return name->len - at;
    struct bytes label = bytes_of(name->wire + before + 1, at ? at - before - 1 : 0);
    return in_range(label, row->low, row->high) ? name->len - before : 0;
}

bool local_find(const struct dns_query *q, struct local_zone *out)
{
    if (!may_be_ours(&q->name))
        return false;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        size_t len = zone_len(&rows[i], &q->name);
        if (!len)
            continue;
        *out = (struct local_zone){rows[i].kind, rows[i].optional, (uint8_t)len};
        return !(out->kind == LOCAL_EMPTY && q->type == DNS_DS && q->name.len == len);
    }
    return false;
}

/* Adds what the zone has of the type at the question's name; false if that is nothing. */
static bool add_data(struct answer_builder *b, const struct dns_query *q, enum local_kind kind,
                     const struct dns_name *zone)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    bool apex = q->name.len == zone->len;
    if (kind == LOCAL_LOOPBACK && q->type == DNS_A)
        answer_add(b, DNS_ANSWER, NULL, DNS_A, LOCAL_TTL, bytes_of(v4, sizeof v4));
    else if (kind == LOCAL_LOOPBACK && q->type == DNS_AAAA)
        answer_add(b, DNS_ANSWER, NULL, DNS_AAAA, LOCAL_TTL, bytes_of(v6, sizeof v6));
    else if (kind == LOCAL_LOOPBACK_NAME && apex && q->type == DNS_PTR)
        answer_add(b, DNS_ANSWER, NULL, DNS_PTR, LOCAL_TTL, BYTES_LIT("\011localhost\0"));
    else if (kind == LOCAL_EMPTY && apex && q->type == DNS_SOA)
        answer_add_soa(b, DNS_ANSWER, zone, LOCAL_TTL);
    else if (kind == LOCAL_EMPTY && apex && q->type == DNS_NS)
        answer_add(b, DNS_ANSWER, NULL, DNS_NS, LOCAL_TTL, bytes_of(zone->wire, zone->len));
    else
        return false;
    return true;
}

static bool exists(const struct dns_query *q, const struct local_zone *zone)
{
    bool apex = q->name.len == zone->len;
    return zone->kind == LOCAL_LOOPBACK || zone->kind == LOCAL_NO_DATA ||
           (zone->kind != LOCAL_NO_SUCH_NAME && apex);
}

size_t local_answer(const struct local_zone *zone, const struct dns_query *q, uint32_t now, uint8_t *block,
                    size_t cap)
{
    struct dns_name name = {.len = zone->len};
    struct answer_builder b;
    memcpy(name.wire, q->name.wire + q->name.len - zone->len, zone->len);
    answer_begin(&b, q, exists(q, zone) ? DNS_NOERROR : DNS_NXDOMAIN, 0, block, cap);
    if (!add_data(&b, q, zone->kind, &name)) {
        b.flags |= ANSWER_NEGATIVE;
        answer_add_soa(&b, DNS_AUTHORITY, &name, LOCAL_TTL);
    }
    return answer_end(&b, now);
}

size_t local_any(const struct dns_query *q, uint32_t now, uint8_t *block, size_t cap)
{
    struct answer_builder b;
    answer_begin(&b, q, DNS_NOERROR, 0, block, cap);
    answer_add(&b, DNS_ANSWER, NULL, DNS_HINFO, LOCAL_TTL, BYTES_LIT("\007RFC8482\000"));
    return answer_end(&b, now);
}
