/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Blocks of our own: built, opened, aged, rendered for the one who asks; and errors. */
#include "tests/unit/data/dns/reply.h"

#include <stdio.h>

#include "data/dns/edns.h"

enum { NOW = 1000000 };

static struct answer built(const struct dns_query *q, uint8_t *block, size_t cap)
{
    struct answer_builder b;
    struct answer a;
    answer_begin(&b, q, DNS_NOERROR, 0, block, cap);
    answer_add(&b, DNS_ANSWER, NULL, DNS_A, 300, BYTES_LIT("\300\0\2\1"));
    answer_add(&b, DNS_ANSWER, NULL, DNS_A, 200, BYTES_LIT("\300\0\2\2"));
    size_t n = answer_end(&b, NOW);
    assert_true(n > 0);
    assert_true(answer_open(bytes_of(block, n), true, &a));
    return a;
}

/* The question of a client, parsed, with its own case and flags. */
static struct dns_query client(uint8_t *buf, size_t cap, uint16_t flags, bool edns, bool padded)
{
    struct dns_query q;
    struct writer w = writer_of(buf, cap);
    struct dns_name name = name_of("wWw.eXample.Com");
    query_write(&w, 0xcafe, flags, &name, DNS_A, edns ? 4096 : 0, false);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    q.edns.padded = padded;
    return q;
}

static void render_echoes(void **state)
{
    (void)state;
    uint8_t block[1024], ask[512], out[2048];
    struct dns_query q = client(ask, sizeof ask, DNS_RD | DNS_CD | DNS_AD | DNS_TC, false, false);
    struct answer a = built(&q, block, sizeof block);
    assert_int_equal(a.head.ttl, 200);
    assert_memory_equal(a.wire.data + 12, "\3www\7example\3com", 17);
    size_t n = answer_render(&a, &q, NOW, NULL, out, sizeof out);
    assert_int_equal(n, a.wire.len);
    assert_int_equal(get_u16(out), 0xcafe);
    assert_int_equal(get_u16(out + 2), DNS_QR | DNS_RA | DNS_RD | DNS_CD);
    assert_memory_equal(out + 12, q.question.data, q.question.len);
    assert_string_equal(summary(bytes_of(out, n)), "A wWw.eXample.Com 300, A wWw.eXample.Com 200");
    q = client(ask, sizeof ask, 0, false, false);
    n = answer_render(&a, &q, NOW, NULL, out, sizeof out);
    assert_int_equal(get_u16(out + 2), DNS_QR | DNS_RA);
    assert_int_equal(get_u16(out + 10), 0);
}

static void ageing(void **state)
{
    (void)state;
    static const struct {
        uint32_t now, first, second, left;
    } rows[] = {{NOW, 300, 200, 200},  {NOW + 1, 299, 199, 199}, {NOW + 200, 100, 0, 0},
                {NOW + 250, 50, 0, 0}, {NOW + 1000, 0, 0, 0},    {NOW - 5000, 300, 200, 200},
                {UINT32_MAX, 0, 0, 0}};
    uint8_t block[1024], ask[512], out[2048];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, false);
    struct answer a = built(&q, block, sizeof block);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char expect[100];
        size_t n = answer_render(&a, &q, rows[i].now, NULL, out, sizeof out);
        snprintf(expect, sizeof expect, "A wWw.eXample.Com %u, A wWw.eXample.Com %u", rows[i].first,
                 rows[i].second);
        assert_string_equal(summary(bytes_of(out, n)), expect);
        assert_int_equal(answer_ttl_left(&a, rows[i].now), rows[i].left);
    }
    size_t n = answer_render_stale(&a, &q, 30, NULL, out, sizeof out);
    assert_string_equal(summary(bytes_of(out, n)), "A wWw.eXample.Com 30, A wWw.eXample.Com 30");
}

static void edns_in_answers(void **state)
{
    (void)state;
    uint8_t block[1024], ask[512], out[2048];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, false);
    struct answer a = built(&q, block, sizeof block);
    struct dns_rr opt;
    struct answer_note note = {4, "list demo version 7"};
    uint16_t code;
    struct bytes text;

    size_t n = answer_render(&a, &q, NOW, NULL, out, sizeof out);
    assert_int_equal(n, a.wire.len + 11);
    assert_true(msg_find_opt(bytes_of(out, n), &opt));
    assert_int_equal(opt.class, 1232);
    assert_int_equal(opt.ttl, 0);
    assert_int_equal(opt.rdata.len, 0);

    q.edns.dnssec_ok = true;
    n = answer_render(&a, &q, NOW, &note, out, sizeof out);
    assert_true(msg_find_opt(bytes_of(out, n), &opt));
    assert_int_equal(opt.ttl, 0x8000);
    assert_true(ede_in(opt.rdata, &code, &text));
    assert_int_equal(code, 4);
    assert_true(bytes_equal(text, bytes_str(note.text)));

    note.text = NULL;
    n = answer_render(&a, &q, NOW, &note, out, sizeof out);
    assert_true(msg_find_opt(bytes_of(out, n), &opt));
    assert_int_equal(opt.rdata.len, 6);

    q = client(ask, sizeof ask, DNS_RD, false, false);
    n = answer_render(&a, &q, NOW, &note, out, sizeof out);
    assert_int_equal(n, a.wire.len);
}

