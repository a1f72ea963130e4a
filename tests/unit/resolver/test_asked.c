/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries as sent and their replies judged: every verdict, and every way to miss it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "data/dns/edns.h"
#include "resolver/asked.h"

enum { ID = 0x1234, NAME_LEN = 13 };

static const uint8_t opt_plain[] = {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0};
static const uint8_t opt_badvers[] = {0, 0, 41, 4, 208, 1, 0, 0, 0, 0, 0};

struct reply {
    uint8_t data[256];
    size_t len;
};

static void ask(struct asked *a)
{
    struct dns_query q = {.flags = DNS_RD, .type = DNS_A, .class = DNS_CLASS_IN};
    assert_true(name_from_text(bytes_str("example.com"), &q.name));
    asked_init(a, &q);
}

static void reply_begin(const struct asked *a, unsigned flags, struct reply *r)
{
    memset(r, 0, sizeof *r);
    put_u16(r->data, ID);
    put_u16(r->data + 2, (uint16_t)(DNS_QR | flags));
    put_u16(r->data + 4, 1);
    memcpy(r->data + DNS_HEADER, a->question, a->len);
    r->len = (size_t)DNS_HEADER + a->len;
}

static void reply_add(struct reply *r, const uint8_t *rr, size_t len)
{
    put_u16(r->data + 10, (uint16_t)(get_u16(r->data + 10) + 1));
    memcpy(r->data + r->len, rr, len);
    r->len += len;
}

/* The reply in an allocation of its own size, so that a sanitizer sees any byte read behind it. */
static enum asked_verdict check(const struct asked *a, bool any_case, const struct reply *r)
{
    uint8_t *exact = malloc(r->len ? r->len : 1);
    memcpy(exact, r->data, r->len);
    enum asked_verdict v = asked_check(a, ID, any_case, bytes_of(exact, r->len));
    free(exact);
    return v;
}

static void test_write(void **state)
{
    (void)state;
    struct asked a;
    uint8_t out[ASKED_MAX];
    ask(&a);
    assert_int_equal(asked_write(&a, &(struct asked_form){.id = ID, .edns = false}, out),
                     DNS_HEADER + NAME_LEN + 4);
    assert_int_equal(get_u16(out), ID);
    assert_int_equal(get_u16(out + 10), 0);
    assert_int_equal(asked_write(&a, &(struct asked_form){.id = ID, .edns = true}, out),
                     DNS_HEADER + NAME_LEN + 4 + sizeof opt_plain);
    assert_memory_equal(out + DNS_HEADER + NAME_LEN + 4, opt_plain, sizeof opt_plain);
    assert_memory_equal(out + DNS_HEADER, a.question, a.len);
}

/* Every name's length: whole blocks, the options last, the longest within bounds. */
static void test_padding(void **state)
{
    (void)state;
    struct dns_query q = {.type = DNS_A, .class = DNS_CLASS_IN, .name = {.len = 1}};
    for (uint8_t first = 0; first < 64; first++)
        for (unsigned labels = 0; labels < 4; labels++) {
            struct asked a;
            struct dns_rr opt;
            struct edns_option option;
            uint8_t out[ASKED_MAX];
            q.name.len = 0;
            for (unsigned i = 0; i <= labels && first; i++) {
                uint8_t len = i == 3 && first > 61 ? 61 : first;
                q.name.wire[q.name.len++] = len;
                memset(q.name.wire + q.name.len, 'a', len);
                q.name.len += len;
            }
            q.name.wire[q.name.len++] = 0;
            asked_init(&a, &q);
            struct asked_form form = {.id = ID, .edns = true, .keepalive = true, .block = 128};
            size_t len = asked_write(&a, &form, out);
            assert_int_equal(len % 128, 0);
            assert_true(len <= ASKED_MAX && len < (size_t)DNS_HEADER + a.len + 11 + 8 + 128);
            assert_true(msg_find_opt(bytes_of(out, len), &opt));
            assert_true(edns_next(&opt.rdata, &option));
            assert_int_equal(option.code, EDNS_KEEPALIVE);
            assert_int_equal(option.data.len, 0);
            assert_true(edns_next(&opt.rdata, &option));
            assert_int_equal(option.code, EDNS_PADDING);
            assert_int_equal(opt.rdata.len, 0);
            /* Without EDNS there is nowhere to put them. */
            form.edns = false;
            assert_int_equal(asked_write(&a, &form, out), DNS_HEADER + a.len);
        }
}

