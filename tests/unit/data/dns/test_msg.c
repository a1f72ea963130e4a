/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions from clients: each kind of refusal, and that what could be read is there for the error. */
#include "tests/unit/data/dns/reply.h"

#include "data/dns/edns.h"

static struct writer asked(uint8_t *buf, size_t cap, uint16_t type)
{
    struct writer w = writer_of(buf, cap);
    struct dns_name name = name_of("wWw.Example.com");
    query_write(&w, 0xbeef, DNS_RD | DNS_CD, &name, type, 0, false);
    return w;
}

static void put_opt(struct writer *w, uint16_t udp, uint32_t ttl, struct bytes options)
{
    writer_u8(w, 0);
    writer_u16(w, DNS_OPT);
    writer_u16(w, udp);
    writer_u32(w, ttl);
    writer_u16(w, (uint16_t)options.len);
    writer_bytes(w, options);
    w->data[11]++;
}

static void plain(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = asked(buf, sizeof buf, DNS_AAAA);
    struct dns_name lower = name_of("www.example.com");
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    assert_int_equal(q.id, 0xbeef);
    assert_int_equal(q.flags, DNS_RD | DNS_CD);
    assert_int_equal(q.type, DNS_AAAA);
    assert_int_equal(q.class, DNS_CLASS_IN);
    assert_memory_equal(q.name.wire, lower.wire, lower.len);
    assert_int_equal(q.name.len, lower.len);
    assert_true(bytes_equal(q.question, bytes_of(buf + 12, w.len - 12)));
    assert_memory_equal(q.question.data, "\3wWw\7Example", 12);
    assert_false(q.edns.present);
}

static void options(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = asked(buf, sizeof buf, DNS_A);
    put_opt(&w, 4096, 0x8000,
            BYTES_LIT("\0\x08\0\7\0\1\x18\0\xc0\0\2"
                      "\xff\xff\0\0"
                      "\0\x0c\0\3\0\0\0"));
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    assert_true(q.edns.present && q.edns.dnssec_ok && q.edns.padded);
    assert_int_equal(q.edns.udp_size, 4096);
    assert_int_equal(q.edns.version, 0);
    w = asked(buf, sizeof buf, DNS_A);
    put_opt(&w, 512, 0, BYTES_NONE);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    assert_true(q.edns.present && !q.edns.dnssec_ok && !q.edns.padded);
}

static void options_refused(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = asked(buf, sizeof buf, DNS_A);
    put_opt(&w, 512, 0x00010000, BYTES_NONE);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_BADVERS);
    assert_true(q.edns.present && q.question.len > 0);

    w = asked(buf, sizeof buf, DNS_A);
    put_opt(&w, 512, 0, BYTES_NONE);
    put_opt(&w, 512, 0, BYTES_NONE);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
    assert_true(q.edns.present);

    static const struct bytes cut[] = {
        {(const uint8_t *)"\0", 1}, {(const uint8_t *)"\0\x0c\0\1", 4}, {(const uint8_t *)"\0\x0c\0\0\0", 5}};
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++) {
        w = asked(buf, sizeof buf, DNS_A);
        put_opt(&w, 512, 0, cut[i]);
        assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
        assert_true(q.question.len > 0);
    }

    /* an OPT below the root's owner is none */
    w = asked(buf, sizeof buf, DNS_A);
    writer_put(&w, "\1a\0\0\x29\4\xd0\0\0\0\0\0\0", 13);
    w.data[11]++;
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
}

static void other_additional(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = asked(buf, sizeof buf, DNS_A);
    writer_put(&w, "\xc0\x0c\0\1\0\1\0\0\0\0\0\4abcd", 16);
    w.data[11]++;
    put_opt(&w, 512, 0x8000, BYTES_NONE);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    assert_true(q.edns.dnssec_ok);
    w = asked(buf, sizeof buf, DNS_A);
    writer_put(&w, "\1k\0\0\xfa\0\xff\0\0\0\0\0\0", 13);
    w.data[11]++;
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
    w = asked(buf, sizeof buf, DNS_A);
    for (unsigned i = 0; i < 9; i++)
        writer_put(&w, "\xc0\x0c\0\1\0\1\0\0\0\0\0\0", 12);
    w.data[11] = 9;
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
}

static void header_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned at;
        uint8_t value;
        enum reason why;
        bool question;
    } rows[] = {{2, 0x80, REASON_HTTP_BAD_DNS, false}, {2, 0x20, REASON_NOTIMP, true},
                {2, 0x78, REASON_NOTIMP, true},        {5, 0, REASON_FORMERR, false},
                {5, 2, REASON_FORMERR, false},         {4, 1, REASON_FORMERR, false},
                {7, 1, REASON_FORMERR, true},          {8, 1, REASON_FORMERR, true},
                {11, 1, REASON_FORMERR, true},         {10, 1, REASON_FORMERR, true}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buf[512];
        struct dns_query q;
        struct writer w = asked(buf, sizeof buf, DNS_A);
        buf[rows[i].at] = rows[i].value;
        assert_int_equal(query_parse(writer_done(&w), &q), rows[i].why);
        assert_int_equal(q.question.len > 0, rows[i].question);
        assert_int_equal(q.id, 0xbeef);
    }
}

