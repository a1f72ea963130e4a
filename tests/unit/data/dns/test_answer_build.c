/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upstream replies: what is kept, what is dropped, what is refused. */
#include "tests/unit/data/dns/reply.h"

#include <stdio.h>

enum { NOW = 1000000 };

static const struct answer_limits limits = {.ttl_max = 86400, .ttl_min = 0, .negative_max = 3600};
static struct reply r;
static uint8_t block[ANSWER_BLOCK_MAX];

static size_t build(const struct dns_query *q, struct answer *a)
{
    size_t n = answer_build(q, writer_done(&r.w), NOW, &limits, block);
    if (n)
        assert_true(answer_open(bytes_of(block, n), true, a));
    return n;
}

/* Builds and checks what is left. */
static struct answer kept(const struct dns_query *q, const char *expect)
{
    struct answer a;
    assert_true(build(q, &a) > 0);
    assert_string_equal(summary(a.wire), expect);
    assert_int_equal(a.head.stored, NOW);
    return a;
}

static void refused(const struct dns_query *q)
{
    struct answer a;
    assert_int_equal(build(q, &a), 0);
}

static void positive(void **state)
{
    (void)state;
    struct dns_query q = question("WWW.example.com", DNS_A, false);
    reply_begin(&r, "wWw.eXaMple.cOm", DNS_A, 0);
    reply_a(&r, "wWw.eXaMple.cOm", 300, "\1\2\3\4");
    reply_a(&r, "WwW.eXaMple.cOm", 200, "\1\2\3\5");
    reply_rr(&r, DNS_AUTHORITY, "example.com", DNS_NS, 9, BYTES_LIT("\2ns\0"));
    reply_rr(&r, DNS_ADDITIONAL, "ns", DNS_A, 9, BYTES_LIT("\1\2\3\4"));
    reply_rr(&r, DNS_ADDITIONAL, ".", DNS_OPT, 0, BYTES_NONE);
    struct answer a = kept(&q, "A www.example.com 200, A www.example.com 200");
    assert_int_equal(a.head.ttl, 200);
    assert_int_equal(a.head.flags, 0);
    assert_int_equal(a.head.rcode, 0);
    assert_int_equal(get_u16(a.wire.data + 2), DNS_QR | DNS_RA);
    assert_int_equal(a.wire.len, 12 + 17 + 4 + 2 * 16);
    assert_int_equal(a.head.ttl_count, 2);
    /* the TTL offsets are right: a render ages them */
    uint8_t out[512];
    size_t n = answer_render(&a, &q, NOW + 150, NULL, out, sizeof out);
    assert_string_equal(summary(bytes_of(out, n)), "A www.example.com 50, A www.example.com 50");
}

static void forged_extras(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, false);
    reply_begin(&r, "www.example.com", DNS_A, 0);
    reply_a(&r, "bank.example", 300, "\6\6\6\6");
    reply_a(&r, "www.example.com", 300, "\1\2\3\4");
    reply_class_rr(&r, DNS_ANSWER, "www.example.com", DNS_A, 3, 300, BYTES_LIT("\6\6\6\6"));
    reply_rr(&r, DNS_ANSWER, "www.example.com", DNS_TXT, 300, BYTES_LIT("\1x"));
    reply_name(&r, DNS_ANSWER, "other.example.com", DNS_CNAME, 300, "www.example.com");
    reply_sig(&r, DNS_ANSWER, "www.example.com", DNS_A, 300, "example.com");
    reply_name(&r, DNS_AUTHORITY, "com", DNS_NS, 300, "evil.example");
    reply_soa(&r, "example.com", 60, 60);
    struct answer a = kept(&q, "A www.example.com 300");
    assert_int_equal(a.head.flags, 0);
}

static void chain(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, false);
    reply_begin(&r, "www.example.com", DNS_A, 0);
    /* out of order, as some servers send it: a stub needs it in order */
    reply_a(&r, "a.cdn.example", 20, "\1\2\3\4");
    reply_name(&r, DNS_ANSWER, "cdn.Example", DNS_CNAME, 100, "A.cdn.example");
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_CNAME, 300, "CDN.example");
    struct answer a = kept(&q, "CNAME www.example.com 300, CNAME CDN.example 100, A A.CDN.example 20");
    assert_int_equal(a.head.ttl, 20);
    q.type = DNS_CNAME;
    kept(&q, "CNAME www.example.com 300");
}