static void padding(void **state)
{
    (void)state;
    uint8_t block[8192], ask[512], out[16384];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, true);
    struct answer_builder b;
    struct answer a;
    struct answer_note note = {4, "why"};
    /* every length around a block's edge, where the option itself may cross it */
    for (size_t len = 360; len < 480; len++) {
        uint8_t rdata[512] = {0};
        answer_begin(&b, &q, DNS_NOERROR, 0, block, sizeof block);
        answer_add(&b, DNS_ANSWER, NULL, 65280, 300, bytes_of(rdata, len));
        size_t n = answer_end(&b, NOW);
        assert_true(answer_open(bytes_of(block, n), true, &a));
        size_t bare = a.wire.len + 11 + 4, noted = bare + 4 + 2 + 3;
        n = answer_render(&a, &q, NOW, NULL, out, sizeof out);
        assert_int_equal(n, (bare + 467) / 468 * 468);
        n = answer_render(&a, &q, NOW, &note, out, sizeof out);
        assert_int_equal(n, (noted + 467) / 468 * 468);
        summary(bytes_of(out, n));
    }
}

static void room(void **state)
{
    (void)state;
    uint8_t block[1024], ask[512], out[2048];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, false);
    struct answer a = built(&q, block, sizeof block);
    for (size_t cap = 0; cap < a.wire.len + 11; cap++) {
        uint8_t *exact = test_malloc(cap + 1);
        assert_int_equal(answer_render(&a, &q, NOW, NULL, exact, cap), 0);
        assert_int_equal(answer_error(&q, REASON_FORMERR, exact, cap < 40 ? cap : 40), 0);
        test_free(exact);
    }
    assert_int_equal(answer_render(&a, &q, NOW, NULL, out, a.wire.len + 11), a.wire.len + 11);
    q.edns.padded = true;
    char text[2000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct answer_note note = {0, text};
    assert_true(answer_render(&a, &q, NOW, &note, out, a.wire.len + ANSWER_OPT_MAX) > 0);

    struct answer_builder b;
    for (size_t cap = 0; cap < 250; cap++) {
        uint8_t *exact = test_malloc(cap + 1);
        answer_begin(&b, &q, DNS_NOERROR, 0, exact, cap);
        answer_add(&b, DNS_ANSWER, NULL, DNS_A, 300, BYTES_LIT("\300\0\2\1"));
        size_t n = answer_end(&b, NOW);
        assert_true(n <= cap);
        assert_true(n > 0 || cap < 24 + 128 + 33 + 16);
        test_free(exact);
    }
    answer_begin(&b, &q, DNS_NOERROR, 0, out, sizeof out);
    for (unsigned i = 0; i < 65; i++)
        answer_add(&b, DNS_ANSWER, NULL, DNS_A, 300, BYTES_LIT("\300\0\2\1"));
    assert_int_equal(answer_end(&b, NOW), 0);
}

static void negative(void **state)
{
    (void)state;
    uint8_t block[1024], ask[512], out[2048];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, false);
    struct dns_name zone = name_of("example.com"), root = name_of("."), other = name_of("example.net");
    struct answer_builder b;
    struct answer a;
    answer_begin(&b, &q, DNS_NXDOMAIN, ANSWER_NEGATIVE | ANSWER_STEERED, block, sizeof block);
    answer_add_soa(&b, DNS_AUTHORITY, &zone, 60);
    answer_add_soa(&b, DNS_AUTHORITY, &root, 70);
    answer_add_soa(&b, DNS_AUTHORITY, &other, 80);
    size_t n = answer_end(&b, NOW);
    assert_true(answer_open(bytes_of(block, n), true, &a));
    assert_int_equal(a.head.ttl, 60);
    assert_int_equal(a.head.flags, ANSWER_NEGATIVE | ANSWER_STEERED);
    assert_int_equal(a.head.rcode, DNS_NXDOMAIN);
    n = answer_render(&a, &q, NOW, NULL, out, sizeof out);
    assert_int_equal(out[3] & DNS_RCODE, DNS_NXDOMAIN);
    assert_string_equal(summary(bytes_of(out, n)), "SOA eXample.Com 60, SOA . 70, SOA example.net 80");
    answer_begin(&b, &q, DNS_NOERROR, 0, block, sizeof block);
    n = answer_end(&b, NOW);
    assert_true(answer_open(bytes_of(block, n), true, &a));
    assert_int_equal(a.head.ttl, 0);
}