static void types_and_classes(void **state)
{
    (void)state;
    static const struct {
        uint16_t type, class;
        enum reason why;
    } rows[] = {{DNS_ANY, 1, REASON_OK},
                {DNS_HTTPS, 1, REASON_OK},
                {257, 1, REASON_OK},
                {65280, 1, REASON_OK},
                {DNS_AXFR, 1, REASON_REFUSED_TYPE},
                {DNS_IXFR, 1, REASON_REFUSED_TYPE},
                {DNS_MAILA, 1, REASON_REFUSED_TYPE},
                {DNS_MAILB, 1, REASON_REFUSED_TYPE},
                {DNS_OPT, 1, REASON_REFUSED_TYPE},
                {DNS_TSIG, 1, REASON_REFUSED_TYPE},
                {0, 1, REASON_REFUSED_TYPE},
                {DNS_TXT, 3, REASON_REFUSED_CLASS},
                {DNS_A, 255, REASON_REFUSED_CLASS},
                {DNS_A, 0, REASON_REFUSED_CLASS}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t buf[512];
        struct dns_query q;
        struct writer w = asked(buf, sizeof buf, rows[i].type);
        put_u16(buf + w.len - 2, rows[i].class);
        assert_int_equal(query_parse(writer_done(&w), &q), rows[i].why);
    }
}

static void names_refused(void **state)
{
    (void)state;
    static const char *const names[] = {"\xc0\x0c", "\1a\xc0\x0c",
                                        "\x40"
                                        "a",
                                        "\x80", "\3ab"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        uint8_t buf[64];
        struct dns_query q;
        struct writer w = writer_of(buf, sizeof buf);
        writer_put(&w, "\0\1\1\0\0\1\0\0\0\0\0\0", 12);
        writer_put(&w, names[i], strlen(names[i]));
        writer_u32(&w, 0x00010001);
        assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
        assert_int_equal(q.question.len, 0);
        assert_int_equal(q.name.len, 1);
    }
}

static void long_names(void **state)
{
    (void)state;
    for (unsigned last = 61; last <= 62; last++) {
        uint8_t buf[512] = {0, 1, 1, 0, 0, 1};
        struct dns_query q;
        size_t at = 12;
        for (unsigned i = 0; i < 4; i++) {
            unsigned len = i < 3 ? 63 : last;
            buf[at] = (uint8_t)len;
            memset(buf + at + 1, 'a', len);
            at += len + 1;
        }
        memcpy(buf + at, "\0\0\1\0\1", 5);
        assert_int_equal(query_parse(bytes_of(buf, at + 5), &q), last == 61 ? REASON_OK : REASON_FORMERR);
    }
    /* as long as a message can be */
    static uint8_t huge[DNS_MSG_MAX];
    struct dns_query q;
    memset(huge, 1, sizeof huge);
    memcpy(huge, "\0\1\1\0\0\1\0\0\0\0\0\0", 12);
    assert_int_equal(query_parse(bytes_of(huge, sizeof huge), &q), REASON_FORMERR);
}

/* Every cut of a good message is refused, in a block that ends where the message does. */
static void cut_everywhere(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = asked(buf, sizeof buf, DNS_A);
    put_opt(&w, 512, 0, BYTES_LIT("\0\x0c\0\2\0\0"));
    for (size_t len = 0; len < w.len; len++) {
        uint8_t *copy = test_malloc(len + 1);
        memcpy(copy, buf, len);
        enum reason why = query_parse(bytes_of(copy, len), &q);
        assert_int_equal(why, len < DNS_HEADER ? REASON_HTTP_BAD_DNS : REASON_FORMERR);
        test_free(copy);
    }
    writer_u8(&w, 0);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_FORMERR);
}

static void written(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_query q;
    struct writer w = writer_of(buf, sizeof buf);
    struct dns_name name = name_of("MiXed.example");
    query_write(&w, 7, DNS_RD, &name, DNS_HTTPS, 1232, true);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    assert_true(q.edns.present && q.edns.dnssec_ok && !q.edns.padded);
    assert_int_equal(q.edns.udp_size, 1232);
    assert_memory_equal(q.question.data, name.wire, name.len);
    w = writer_of(buf, 20);
    query_write(&w, 7, DNS_RD, &name, DNS_A, 1232, true);
    assert_true(w.full);
}

