/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guards' edges: first and last address of special blocks, and what the public suffix list says. */
#include "signing.h"

#include "steering/guard.h"

static bool is_global(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_str(text), &ip));
    return guard_is_global(&ip);
}

static void only_global_unicast_passes(void **state)
{
    (void)state;
    static const char *const global[] = {
        "1.0.0.0",         "9.255.255.255",   "11.0.0.0",    "100.63.255.255",  "100.128.0.0",
        "126.255.255.255", "128.0.0.0",       "169.253.1.1", "172.15.255.255",  "172.32.0.0",
        "192.0.1.0",       "198.17.255.255",  "198.20.0.0",  "223.255.255.255", "2000::1",
        "2001:200::1",     "2001:db7::1",     "2001:db9::1", "2003::1",         "2a00:1450::1",
        "3ffe::1",         "2620:4f:8001::1",
    };
    static const char *const special[] = {
        "0.0.0.0",      "10.0.0.0",        "10.255.255.255",  "100.64.0.1",
        "127.0.0.1",    "169.254.169.254", "172.16.0.0",      "172.31.255.255",
        "192.0.0.9",    "192.0.2.1",       "192.88.99.1",     "192.168.0.1",
        "198.18.0.0",   "198.19.255.255",  "198.51.100.1",    "203.0.113.1",
        "224.0.0.1",    "240.0.0.1",       "255.255.255.255", "::",
        "::1",          "::ffff:8.8.8.8",  "::8.8.8.8",       "64:ff9b::808:808",
        "64:ff9b:1::1", "100::1",          "2001::1",         "2001:1ff::1",
        "2001:db8::1",  "2002:808:808::1", "3fff:fff::1",     "4000::1",
        "5f00::1",      "fc00::1",         "fd00::1",         "fe80::1",
        "fec0::1",      "ff02::1",
    };
    for (size_t i = 0; i < sizeof global / sizeof *global; i++)
        if (!is_global(global[i]))
            fail_msg("%s is global", global[i]);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (is_global(special[i]))
            fail_msg("%s is not global", special[i]);
}

static void no_public_suffix_passes(void **state)
{
    (void)state;
    struct guard *g = guard_new(NULL, 0);
    static const char *const good[] = {"news.example", "a.b.news.example", "outlet.co.uk", "foo.github.io",
                                       "xn--80adxhks.xn--p1ai"};
    static const char *const bad[] = {"com",    "example",  "co.uk",        "github.io",
                                      "foo.ck", "xn--p1ai", "xn--55qx5d.cn"};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        assert_true(guard_domain(g, good[i], NULL));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct refusal why;
        assert_false(guard_domain(g, bad[i], &why));
        assert_int_equal(why.why, REFUSAL_PUBLIC_SUFFIX);
    }
    guard_free(&g);
}

static void the_denylist_sees_through_mapped_addresses(void **state)
{
    (void)state;
    struct ip_net denied = {{4, {9, 9, 8}}, 23};
    struct guard *g = guard_new(&denied, 1);
    struct ip ip;
    static const struct {
        const char *text;
        bool denied;
    } rows[] = {{"9.9.9.255", true}, {"9.9.10.0", false}, {"::ffff:9.9.8.1", true}, {"2001:db8::1", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_true(ip_parse(bytes_str(rows[i].text), &ip));
        assert_int_equal(guard_is_denied(g, &ip), rows[i].denied);
    }
    guard_free(&g);
}

static void domains_are_found_in_names(void **state)
{
    (void)state;
    struct guard *g = guard_new(NULL, 0);
    static const char *const rows[][2] = {{"a.b.example.com", "example.com"},
                                          {"a.b.c.d.e.f.g.h.i.example.com", "example.com"},
                                          {"example.com", "example.com"},
                                          {"x.example.co.uk", "example.co.uk"},
                                          {"co.uk", "uk"},
                                          {"a.b.nosuchtld", "b.nosuchtld"},
                                          {"nosuchtld", ""},
                                          {"made-up.kawasaki.jp", "kawasaki.jp"},
                                          {"x.made-up.kawasaki.jp", "x.made-up.kawasaki.jp"},
                                          {"1.0.0.127.in-addr.arpa", "127.in-addr.arpa"},
                                          {"", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_string_equal(guard_registered(g, rows[i][0]), rows[i][1]);
    guard_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_global_unicast_passes),
        cmocka_unit_test(no_public_suffix_passes),
        cmocka_unit_test(the_denylist_sees_through_mapped_addresses),
        cmocka_unit_test(domains_are_found_in_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