/* A block with any byte changed, or cut anywhere, is refused when it is to be verified. */
static void damaged(void **state)
{
    (void)state;
    uint8_t block[1024], ask[512];
    struct dns_query q = client(ask, sizeof ask, DNS_RD, true, false);
    struct answer a = built(&q, block, sizeof block), again;
    size_t len = (size_t)(a.wire.data + a.wire.len - block);
    assert_true(answer_open(bytes_of(block, len), true, &again));
    for (size_t i = 0; i < len; i++) {
        block[i] ^= 0x10;
        assert_false(answer_open(bytes_of(block, len), true, &again));
        block[i] ^= 0x10;
        uint8_t *cut = test_malloc(i + 1);
        memcpy(cut, block, i);
        assert_false(answer_open(bytes_of(cut, i), true, &again));
        assert_false(answer_open(bytes_of(cut, i), false, &again));
        test_free(cut);
    }
    /* at an odd address */
    uint8_t moved[1024];
    memcpy(moved + 1, block, len);
    assert_true(answer_open(bytes_of(moved + 1, len), true, &again));
    uint8_t out[2048];
    assert_true(answer_render(&again, &q, NOW, NULL, out, sizeof out) > 0);
}

/* Sealed by us, but with an offset that leads out of the message. */
static void offset_outside(void **state)
{
    (void)state;
    uint8_t block[256], wire[20] = {0};
    struct answer_head head = {.version = ANSWER_VERSION, .ttl_count = 1, .wire_len = sizeof wire};
    struct answer a;
    for (uint16_t at = 0; at < 30; at++) {
        size_t n = answer_seal(&head, &at, wire, block, sizeof block);
        assert_int_equal(answer_open(bytes_of(block, n), true, &a), at <= 16);
    }
    assert_int_equal(answer_seal(&head, &head.ttl_count, wire, block, 45), 0);
    head.wire_len = 11;
    size_t n = answer_seal(&head, &head.ttl_count, wire, block, sizeof block);
    assert_false(answer_open(bytes_of(block, n), false, &a));
    head = (struct answer_head){.version = ANSWER_VERSION + 1, .wire_len = sizeof wire};
    n = answer_seal(&head, NULL, wire, block, sizeof block);
    assert_false(answer_open(bytes_of(block, n), true, &a));
}

static void keys(void **state)
{
    (void)state;
    struct dns_query base = question("www.example.com", DNS_A, false), other;
    struct answer_key a, b;
    answer_key(&base, &a);
    other = question("WWW.example.COM", DNS_A, false);
    other.id = 9;
    other.flags = 0;
    answer_key(&other, &b);
    assert_true(answer_key_equal(&a, &b));
    other = base;
    other.type = DNS_AAAA;
    answer_key(&other, &b);
    assert_false(answer_key_equal(&a, &b));
    other = base;
    other.edns.dnssec_ok = true;
    answer_key(&other, &b);
    assert_false(answer_key_equal(&a, &b));
    other = base;
    other.flags |= DNS_CD;
    answer_key(&other, &b);
    assert_false(answer_key_equal(&a, &b));
    other = question("wwww.example.com", DNS_A, false);
    answer_key(&other, &b);
    assert_false(answer_key_equal(&a, &b));
}

static void errors(void **state)
{
    (void)state;
    uint8_t ask[512], out[1024];
    struct dns_query q = client(ask, sizeof ask, DNS_RD | DNS_CD, true, true);
    struct dns_rr opt;
    uint16_t code;
    struct bytes text;
    size_t n = answer_error(&q, REASON_UPSTREAM_TIMEOUT, out, sizeof out);
    assert_int_equal(n, 468);
    assert_int_equal(get_u16(out), 0xcafe);
    assert_int_equal(get_u16(out + 2), DNS_QR | DNS_RA | DNS_RD | DNS_CD | DNS_SERVFAIL);
    assert_memory_equal(out + 12, q.question.data, q.question.len);
    assert_true(msg_find_opt(bytes_of(out, n), &opt));
    assert_true(ede_in(opt.rdata, &code, &text));
    assert_int_equal(code, 22);
    assert_true(bytes_equal(text, BYTES_LIT("no upstream answered in time")));

    q.edns = (struct dns_edns){.present = false};
    n = answer_error(&q, REASON_UPSTREAM_TIMEOUT, out, sizeof out);
    assert_int_equal(n, 12 + q.question.len);
    assert_false(msg_find_opt(bytes_of(out, n), &opt));

    n = answer_error(&q, REASON_BADVERS, out, sizeof out);
    assert_true(msg_find_opt(bytes_of(out, n), &opt));
    assert_int_equal(opt.ttl, 0x01000000);
    assert_int_equal(out[3] & DNS_RCODE, 0);

    q.question = BYTES_NONE;
    q.flags = 0x2000 | DNS_AA | DNS_AD;
    n = answer_error(&q, REASON_NOTIMP, out, sizeof out);
    assert_int_equal(n, 12);
    assert_int_equal(get_u16(out + 2), DNS_QR | DNS_RA | 0x2000 | DNS_NOTIMP);
    assert_int_equal(get_u16(out + 4), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(render_echoes), cmocka_unit_test(ageing),         cmocka_unit_test(edns_in_answers),
        cmocka_unit_test(padding),       cmocka_unit_test(room),           cmocka_unit_test(negative),
        cmocka_unit_test(damaged),       cmocka_unit_test(offset_outside), cmocka_unit_test(keys),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests_name("dns answer", tests, NULL, NULL);
}
