/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An upstream's reply to a question: rebuilt, opened, rendered, read again and shown.
 *
 * An input is the question's flags (one byte: 1 DO, 2 OPT, 4 padding), type (two bytes), then the reply; the
 * question's name is the one in the reply, as an upstream's reply is checked for that before. */
#include <assert.h>
#include <stdlib.h>

#include "data/dns/answer.h"
#include "data/dns/present.h"
#include "data/dns/private.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PREFIX = 3, NOW = 100000, TTL_MAX = 86400 };

static bool question_of(const uint8_t *data, struct bytes reply, struct dns_query *q)
{
    size_t at = DNS_HEADER;
    *q = (struct dns_query){.id = 7, .flags = DNS_RD, .class = DNS_CLASS_IN, .type = get_u16(data + 1)};
    q->edns = (struct dns_edns){.present = data[0] & 2, .dnssec_ok = data[0] & 1, .padded = data[0] & 4};
    if (reply.len <= DNS_HEADER || !name_read(reply, &at, &q->name) || reply.len - at < 4)
        return false;
    if (at == DNS_HEADER + (size_t)q->name.len)
        q->question = bytes_of(reply.data + DNS_HEADER, q->name.len + 4u);
    name_lower(&q->name);
    return true;
}

/* Every RR readable, TTLs within what was promised, no OPT nor foreign class but our own. */
static void check_message(const struct dns_query *q, struct bytes message, uint32_t least)
{
    struct msg_iter it;
    struct dns_rr rr;
    struct dns_name owner;
    assert(msg_iter_init(&it, message));
    while (msg_next(&it, &rr)) {
        size_t at = rr.owner;
        assert(name_read(message, &at, &owner));
        if (rr.type == DNS_OPT) {
            assert(rr.section == DNS_ADDITIONAL && q->edns.present);
            continue;
        }
        assert(rr.section != DNS_ADDITIONAL && rr.class == DNS_CLASS_IN);
        assert(rr.ttl >= least && rr.ttl <= TTL_MAX);
        assert(rr.type != DNS_RRSIG || q->edns.dnssec_ok || q->type == DNS_RRSIG || q->type == DNS_ANY);
    }
    assert(!it.malformed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct answer_limits limits = {.ttl_max = TTL_MAX, .negative_max = 3600};
    static uint8_t block[ANSWER_BLOCK_MAX], out[DNS_MSG_MAX + ANSWER_OPT_MAX], text[1 << 20];
    struct answer_note note = {4, "forged"};
    struct dns_query q;
    struct answer a;
    if (size < PREFIX)
        return 0;
    struct bytes reply = bytes_of(data + PREFIX, size - PREFIX);
    struct writer shown = writer_of(text, sizeof text);
    present_message(&shown, reply);
    if (!question_of(data, reply, &q))
        return 0;
    size_t n = answer_build(&q, reply, NOW, &limits, block);
    if (n == 0)
        return 0;
    assert(answer_open(bytes_of(block, n), true, &a));
    (void)private_in_answer(&a);
    n = answer_render(&a, &q, NOW + 1, &note, out, a.wire.len + ANSWER_OPT_MAX);
    assert(n && n <= DNS_MSG_MAX && get_u16(out) == 7);
    assert(!q.edns.padded || !q.edns.present || n % 468 == 0 || n > DNS_MSG_MAX - 468);
    check_message(&q, bytes_of(out, n), a.head.ttl ? a.head.ttl - 1 : 0);
    shown = writer_of(text, sizeof text);
    present_message(&shown, bytes_of(out, n));
    return 0;
}