static void iteration(void **state)
{
    (void)state;
    static struct reply r;
    struct msg_iter it;
    struct dns_rr rr;
    reply_begin(&r, "a.example", DNS_A, 0);
    reply_a(&r, "a.example", 5, "\1\2\3\4");
    reply_soa(&r, "example", 60, 60);
    reply_rr(&r, DNS_ADDITIONAL, ".", DNS_OPT, 0x01008000, BYTES_LIT("\0\x0f\0\3\0\4x"));
    struct bytes message = writer_done(&r.w);
    assert_true(msg_iter_init(&it, message));
    assert_true(msg_next(&it, &rr));
    assert_int_equal(rr.section, DNS_ANSWER);
    assert_int_equal(rr.ttl, 5);
    assert_int_equal(get_u32(message.data + rr.ttl_at), 5);
    assert_true(bytes_equal(rr.rdata, BYTES_LIT("\1\2\3\4")));
    assert_true(msg_next(&it, &rr));
    assert_int_equal(rr.section, DNS_AUTHORITY);
    assert_true(msg_next(&it, &rr));
    assert_int_equal(rr.section, DNS_ADDITIONAL);
    assert_false(msg_next(&it, &rr));
    assert_false(it.malformed);
    assert_true(msg_find_opt(message, &rr));
    uint16_t code;
    struct bytes text;
    assert_true(ede_in(rr.rdata, &code, &text));
    assert_int_equal(code, 4);
    assert_true(bytes_equal(text, BYTES_LIT("x")));

    for (size_t len = DNS_HEADER + 15; len < message.len; len++) {
        assert_true(msg_iter_init(&it, bytes_of(message.data, len)));
        while (msg_next(&it, &rr))
            ;
        assert_true(it.malformed);
        assert_false(msg_find_opt(bytes_of(message.data, len), &rr));
    }
    writer_u8(&r.w, 0);
    assert_true(msg_iter_init(&it, writer_done(&r.w)));
    while (msg_next(&it, &rr))
        ;
    assert_true(it.malformed);
    assert_false(msg_next(&it, &rr));
    assert_false(msg_iter_init(&it, bytes_of(message.data, 11)));
    assert_false(msg_iter_init(&it, bytes_of(message.data, 20)));
}

static void aged(void **state)
{
    (void)state;
    static struct reply r;
    static const uint32_t left[] = {0, 1, 200, 0, 0x01008000}; /* of the OPT that is no TTL */
    struct msg_iter it;
    struct dns_rr rr;
    unsigned n = 0;
    reply_begin(&r, "a.example", DNS_A, 0);
    reply_a(&r, "a.example", 100, "\1\2\3\4");
    reply_a(&r, "a.example", 101, "\1\2\3\4");
    reply_a(&r, "a.example", 300, "\1\2\3\4");
    reply_a(&r, "a.example", 0x80000000, "\1\2\3\4");
    reply_rr(&r, DNS_ADDITIONAL, ".", DNS_OPT, 0x01008000, BYTES_NONE);
    struct bytes message = writer_done(&r.w);
    msg_age(r.w.data, message.len, 100);
    assert_true(msg_iter_init(&it, message));
    for (; msg_next(&it, &rr); n++)
        assert_int_equal(rr.ttl, left[n]);
    assert_int_equal(n, 5);
}

static void mnemonics(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        const char *text;
    } rows[] = {{1, "A"}, {65, "HTTPS"}, {257, "CAA"}, {1234, "TYPE1234"}, {54, "TYPE54"}, {255, "ANY"}};
    char text[16];
    uint16_t type;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dns_type_format(rows[i].type, text);
        assert_string_equal(text, rows[i].text);
        assert_true(dns_type_parse(bytes_str(text), &type));
        assert_int_equal(type, rows[i].type);
    }
    assert_true(dns_type_parse(BYTES_LIT("aAaA"), &type) && type == DNS_AAAA);
    assert_true(dns_type_parse(BYTES_LIT("type65"), &type) && type == DNS_HTTPS);
    static const char *const bad[] = {"",       "AAAAA",  "TYPE",       "TYPE65536",
                                      "TYPE-1", "TYPE1x", "TYPE999999", "1"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(dns_type_parse(bytes_str(bad[i]), &type));
    dns_rcode_format(3, text);
    assert_string_equal(text, "NXDOMAIN");
    dns_rcode_format(16, text);
    assert_string_equal(text, "BADVERS");
    dns_rcode_format(12, text);
    assert_string_equal(text, "RCODE12");
    dns_rcode_format(4095, text);
    assert_string_equal(text, "RCODE4095");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain),
        cmocka_unit_test(options),
        cmocka_unit_test(options_refused),
        cmocka_unit_test(other_additional),
        cmocka_unit_test(header_refused),
        cmocka_unit_test(types_and_classes),
        cmocka_unit_test(names_refused),
        cmocka_unit_test(long_names),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(written),
        cmocka_unit_test(iteration),
        cmocka_unit_test(mnemonics),
        cmocka_unit_test(aged),
    };
    return cmocka_run_group_tests_name("dns msg", tests, NULL, NULL);
}