static void put_links(unsigned links)
{
    char from[32], to[32];
    reply_begin(&r, "n0.example", DNS_A, 0);
    for (unsigned i = 0; i < links; i++) {
        snprintf(from, sizeof from, "n%u.example", i);
        snprintf(to, sizeof to, "n%u.example", i + 1);
        reply_name(&r, DNS_ANSWER, from, DNS_CNAME, 300, to);
    }
    snprintf(to, sizeof to, "n%u.example", links);
    reply_a(&r, to, 300, "\1\2\3\4");
}

static void chain_limits(void **state)
{
    (void)state;
    struct dns_query q = question("n0.example", DNS_A, false);
    struct answer a;
    put_links(11);
    assert_true(build(&q, &a) > 0);
    assert_int_equal(a.head.ttl_count, 12);
    put_links(12);
    refused(&q);
    reply_begin(&r, "n0.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "n0.example", DNS_CNAME, 300, "n1.example");
    reply_name(&r, DNS_ANSWER, "n1.example", DNS_CNAME, 300, "N0.example");
    refused(&q);
    reply_begin(&r, "n0.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "n0.example", DNS_CNAME, 300, "n0.example");
    refused(&q);
    reply_begin(&r, "n0.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "n0.example", DNS_CNAME, 300, "n1.example");
    reply_name(&r, DNS_ANSWER, "N0.example", DNS_CNAME, 300, "n2.example");
    reply_a(&r, "n1.example", 300, "\1\2\3\4");
    refused(&q);
}

static void dname(void **state)
{
    (void)state;
    struct dns_query q = question("x.y.old.example", DNS_A, true);
    reply_begin(&r, "x.y.old.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "old.example", DNS_DNAME, 100, "new.example");
    reply_sig(&r, DNS_ANSWER, "old.example", DNS_DNAME, 100, "example");
    reply_name(&r, DNS_ANSWER, "y.old.example", DNS_DNAME, 100, "evil.example");
    reply_name(&r, DNS_ANSWER, "x.y.old.example", DNS_CNAME, 50, "x.y.new.example");
    reply_a(&r, "x.y.new.example", 70, "\1\2\3\4");
    kept(&q, "DNAME old.example 100, RRSIG old.example 100, CNAME x.y.old.example 50, A x.y.new.example 70");
    /* one that explains nothing is left out */
    reply_begin(&r, "x.y.old.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "old.example", DNS_DNAME, 100, "elsewhere.example");
    reply_name(&r, DNS_ANSWER, "x.y.old.example", DNS_CNAME, 50, "x.y.new.example");
    reply_a(&r, "x.y.new.example", 70, "\1\2\3\4");
    kept(&q, "CNAME x.y.old.example 50, A x.y.new.example 70");
}

static void negative(void **state)
{
    (void)state;
    static const struct {
        uint32_t soa, minimum, ttl;
    } rows[] = {{300, 60, 60},       {60, 300, 60},       {86400, 86400, 3600},
                {0x80000001, 60, 0}, {60, 0x80000001, 0}, {60, 0, 0}};
    struct dns_query q = question("www.example.com", DNS_AAAA, false);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expect[64];
        reply_begin(&r, "www.example.com", DNS_AAAA, i % 2 ? DNS_NXDOMAIN : DNS_NOERROR);
        reply_soa(&r, "example.com", rows[i].soa, rows[i].minimum);
        reply_sig(&r, DNS_AUTHORITY, "example.com", DNS_SOA, 9, "example.com");
        snprintf(expect, sizeof expect, "SOA example.com %u", rows[i].ttl);
        struct answer a = kept(&q, expect);
        assert_int_equal(a.head.ttl, rows[i].ttl);
        assert_int_equal(a.head.flags, ANSWER_NEGATIVE);
        assert_int_equal(a.head.rcode, i % 2 ? DNS_NXDOMAIN : DNS_NOERROR);
        assert_int_equal(a.wire.data[3] & DNS_RCODE, a.head.rcode);
    }
}

static void negative_chain(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_AAAA, false);
    reply_begin(&r, "www.example.com", DNS_AAAA, DNS_NXDOMAIN);
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_CNAME, 30, "gone.cdn.example");
    reply_soa(&r, "example.com", 60, 60); /* not of the name that is denied */
    reply_soa(&r, ".", 60, 60);
    reply_soa(&r, "cdn.example", 60, 50); /* the closest */
    struct answer a = kept(&q, "CNAME www.example.com 30, SOA cdn.example 50");
    assert_int_equal(a.head.ttl, 30);
    assert_int_equal(a.head.flags, ANSWER_NEGATIVE);
}

/* Nothing says how long these hold: they may be given out, but not kept. */
static void without_soa(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, false);
    reply_begin(&r, "www.example.com", DNS_A, DNS_NXDOMAIN);
    struct answer a = kept(&q, "");
    assert_int_equal(a.head.ttl, 0);
    reply_begin(&r, "www.example.com", DNS_A, 0);
    reply_name(&r, DNS_AUTHORITY, "example.com", DNS_NS, 300, "ns.example.com");
    a = kept(&q, "");
    assert_int_equal(a.head.ttl, 0);
    assert_int_equal(a.head.flags, ANSWER_NEGATIVE);
    reply_begin(&r, "www.example.com", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_CNAME, 300, "a.example");
    reply_soa(&r, "example.com", 60, 60);
    a = kept(&q, "CNAME www.example.com 300");
    assert_int_equal(a.head.ttl, 0);
}

static void ttl_rules(void **state)
{
    (void)state;
    static const struct {
        uint32_t sent, kept;
    } rows[] = {{0, 10},           {9, 10},          {500, 500},      {501, 500},
                {0x7fffffff, 500}, {0x80000000, 10}, {UINT32_MAX, 10}};
    const struct answer_limits tight = {.ttl_max = 500, .ttl_min = 10, .negative_max = 5};
    struct dns_query q = question("www.example.com", DNS_A, false);
    struct answer a;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply_begin(&r, "www.example.com", DNS_A, 0);
        reply_a(&r, "www.example.com", rows[i].sent, "\1\2\3\4");
        size_t n = answer_build(&q, writer_done(&r.w), NOW, &tight, block);
        assert_true(answer_open(bytes_of(block, n), true, &a));
        assert_int_equal(a.head.ttl, rows[i].kept);
    }
}

