/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answer blocks used: keys, opening, rendering. See answer.h; blocks are made in answer_build.c and
 * answer_own.c.
 *
 * answer_render is the hottest code there is: one copy, a few patches, no allocation, no look into any RR. */
#include "data/dns/answer.h"

#include "data/base/hash.h"
#include "data/dns/edns.h"

/* Guards against torn files only, so the key need not be secret. */
static const struct hash_key checksum_key = {0x706f6c796e796121, 0x616e737765727321};

static uint64_t checksum_of(const uint8_t *block, size_t len)
{
    size_t skip = sizeof(uint64_t);
    return hash_siphash(&checksum_key, block + skip, len - skip);
}

size_t answer_seal(const struct answer_head *head, const uint16_t *ttl_at, const uint8_t *wire,
                   uint8_t *block, size_t cap)
{
    size_t offsets = head->ttl_count * sizeof *ttl_at;
    size_t len = sizeof *head + offsets + head->wire_len;
    if (len > cap)
        return 0;
    /* wire may lie inside block, behind where it belongs: so it moves before the rest is written. */
    memmove(block + sizeof *head + offsets, wire, head->wire_len);
    memcpy(block, head, sizeof *head);
    if (offsets)
        memcpy(block + sizeof *head, ttl_at, offsets);
    uint64_t checksum = checksum_of(block, len);
    memcpy(block, &checksum, sizeof checksum);
    return len;
}

void answer_mark(uint8_t *block, size_t len, uint8_t set, uint8_t clear, uint32_t ttl_max)
{
    struct answer_head head;
    memcpy(&head, block, sizeof head);
    head.flags = (uint8_t)((head.flags & ~clear) | set);
    head.ttl = head.ttl < ttl_max ? head.ttl : ttl_max;
    memcpy(block, &head, sizeof head);
    head.checksum = checksum_of(block, len);
    memcpy(block, &head, sizeof head);
}

static uint16_t ttl_offset(const struct answer *a, unsigned i)
{
    uint16_t at;
    memcpy(&at, a->ttl_at + i * sizeof at, sizeof at);
    return at;
}

/* What answer_render relies on; a checksum that matches proves that we wrote it, but the file is not ours
 * alone. */
static bool offsets_sound(const struct answer *a)
{
    for (unsigned i = 0; i < a->head.ttl_count; i++)
        if (ttl_offset(a, i) + sizeof(uint32_t) > a->wire.len)
            return false;
    return true;
}

bool answer_open(struct bytes block, bool verify, struct answer *out)
{
    if (block.len < sizeof out->head)
        return false;
    memcpy(&out->head, block.data, sizeof out->head);
    size_t offsets = out->head.ttl_count * sizeof(uint16_t);
    if (out->head.version != ANSWER_VERSION || out->head.wire_len < DNS_HEADER ||
        block.len != sizeof out->head + offsets + out->head.wire_len)
        return false;
    out->ttl_at = block.data + sizeof out->head;
    out->wire = bytes_of(out->ttl_at + offsets, out->head.wire_len);
    if (!verify)
        return true;
    return checksum_of(block.data, block.len) == out->head.checksum && offsets_sound(out);
}

void answer_key(const struct dns_query *q, struct answer_key *out)
{
    uint8_t *at = out->data + q->name.len;
    name_lower_copy(out->data, q->name.wire, q->name.len);
    put_u16(at, q->type); /* ANSWER_KEY_REST bytes */
    put_u16(at + 2, q->class);
    at[4] = (uint8_t)((q->edns.dnssec_ok ? ANSWER_KEY_DO : 0) | (q->flags & DNS_CD ? ANSWER_KEY_CD : 0));
    out->len = (uint16_t)(q->name.len + ANSWER_KEY_REST);
}

bool answer_key_equal(const struct answer_key *a, const struct answer_key *b)
{
    return a->len == b->len && memcmp(a->data, b->data, a->len) == 0;
}

/* 0 when the clock went back: TTLs then start anew instead of growing. */
static uint32_t age_of(const struct answer *a, uint32_t now)
{
    return now > a->head.stored ? now - a->head.stored : 0;
}