static void test_keepalive(void **state)
{
    (void)state;
    static const uint8_t opts[][19] = {
        {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 6, 0, 11, 0, 2, 1, 44},        /* 30 s */
        {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 4, 0, 11, 0, 0},               /* a client's */
        {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 7, 0, 11, 0, 3, 1, 44, 0},     /* malformed */
        {0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 8, 0, 11, 0, 60, 1, 44, 0, 0}, /* longer than the OPT */
    };
    for (size_t i = 0; i < sizeof opts / sizeof *opts; i++) {
        uint8_t m[DNS_HEADER + sizeof opts[0]] = {[2] = 0x80, [11] = 1};
        size_t n = DNS_HEADER + 11u + opts[i][10];
        uint16_t tenths = 0;
        memcpy(m + DNS_HEADER, opts[i], sizeof opts[0]);
        assert_int_equal(asked_keepalive(bytes_of(m, n), &tenths), i == 0);
        assert_int_equal(tenths, i == 0 ? 300 : 0);
        assert_false(asked_keepalive(bytes_of(m, n - 1), &tenths));
    }
}

static void test_longest_name_fits(void **state)
{
    (void)state;
    struct dns_query q = {.type = 0xffff, .class = DNS_CLASS_IN, .name = {.len = DNS_NAME_MAX}};
    struct asked a;
    uint8_t out[ASKED_MAX];
    memset(q.name.wire, 'a', sizeof q.name.wire);
    q.name.wire[0] = q.name.wire[64] = q.name.wire[128] = 63;
    q.name.wire[192] = 61;
    q.name.wire[254] = 0;
    asked_init(&a, &q);
    assert_int_equal(asked_write(&a, &(struct asked_form){.id = ID, .edns = true}, out),
                     DNS_HEADER + DNS_QUESTION_MAX + EDNS_OPT_FIXED);
    struct bytes sent = {out + DNS_HEADER, DNS_NAME_MAX}, name = {q.name.wire, DNS_NAME_MAX};
    assert_true(bytes_equal_nocase(sent, name));
    assert_false(bytes_equal(sent, name));
    assert_int_equal(out[DNS_HEADER], 63);
    assert_int_equal(out[DNS_HEADER + 192], 61);
}

static void check_rcode(unsigned flags, const uint8_t *opt, enum asked_verdict expected)
{
    struct asked a;
    struct reply r;
    ask(&a);
    reply_begin(&a, flags, &r);
    if (opt)
        reply_add(&r, opt, sizeof opt_plain);
    assert_int_equal(check(&a, false, &r), expected);
}

static void test_rcodes(void **state)
{
    (void)state;
    check_rcode(DNS_NOERROR, NULL, ASKED_ANSWER);
    check_rcode(DNS_NOERROR | DNS_RA | DNS_AD, opt_plain, ASKED_ANSWER);
    check_rcode(DNS_NXDOMAIN, opt_plain, ASKED_ANSWER);
    check_rcode(DNS_SERVFAIL, opt_plain, ASKED_FAILED);
    check_rcode(DNS_REFUSED, opt_plain, ASKED_REFUSED);
    check_rcode(DNS_FORMERR, NULL, ASKED_NO_EDNS);
    check_rcode(DNS_NOTIMP, NULL, ASKED_NO_EDNS);
    check_rcode(DNS_FORMERR, opt_plain, ASKED_FAILED);
    check_rcode(DNS_NOERROR, opt_badvers, ASKED_NO_EDNS);
    check_rcode(DNS_NXDOMAIN, opt_badvers, ASKED_FAILED); /* extended RCODE 19 is no NXDOMAIN */
    check_rcode(6, NULL, ASKED_FAILED);
    check_rcode(DNS_TC, NULL, ASKED_TRUNCATED);
    check_rcode(DNS_TC | DNS_SERVFAIL, NULL, ASKED_TRUNCATED);
    check_rcode(0x0800, NULL, ASKED_GARBLED); /* opcode 1 */
}

