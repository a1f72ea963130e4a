/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A client's message: parsed, and answered with the error it earns, or by ourselves. What we send must always
 * be a message. */
#include <assert.h>

#include "data/dns/answer.h"
#include "resolver/local.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The reply must parse, echo the ID and the question, and be padded if asked. */
static void check_reply(const struct dns_query *q, struct bytes reply)
{
    struct msg_iter it;
    struct dns_rr rr;
    assert(reply.len >= DNS_HEADER && get_u16(reply.data) == q->id && get_u16(reply.data + 2) & DNS_QR);
    assert(get_u16(reply.data + 4) == (q->question.len ? 1 : 0));
    assert(msg_iter_init(&it, reply));
    if (q->question.len)
        assert(memcmp(reply.data + DNS_HEADER, q->question.data, q->question.len) == 0);
    while (msg_next(&it, &rr))
        assert(rr.type == DNS_OPT);
    assert(!it.malformed);
    if (q->edns.padded)
        assert(reply.len % 468 == 0);
}

static void check_name(const struct dns_query *q)
{
    char text[DNS_NAME_TEXT_MAX];
    struct dns_name back;
    name_to_text(&q->name, text);
    assert(name_from_text(bytes_str(text), &back) && name_equal(&back, &q->name));
}

/* A local zone is a tail of the name that begins at a label, and always has an answer. */
static void check_local(const struct dns_query *q)
{
    static uint8_t block[4096];
    struct local_zone zone;
    struct answer a;
    size_t at = 0;
    if (!local_find(q, &zone))
        return;
    while (at < (size_t)(q->name.len - zone.len))
        at += q->name.wire[at] + 1u;
    assert(zone.len <= q->name.len && at == (size_t)(q->name.len - zone.len));
    size_t n = local_answer(&zone, q, 1000, block, sizeof block);
    assert(n && answer_open(bytes_of(block, n), true, &a) && a.head.ttl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[DNS_HEADER + DNS_QUESTION_MAX + ANSWER_OPT_MAX];
    static uint8_t block[4096];
    struct dns_query q;
    struct answer_builder b;
    struct answer a;
    enum reason why = query_parse(bytes_of(data, size), &q);
    check_name(&q);
    if (why == REASON_HTTP_BAD_DNS)
        return 0;
    size_t n = answer_error(&q, why == REASON_OK ? REASON_UPSTREAM_DEAD : why, out, sizeof out);
    assert(n);
    check_reply(&q, bytes_of(out, n));
    if (why != REASON_OK)
        return 0;
    check_local(&q);
    answer_begin(&b, &q, DNS_NXDOMAIN, ANSWER_NEGATIVE, block, sizeof block);
    answer_add_soa(&b, DNS_AUTHORITY, &q.name, 60);
    n = answer_end(&b, 1000);
    assert(n && answer_open(bytes_of(block, n), true, &a));
    static uint8_t rendered[8192];
    n = answer_render(&a, &q, 1030, &(struct answer_note){4, "text"}, rendered, sizeof rendered);
    assert(n && rendered[3] & DNS_NXDOMAIN);
    return 0;
}
