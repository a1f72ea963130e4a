/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Local answers: see local.h. */
#include "resolver/local.h"

enum { LOCAL_TTL = 3600, DNS_HINFO = 13 };

enum kind { LOOPBACK, NO_SUCH_NAME, NO_DATA };

static const struct {
    struct bytes zone; /* wire form */
    enum kind kind;
} zones[] = {
    {{(const uint8_t *)"\011localhost", 11}, LOOPBACK},
    {{(const uint8_t *)"\007invalid", 9}, NO_SUCH_NAME},
    {{(const uint8_t *)"\005onion", 7}, NO_SUCH_NAME},
    {{(const uint8_t *)"\010resolver\004arpa", 15}, NO_DATA},
};

/* Whether the lower-case name is in the zone. Comparing tails first keeps this off the hot path's bill. */
static bool in_zone(const struct dns_name *name, struct bytes zone)
{
    if (name->len < zone.len || memcmp(name->wire + name->len - zone.len, zone.data, zone.len) != 0)
        return false;
    /* The tail must begin at a label, not inside one. */
    size_t at = 0;
    while (at < name->len - zone.len)
        at += name->wire[at] + 1u;
    return at == name->len - zone.len;
}

static void add_loopback(struct answer_builder *b, uint16_t type, const struct dns_name *zone)
{
    static const uint8_t v4[4] = {127, 0, 0, 1}, v6[16] = {[15] = 1};
    if (type == DNS_A)
        answer_add(b, DNS_ANSWER, NULL, DNS_A, LOCAL_TTL, bytes_of(v4, sizeof v4));
    else if (type == DNS_AAAA)
        answer_add(b, DNS_ANSWER, NULL, DNS_AAAA, LOCAL_TTL, bytes_of(v6, sizeof v6));
    else
        answer_add_soa(b, zone, LOCAL_TTL);
}

static size_t zone_answer(const struct dns_query *q, enum kind kind, struct bytes wire, uint32_t now,
                          uint8_t *block, size_t cap)
{
    struct dns_name zone = {.len = (uint8_t)wire.len};
    memcpy(zone.wire, wire.data, wire.len);
    bool negative = kind != LOOPBACK || (q->type != DNS_A && q->type != DNS_AAAA);
    struct answer_builder b;
    answer_begin(&b, q, kind == NO_SUCH_NAME ? DNS_NXDOMAIN : DNS_NOERROR, negative ? ANSWER_NEGATIVE : 0,
                 block, cap);
    if (kind == LOOPBACK)
        add_loopback(&b, q->type, &zone);
    else
        answer_add_soa(&b, &zone, LOCAL_TTL);
    return answer_end(&b, now);
}

/* RFC 8482 4.2: one HINFO instead of everything there is. */
static size_t any_answer(const struct dns_query *q, uint32_t now, uint8_t *block, size_t cap)
{
    struct answer_builder b;
    answer_begin(&b, q, DNS_NOERROR, 0, block, cap);
    answer_add(&b, DNS_ANSWER, NULL, DNS_HINFO, LOCAL_TTL, BYTES_LIT("\007RFC8482\000"));
    return answer_end(&b, now);
}

size_t local_answer(const struct dns_query *q, uint32_t now, uint8_t *block, size_t cap)
{
    for (size_t i = 0; i < sizeof zones / sizeof *zones; i++)
        if (in_zone(&q->name, zones[i].zone))
            return zone_answer(q, zones[i].kind, zones[i].zone, now, block, cap);
    return q->type == DNS_ANY ? any_answer(q, now, block, cap) : 0;
}
