/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which addresses are a reader's own network, and which answers hold one. */
#include "tests/unit/data/dns/reply.h"

#include "data/dns/private.h"

enum { NOW = 1000000 };

static bool is_private(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_str(text), &ip));
    return private_address(&ip);
}

static void inside(void **state)
{
    (void)state;
    static const char *const list[] = {
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.9.9",
        "127.0.0.1",
        "127.9.9.9",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.1",
        "192.168.1.1",
        "::",
        "::1",
        "fc00::1",
        "fdff::1",
        "fe80::1",
        "febf::1",
        "fec0::1",
        "::ffff:192.168.0.1",
        "::127.0.0.1",
        "64:ff9b::a00:1",
        "::ffff:0.0.0.0",
        "64:ff9b:1::7f00:1",
        "2002:c0a8:0101::1",
        "::ffff:a01:1",
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (!is_private(list[i]))
            fail_msg("%s", list[i]);
}

static void outside(void **state)
{
    (void)state;
    static const char *const list[] = {
        "1.0.0.1",      "9.255.255.255",  "11.0.0.1",         "100.63.255.255",   "100.128.0.1",
        "126.0.0.1",    "128.0.0.1",      "169.253.1.1",      "172.15.0.1",       "172.32.0.1",
        "192.0.0.170",  "192.167.1.1",    "192.169.1.1",      "198.18.0.1",       "2001:db8::1",
        "2606:4700::1", "::ffff:8.8.8.8", "64:ff9b::808:808", "64:ff9b::c000:aa", "2002:0808:0808::1",
        "fbff::1",      "ff02::1",
    };
    for (size_t i = 0; i < sizeof list / sizeof *list; i++)
        if (is_private(list[i]))
            fail_msg("%s", list[i]);
}

static uint8_t block[ANSWER_BLOCK_MAX];

static bool holds(struct reply *r, uint16_t type)
{
    static const struct answer_limits limits = {.ttl_max = 86400, .negative_max = 3600};
    struct dns_query q = question("www.example", type, false);
    struct answer a;
    size_t n = answer_build(&q, writer_done(&r->w), NOW, &limits, block);
    assert_true(n && answer_open(bytes_of(block, n), true, &a));
    return private_in_answer(&a);
}

static bool one_holds(uint16_t type, struct bytes rdata)
{
    static struct reply r;
    reply_begin(&r, "www.example", type, 0);
    reply_rr(&r, DNS_ANSWER, "www.example", type, 300, rdata);
    return holds(&r, type);
}

static void addresses(void **state)
{
    (void)state;
    assert_true(one_holds(DNS_A, BYTES_LIT("\12\0\0\1")));
    assert_false(one_holds(DNS_A, BYTES_LIT("\10\10\10\10")));
    assert_true(one_holds(DNS_AAAA, BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")));
    assert_false(one_holds(DNS_TXT, BYTES_LIT("\4\12\0\0\1")));
    /* One among many, behind an alias. */
    static struct reply r;
    reply_begin(&r, "www.example", DNS_A, 0);
    reply_name(&r, DNS_ANSWER, "www.example", DNS_CNAME, 300, "other.example");
    reply_a(&r, "other.example", 300, "\10\10\10\10");
    reply_a(&r, "other.example", 300, "\300\250\1\1");
    assert_true(holds(&r, DNS_A));
}

static void hints(void **state)
{
    (void)state;
    assert_true(one_holds(DNS_HTTPS, BYTES_LIT("\0\1\0\0\4\0\4\12\0\0\1")));
    assert_true(one_holds(DNS_HTTPS, BYTES_LIT("\0\1\0\0\4\0\10\10\10\10\10\300\250\0\1")));
    assert_true(
        one_holds(DNS_SVCB, BYTES_LIT("\0\1\1x\0\0\1\0\3\2h2\0\6\0\20\xfe\x80\0\0\0\0\0\0\0\0\0\0\0\0\0\1")));
    assert_false(one_holds(DNS_HTTPS, BYTES_LIT("\0\1\0\0\4\0\4\10\10\10\10")));
    assert_false(one_holds(DNS_HTTPS, BYTES_LIT("\0\1\0\0\3\0\2\12\0")));
    /* Cut off in every way: no finding, and no read beyond. */
    struct bytes whole = BYTES_LIT("\0\1\1x\0\0\1\0\3\2h2\0\4\0\4\12\0\0\1");
    for (size_t n = 5; n < whole.len; n++)
        assert_false(one_holds(DNS_HTTPS, bytes_of(whole.data, n)));
    assert_true(one_holds(DNS_HTTPS, whole));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inside),
        cmocka_unit_test(outside),
        cmocka_unit_test(addresses),
        cmocka_unit_test(hints),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