static void dnssec(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, true);
    reply_begin(&r, "www.example.com", DNS_A, 0);
    reply_a(&r, "www.example.com", 300, "\1\2\3\4");
    reply_sig(&r, DNS_ANSWER, "www.example.com", DNS_A, 200, "example.com");
    reply_sig(&r, DNS_ANSWER, "www.example.com", DNS_TXT, 300, "example.com");
    /* the proof that no closer name than the wildcard exists, and one of a zone that has no part in this */
    reply_name(&r, DNS_AUTHORITY, "a.example.com", DNS_NSEC, 60, "z.example.com");
    reply_sig(&r, DNS_AUTHORITY, "a.example.com", DNS_NSEC, 60, "example.com");
    reply_name(&r, DNS_AUTHORITY, "a.other", DNS_NSEC, 60, "z.other");
    reply_sig(&r, DNS_AUTHORITY, "a.other", DNS_NSEC, 60, "other");
    struct answer a = kept(&q, "A www.example.com 200, RRSIG www.example.com 200, NSEC a.example.com 60, "
                               "RRSIG a.example.com 60");
    assert_int_equal(a.head.flags, ANSWER_SIGNED);
    q.edns.dnssec_ok = false;
    a = kept(&q, "A www.example.com 300");
    assert_int_equal(a.head.flags, 0);
}

static void dnssec_negative(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, true);
    reply_begin(&r, "www.example.com", DNS_A, DNS_NXDOMAIN);
    reply_soa(&r, "example.com", 60, 60);
    reply_sig(&r, DNS_AUTHORITY, "example.com", DNS_SOA, 60, "example.com");
    reply_rr(&r, DNS_AUTHORITY, "abc.example.com", DNS_NSEC3, 60, BYTES_LIT("\1\0\0\0\0\0"));
    reply_sig(&r, DNS_AUTHORITY, "abc.example.com", DNS_NSEC3, 60, "example.com");
    reply_rr(&r, DNS_AUTHORITY, "abc.example.net", DNS_NSEC3, 60, BYTES_LIT("\1\0\0\0\0\0"));
    reply_name(&r, DNS_AUTHORITY, "example.com", DNS_NS, 60, "ns.example.com");
    struct answer a = kept(&q, "SOA example.com 60, RRSIG example.com 60, NSEC3 abc.example.com 60, "
                               "RRSIG abc.example.com 60");
    assert_int_equal(a.head.flags, ANSWER_NEGATIVE | ANSWER_SIGNED);
    q.edns.dnssec_ok = false;
    kept(&q, "SOA example.com 60");
}