static void test_bare_error(void **state)
{
    (void)state;
    struct asked a;
    struct reply r;
    ask(&a);
    reply_begin(&a, DNS_FORMERR, &r);
    put_u16(r.data + 4, 0);
    r.len = DNS_HEADER;
    assert_int_equal(check(&a, false, &r), ASKED_NO_EDNS);
    put_u16(r.data + 2, DNS_QR | DNS_SERVFAIL);
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
}

static void test_not_ours(void **state)
{
    (void)state;
    struct asked a;
    struct reply good, r;
    ask(&a);
    reply_begin(&a, 0, &good);
    r = good, r.data[1] ^= 1;
    assert_int_equal(check(&a, false, &r), ASKED_WRONG_ID);
    r = good, r.data[2] &= 0x7f; /* a query, maybe our own reflected */
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
    r = good, r.data[5] = 2;
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
    r = good, r.data[DNS_HEADER + 1] = '0';
    assert_int_equal(check(&a, false, &r), ASKED_WRONG_QUESTION);
    r = good, r.data[DNS_HEADER + NAME_LEN + 1] ^= 1; /* type */
    assert_int_equal(check(&a, false, &r), ASKED_WRONG_QUESTION);
    r = good, r.data[DNS_HEADER + NAME_LEN + 3] ^= 1; /* class */
    assert_int_equal(check(&a, true, &r), ASKED_WRONG_QUESTION);
}

/* Type 0x4141 holds "AA": bytes that look like letters, but are no text. */
static void test_type_is_not_text(void **state)
{
    (void)state;
    struct dns_query q = {.type = 0x4141, .class = DNS_CLASS_IN, .name = {.len = 1}};
    struct asked a;
    struct reply r;
    asked_init(&a, &q);
    reply_begin(&a, 0, &r);
    assert_int_equal(check(&a, false, &r), ASKED_ANSWER);
    r.data[DNS_HEADER + 1] = 0x61;
    assert_int_equal(check(&a, true, &r), ASKED_WRONG_QUESTION);
}

static void test_case(void **state)
{
    (void)state;
    struct asked a;
    struct reply r;
    ask(&a);
    reply_begin(&a, 0, &r);
    assert_true(asked_same_case(&a, bytes_of(r.data, r.len)));
    r.data[DNS_HEADER + 1] ^= 0x20;
    assert_int_equal(check(&a, false, &r), ASKED_WRONG_CASE);
    assert_int_equal(check(&a, true, &r), ASKED_ANSWER);
    assert_false(asked_same_case(&a, bytes_of(r.data, r.len)));
    asked_restore(&a, r.data, r.len);
    assert_memory_equal(r.data + DNS_HEADER, "\7example\3com", NAME_LEN);
}

static void test_malformed(void **state)
{
    (void)state;
    struct asked a;
    struct reply r;
    ask(&a);
    reply_begin(&a, 0, &r);
    size_t whole = r.len;
    for (r.len = 0; r.len < whole; r.len++)
        assert_true(check(&a, false, &r) >= ASKED_WRONG_ID);
    r.len = whole + 1; /* a byte behind the end */
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
    r.len = whole;
    reply_add(&r, opt_plain, sizeof opt_plain);
    r.len--;
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
    r.len++;
    reply_add(&r, opt_plain, sizeof opt_plain); /* two OPTs */
    assert_int_equal(check(&a, false, &r), ASKED_GARBLED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),    cmocka_unit_test(test_longest_name_fits),
        cmocka_unit_test(test_padding),  cmocka_unit_test(test_keepalive),
        cmocka_unit_test(test_rcodes),   cmocka_unit_test(test_bare_error),
        cmocka_unit_test(test_not_ours), cmocka_unit_test(test_type_is_not_text),
        cmocka_unit_test(test_case),     cmocka_unit_test(test_malformed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
