/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A datagram or TCP message as it comes from a server, judged against the query sent.
 *
 * An input is one byte (1: over TCP; 2: the reply gets the query's ID; 4: ... and its question; the rest
 * picks the question), then the reply. Letters are not drawn at random here, so an input always means the
 * same. */
#include <assert.h>

#include "resolver/asked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ID = 0x4a17 };

static void make_question(unsigned pick, struct asked *a)
{
    static const struct {
        const char *name;
        uint16_t type;
    } questions[] = {{"wWw.ExamPle.cOm", DNS_A}, {".", DNS_NS}, {"A.test", DNS_HTTPS}, {"0.0", 0x4141}};
    struct dns_query q = {.class = DNS_CLASS_IN, .type = questions[pick % 4].type};
    struct dns_name spelled;
    assert(name_from_text(bytes_str(questions[pick % 4].name), &spelled));
    q.name = spelled;
    asked_init(a, &q);
    memcpy(a->question, spelled.wire, spelled.len);
}

static void check_accepted(const struct asked *a, struct bytes reply, bool any_case)
{
    struct bytes sent = {a->question, a->name.len}, got = {reply.data + DNS_HEADER, a->name.len};
    unsigned rcode = get_u16(reply.data + 2) & DNS_RCODE;
    assert(reply.len >= (size_t)DNS_HEADER + a->len && get_u16(reply.data) == ID);
    assert(any_case ? bytes_equal_nocase(sent, got) : bytes_equal(sent, got));
    assert(asked_same_case(a, reply) || any_case);
    assert(get_u16(got.data + got.len) == a->type);
    assert(!(get_u16(reply.data + 2) & DNS_TC) && (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t reply[DNS_MSG_MAX];
    struct asked a;
    if (size < 1 || size - 1 > sizeof reply)
        return 0;
    size_t len = size - 1;
    bool any_case = data[0] & 1;
    make_question(data[0] >> 3, &a);
    memcpy(reply, data + 1, len);
    if (data[0] & 2 && len >= 2)
        put_u16(reply, ID);
    if (data[0] & 4 && len >= (size_t)DNS_HEADER + a.len)
        memcpy(reply + DNS_HEADER, a.question, a.len);
    enum asked_verdict v = asked_check(&a, ID, any_case, bytes_of(reply, len));
    uint16_t tenths;
    (void)asked_keepalive(bytes_of(reply, len), &tenths);
    if (v != ASKED_ANSWER)
        return 0;
    check_accepted(&a, bytes_of(reply, len), any_case);
    asked_restore(&a, reply, len);
    assert(memcmp(reply + DNS_HEADER, a.name.wire, a.name.len) == 0);
    /* What was accepted once is accepted as it is handed on. */
    assert(asked_check(&a, ID, true, bytes_of(reply, len)) == ASKED_ANSWER);
    return 0;
}
