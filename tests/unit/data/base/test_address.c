/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses: every accepted value comes back the same, every near miss is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/base/address.h"

static void addresses_both_ways(void **state)
{
    (void)state;
    static const char *const same[] = {"192.0.2.1:443", "[2001:db8::1]:53"};
    union sock_addr a;
    char text[SOCK_ADDR_TEXT_MAX];
    for (size_t i = 0; i < 2; i++) {
        assert_true(sock_addr_parse(bytes_str(same[i]), 0, &a));
        sock_addr_format(&a, text);
        assert_string_equal(text, same[i]);
    }
    assert_true(sock_addr_parse(BYTES_LIT("2001:db8::1"), 53, &a));
    assert_int_equal(sock_addr_port(&a), 53);
    assert_true(sock_addr_parse(BYTES_LIT("[::1]"), 53, &a));
    static const char *const bad[] = {"192.0.2.1", "192.0.2.1:",   "192.0.2.1:65536", "[::1]",      "[::1",
                                      "[::1]53",   "localhost:53", "::1%lo:53",       "192.0.2:53", "",
                                      ":53",       "[]:53"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(sock_addr_parse(bytes_str(bad[i]), 0, &a));
}

static void networks_both_ways(void **state)
{
    (void)state;
    static const char *const same[] = {"192.0.2.0/24", "0.0.0.0/0", "2001:db8::/33", "192.0.2.1/32"};
    struct ip_net net;
    struct ip inside, outside;
    char text[IP_NET_TEXT_MAX];
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        assert_true(ip_net_parse(bytes_str(same[i]), &net));
        ip_net_format(&net, text);
        assert_string_equal(text, same[i]);
    }
    assert_true(ip_net_parse(BYTES_LIT("2001:db8::1"), &net));
    assert_int_equal(net.bits, 128);
    static const char *const bad[] = {"192.0.2.1/24", "192.0.2.0/33", "2001:db8::/129",
                                      "192.0.2.0/",   "/24",          "",
                                      "192.0.2.0/-1", "192.0.2.0/24 "};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(ip_net_parse(bytes_str(bad[i]), &net));
    assert_true(ip_net_parse(BYTES_LIT("198.51.100.128/25"), &net));
    assert_true(ip_parse(BYTES_LIT("198.51.100.200"), &inside) &&
                ip_parse(BYTES_LIT("198.51.100.100"), &outside));
    assert_true(ip_within(&inside, &net));
    assert_false(ip_within(&outside, &net));
}

static void mapped_addresses_are_ipv4(void **state)
{
    (void)state;
    union sock_addr mapped, plain;
    assert_true(sock_addr_parse(BYTES_LIT("[::ffff:192.0.2.1]:80"), 0, &mapped));
    assert_true(sock_addr_parse(BYTES_LIT("192.0.2.1:80"), 0, &plain));
    struct ip a = sock_addr_ip(&mapped), b = sock_addr_ip(&plain);
    assert_int_equal(a.len, 4);
    assert_true(ip_equal(&a, &b));
    assert_false(sock_addr_equal(&mapped, &plain));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_both_ways),
        cmocka_unit_test(mapped_addresses_are_ipv4),
        cmocka_unit_test(networks_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