/* Asked for themselves, DNSSEC's types are plain data. */
static void dnssec_types_asked(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_RRSIG, false);
    reply_begin(&r, "www.example.com", DNS_RRSIG, 0);
    reply_sig(&r, DNS_ANSWER, "www.example.com", DNS_A, 200, "example.com");
    kept(&q, "RRSIG www.example.com 200");
    q.type = DNS_NSEC;
    reply_begin(&r, "www.example.com", DNS_NSEC, 0);
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_NSEC, 200, "z.example.com");
    kept(&q, "NSEC www.example.com 200");
}

static void unusable(void **state)
{
    (void)state;
    static const uint16_t flags[] = {
        DNS_RD,     DNS_QR | DNS_TC,     DNS_QR | 0x0800, DNS_QR | DNS_SERVFAIL, DNS_QR | DNS_REFUSED,
        DNS_QR | 6, DNS_QR | DNS_FORMERR};
    struct dns_query q = question("www.example.com", DNS_A, false);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        reply_begin(&r, "www.example.com", DNS_A, 0);
        reply_a(&r, "www.example.com", 300, "\1\2\3\4");
        put_u16(r.data + 2, flags[i]);
        refused(&q);
    }
    reply_begin(&r, "www.example.com", DNS_A, DNS_NXDOMAIN);
    reply_a(&r, "www.example.com", 300, "\1\2\3\4");
    refused(&q);
    static const struct {
        uint16_t type;
        struct bytes rdata;
    } bad[] = {{DNS_A, {(const uint8_t *)"abc", 3}},       {DNS_A, {(const uint8_t *)"abcde", 5}},
               {DNS_AAAA, {(const uint8_t *)"abcd", 4}},   {DNS_MX, {(const uint8_t *)"\0\1", 2}},
               {DNS_MX, {(const uint8_t *)"\0\1\0x", 4}},  {DNS_SOA, {(const uint8_t *)"\0\0abcd", 6}},
               {DNS_NS, {(const uint8_t *)"\xc0", 1}},     {DNS_TXT, {(const uint8_t *)"\5abc", 4}},
               {DNS_NS, {(const uint8_t *)"\1a", 2}},      {DNS_HTTPS, {(const uint8_t *)"\0\1\5a", 4}},
               {DNS_CNAME, {(const uint8_t *)"\1a\0x", 4}}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        q.type = bad[i].type;
        reply_begin(&r, "www.example.com", bad[i].type, 0);
        reply_rr(&r, DNS_ANSWER, "www.example.com", bad[i].type, 300, bad[i].rdata);
        refused(&q);
    }
}

static void cut_everywhere(void **state)
{
    (void)state;
    struct dns_query q = question("www.example.com", DNS_A, true);
    struct answer a;
    reply_begin(&r, "www.example.com", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_CNAME, 300, "a.example");
    reply_a(&r, "a.example", 300, "\1\2\3\4");
    reply_sig(&r, DNS_ANSWER, "a.example", DNS_A, 300, "example");
    assert_true(build(&q, &a) > 0);
    size_t full = r.w.len;
    for (size_t len = 0; len < full; len++) {
        uint8_t *copy = test_malloc(len + 1);
        memcpy(copy, r.data, len);
        assert_int_equal(answer_build(&q, bytes_of(copy, len), NOW, &limits, block), 0);
        test_free(copy);
    }
    writer_u8(&r.w, 0);
    refused(&q);
}

/* What came compressed is whole again, and compressed again only where RFC 1035 says so. */
static void rdata_names(void **state)
{
    (void)state;
    struct dns_query q = question("example.com", DNS_MX, false);
    struct answer a;
    reply_begin(&r, "example.com", DNS_MX, 0);
    writer_put(&r.w, "\xc0\x0c\0\x0f\0\1\0\0\1\0\0\7\0\1\2mx\xc0\x0c", 19);
    reply_count(&r, DNS_ANSWER);
    assert_true(build(&q, &a) > 0);
    assert_int_equal(a.wire.len, r.w.len);
    assert_memory_equal(a.wire.data + a.wire.len - 7, "\0\1\2mx\xc0\x0c", 7);

    q.type = 33;
    reply_begin(&r, "example.com", 33, 0);
    writer_put(&r.w, "\xc0\x0c\0\x21\0\1\0\0\1\0\0\x0b\0\1\0\2\0\3\2mx\xc0\x0c", 23);
    reply_count(&r, DNS_ANSWER);
    assert_true(build(&q, &a) > 0);
    assert_memory_equal(a.wire.data + a.wire.len - 24, "\0\x16\0\1\0\2\0\3\2mx\7example\3com", 24);
    /* a pointer into its own RDATA */
    put_u16(r.data + r.w.len - 2, (uint16_t)(0xc000 | (r.w.len - 5)));
    refused(&q);
}

