/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers of our own: the builder of answer.h. The message is written into the block itself, behind room for
 * the head and as many TTL offsets as there can be, and moved up when their number is known. */
#include "data/dns/answer.h"

enum { TTLS_MAX = sizeof((struct answer_builder *)0)->ttl_at / sizeof(uint16_t), COUNTS_AT = 6 };

void answer_begin(struct answer_builder *b, const struct dns_query *q, uint16_t rcode, uint8_t flags,
                  uint8_t *block, size_t cap)
{
    size_t room = sizeof(struct answer_head) + TTLS_MAX * sizeof(uint16_t);
    *b = (struct answer_builder){.block = block, .ttl = UINT32_MAX, .rcode = rcode, .flags = flags};
    b->w = cap > room ? writer_of(block + room, cap - room) : writer_of(block, 0);
    writer_u16(&b->w, 0);
    writer_u16(&b->w, (uint16_t)(DNS_QR | DNS_RA | (rcode & DNS_RCODE)));
    writer_u16(&b->w, 1);
    writer_u16(&b->w, 0);
    writer_u32(&b->w, 0);
    writer_put(&b->w, q->name.wire, q->name.len);
    if (!b->w.full)
        name_lower_copy(b->w.data + DNS_HEADER, q->name.wire, q->name.len);
    writer_u16(&b->w, q->type);
    writer_u16(&b->w, q->class);
}

/* The owner as a pointer into the question where that name is the owner or below it. */
static void put_owner(struct answer_builder *b, const struct dns_name *owner)
{
    struct dns_name question;
    size_t at = DNS_HEADER;
    if (!name_read(writer_done(&b->w), &at, &question))
        return;
    if (!owner)
        writer_u16(&b->w, 0xc000 | DNS_HEADER);
    else if (owner->len > 1 && name_within(&question, owner))
        writer_u16(&b->w, (uint16_t)(0xc000 | (DNS_HEADER + question.len - owner->len)));
    else
        writer_put(&b->w, owner->wire, owner->len);
}

void answer_add(struct answer_builder *b, enum dns_section section, const struct dns_name *owner,
                uint16_t type, uint32_t ttl, struct bytes rdata)
{
    if (b->ttl_count == TTLS_MAX || rdata.len > UINT16_MAX)
        b->w.full = true;
    put_owner(b, owner);
    writer_u16(&b->w, type);
    writer_u16(&b->w, DNS_CLASS_IN);
    size_t ttl_at = b->w.len;
    writer_u32(&b->w, ttl);
    writer_u16(&b->w, (uint16_t)rdata.len);
    writer_bytes(&b->w, rdata);
    if (b->w.full || b->w.len > DNS_MSG_MAX) {
        b->w.full = true;
        return;
    }
    b->ttl_at[b->ttl_count++] = (uint16_t)ttl_at;
    b->count[section]++;
    b->ttl = ttl < b->ttl ? ttl : b->ttl;
}

void answer_add_soa(struct answer_builder *b, enum dns_section section, const struct dns_name *zone,
                    uint32_t ttl)
{
    static const uint8_t nobody[] = "\6nobody\7invalid";
    /* serial, refresh, retry, expire: nobody transfers this zone, so only MINIMUM means something */
    static const uint32_t timers[] = {1, 3600, 600, 86400};
    uint8_t rdata[DNS_NAME_MAX + sizeof nobody + 20];
    struct writer w = writer_of(rdata, sizeof rdata);
    writer_put(&w, zone->wire, zone->len);
    writer_put(&w, nobody, sizeof nobody);
    for (unsigned i = 0; i < sizeof timers / sizeof *timers; i++)
        writer_u32(&w, timers[i]);
    writer_u32(&w, ttl);
    answer_add(b, section, zone, DNS_SOA, ttl, writer_done(&w));
}

size_t answer_end(struct answer_builder *b, uint32_t now)
{
    if (b->w.full)
        return 0;
    for (unsigned i = 0; i < 3; i++)
        put_u16(b->w.data + COUNTS_AT + 2 * i, (uint16_t)b->count[i]);
    struct answer_head head = {.version = ANSWER_VERSION,
                               .flags = b->flags,
                               .rcode = b->rcode,
                               .stored = now,
                               .ttl = b->ttl_count ? b->ttl : 0,
                               .ttl_count = (uint16_t)b->ttl_count,
                               .wire_len = (uint16_t)b->w.len};
    return answer_seal(&head, b->ttl_at, b->w.data, b->block, SIZE_MAX);
}