uint32_t answer_ttl_left(const struct answer *a, uint32_t now)
{
    uint32_t age = age_of(a, now);
    return a->head.ttl > age ? a->head.ttl - age : 0;
}

/* Copies the block's message and makes it the reply to q, TTLs left as they are. */
static struct writer start(const struct answer *a, const struct dns_query *q, uint8_t *out, size_t cap)
{
    struct writer w = {.data = out, .len = a->wire.len, .cap = cap, .full = a->wire.len > cap};
    if (w.full)
        return w;
    memcpy(out, a->wire.data, a->wire.len);
    put_u16(out, q->id);
    /* AD for those who understand it (RFC 6840 5.7, 5.8). */
    unsigned ad = a->head.flags & ANSWER_SECURE && (q->edns.dnssec_ok || q->flags & DNS_AD) ? DNS_AD : 0;
    put_u16(out + 2, (uint16_t)(get_u16(out + 2) | ad | (q->flags & (DNS_RD | DNS_CD))));
    /* The block's question is the same name, so the same length. */
    if (q->question.len && q->question.len <= w.len - DNS_HEADER)
        memcpy(out + DNS_HEADER, q->question.data, q->question.len);
    return w;
}

/* Appends the OPT to the message in w if q had one or the RCODE needs one, and counts it. */
static size_t finish(struct writer *w, const struct dns_query *q, uint16_t rcode,
                     const struct answer_note *note)
{
    if (q->edns.present || rcode > DNS_RCODE) {
        struct edns_reply e = {.udp_size = EDNS_UDP_SIZE,
                               .rcode = rcode,
                               .dnssec_ok = q->edns.dnssec_ok,
                               .ede = note ? note->ede : -1,
                               .text = note ? bytes_str(note->text) : BYTES_NONE,
                               .keepalive = q->edns.keepalive,
                               .idle = q->edns.idle,
                               .block = q->edns.padded ? EDNS_BLOCK_ANSWER : 0};
        edns_write(w, &e);
        if (!w->full)
            w->data[11]++; /* ARCOUNT: our blocks hold no 255 additional RRs */
    }
    return w->full ? 0 : w->len;
}

size_t answer_render(const struct answer *a, const struct dns_query *q, uint32_t now,
                     const struct answer_note *note, uint8_t *out, size_t cap)
{
    struct writer w = start(a, q, out, cap);
    if (w.full)
        return 0;
    uint32_t age = age_of(a, now);
    for (unsigned i = 0; i < a->head.ttl_count; i++) {
        uint8_t *at = out + ttl_offset(a, i);
        uint32_t ttl = get_u32(at);
        put_u32(at, ttl > age ? ttl - age : 0);
    }
    return finish(&w, q, a->head.rcode, note);
}

size_t answer_render_stale(const struct answer *a, const struct dns_query *q, uint32_t ttl,
                           const struct answer_note *note, uint8_t *out, size_t cap)
{
    struct writer w = start(a, q, out, cap);
    if (w.full)
        return 0;
    for (unsigned i = 0; i < a->head.ttl_count; i++)
        put_u32(out + ttl_offset(a, i), ttl);
    return finish(&w, q, a->head.rcode, note);
}

size_t answer_error(const struct dns_query *q, enum reason why, uint8_t *out, size_t cap)
{
    const struct reason_row *row = reason_row(why);
    struct answer_note note = {.ede = row->ede, .text = row->text};
    struct writer w = writer_of(out, cap);
    writer_u16(&w, q->id);
    writer_u16(&w, (uint16_t)(DNS_QR | DNS_RA | (q->flags & (DNS_OPCODE | DNS_RD | DNS_CD)) |
                              (row->rcode & DNS_RCODE)));
    writer_u16(&w, q->question.len ? 1 : 0);
    writer_u32(&w, 0);
    writer_u16(&w, 0);
    writer_bytes(&w, q->question);
    return finish(&w, q, row->rcode, &note);
}