/* 1400 NS of two bytes each that stand for 255: a 20 KiB reply must not grow past a message. */
static void expansion(void **state)
{
    (void)state;
    char text[254];
    for (unsigned i = 0; i < 253; i++)
        text[i] = i % 2 ? '.' : 'a';
    text[253] = '\0';
    struct dns_query q = question(text, 17, false);
    struct answer a;
    for (unsigned count = 1; count <= 1400; count += 1399) {
        reply_begin(&r, text, 17, 0);
        for (unsigned i = 0; i < count; i++) {
            writer_put(&r.w, "\xc0\x0c\0\x11\0\1\0\0\1\0\0\4\xc0\x0c\xc0\x0c", 16);
            reply_count(&r, DNS_ANSWER);
        }
        if (count == 1)
            assert_true(build(&q, &a) > 0);
        else
            refused(&q);
    }
}

static void many(void **state)
{
    (void)state;
    struct dns_query q = question("a.example", DNS_A, false);
    struct answer a;
    for (unsigned count = ANSWER_RRS_MAX; count <= ANSWER_RRS_MAX + 1; count++) {
        reply_begin(&r, "a.example", DNS_A, 0);
        for (unsigned i = 0; i < count; i++) {
            writer_put(&r.w, "\xc0\x0c\0\1\0\1\0\0\1\0\0\4", 12);
            writer_u32(&r.w, i);
            reply_count(&r, DNS_ANSWER);
        }
        assert_int_equal(build(&q, &a) > 0, count == ANSWER_RRS_MAX);
    }
    assert_int_equal(a.head.ttl_count, ANSWER_RRS_MAX);
}

/* The largest message goes through, and still leaves room for an OPT. */
static void largest(void **state)
{
    (void)state;
    static uint8_t rdata[DNS_MSG_MAX], out[DNS_MSG_MAX + ANSWER_OPT_MAX];
    struct dns_query q = question("a.example", 65280, false);
    struct answer a;
    q.edns.padded = true;
    struct answer_note note = {4, "text"};
    size_t fixed = 12 + 11 + 4 + 12;
    for (size_t spare = 0; spare < 500; spare++) {
        struct dns_name owner = name_of("a.example");
        reply_begin(&r, "a.example", 65280, 0);
        writer_u16(&r.w, 0xc00c);
        writer_u16(&r.w, 65280);
        writer_u16(&r.w, 1);
        writer_u32(&r.w, 300);
        size_t len = DNS_MSG_MAX - 11 - fixed - spare;
        writer_u16(&r.w, (uint16_t)len);
        writer_put(&r.w, rdata, len);
        reply_count(&r, DNS_ANSWER);
        assert_int_equal(owner.len, 11);
        assert_true(build(&q, &a) > 0);
        assert_int_equal(a.wire.len, DNS_MSG_MAX - 11 - spare);
        size_t n = answer_render(&a, &q, NOW, &note, out, sizeof out);
        assert_true(n >= a.wire.len + 11 && n <= DNS_MSG_MAX);
        struct dns_rr opt;
        assert_true(msg_find_opt(bytes_of(out, n), &opt));
    }
    reply_begin(&r, "a.example", 65280, 0);
    reply_rr(&r, DNS_ANSWER, "a.example", 65280, 300, bytes_of(rdata, DNS_MSG_MAX - 48));
    assert_false(r.w.full);
    refused(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(positive),
        cmocka_unit_test(forged_extras),
        cmocka_unit_test(chain),
        cmocka_unit_test(chain_limits),
        cmocka_unit_test(dname),
        cmocka_unit_test(negative),
        cmocka_unit_test(negative_chain),
        cmocka_unit_test(without_soa),
        cmocka_unit_test(ttl_rules),
        cmocka_unit_test(dnssec),
        cmocka_unit_test(dnssec_negative),
        cmocka_unit_test(dnssec_types_asked),
        cmocka_unit_test(unusable),
        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(rdata_names),
        cmocka_unit_test(expansion),
        cmocka_unit_test(many),
        cmocka_unit_test(largest),
    };
    return cmocka_run_group_tests_name("dns answer_build", tests, NULL, NULL);
}
