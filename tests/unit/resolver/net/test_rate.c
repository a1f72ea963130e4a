/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Leaky buckets: bursts and rates per narrow and wide network, and a table that attackers fill. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "resolver/net/rate.h"

static struct ip ip_of(const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_str(text), &ip));
    return ip;
}

/* How many are let through when `asked` are asked for, one by one, at `now`. */
static unsigned burst(struct rate *r, const char *address, double now, unsigned asked)
{
    struct ip ip = ip_of(address);
    unsigned passed = 0;
    for (unsigned i = 0; i < asked; i++)
        passed += rate_take(r, &ip, now, 1);
    return passed;
}

static void a_burst_then_the_rate(void **state)
{
    (void)state;
    struct rate *r = rate_new(100);
    assert_int_equal(burst(r, "192.0.2.1", 5000, 5000), 1000);
    assert_int_equal(burst(r, "192.0.2.1", 5000.5, 5000), 50);
    assert_int_equal(burst(r, "192.0.2.1", 5001.5, 5000), 100);
    assert_int_equal(burst(r, "192.0.2.1", 9000, 5000), 1000);
    rate_free(&r);
}

static unsigned burst_of_domain(struct rate *r, const char *domain, double now, unsigned asked)
{
    unsigned passed = 0;
    for (unsigned i = 0; i < asked; i++)
        passed += rate_take_domain(r, bytes_str(domain), now);
    return passed;
}

static void domains_have_a_rate_each(void **state)
{
    (void)state;
    struct rate *r = rate_new(100);
    assert_int_equal(burst_of_domain(r, "one.example", 5000, 5000), 100 * RATE_BURST);
    assert_int_equal(burst_of_domain(r, "two.example", 5000, 5000), 100 * RATE_BURST);
    assert_int_equal(burst_of_domain(r, "one.example", 5000.5, 5000), 50);
    assert_int_equal(burst_of_domain(r, "", 5000, 1), 1);
    rate_free(&r);
    r = rate_new(0);
    assert_int_equal(burst_of_domain(r, "one.example", 1, 100000), 100000);
    assert_int_equal(burst_of_domain(NULL, "one.example", 1, 10), 10);
    rate_free(&r);
}

static void neighbours_share_a_wider_bucket(void **state)
{
    (void)state;
    struct rate *r = rate_new(10);
    unsigned passed = 0;
    char address[32];
    for (int i = 1; i <= 20; i++) {
        snprintf(address, sizeof address, "192.0.2.%d", i);
        passed += burst(r, address, 1, 200);
    }
    assert_int_equal(passed, 10 * RATE_BURST * RATE_WIDE);
    assert_int_equal(burst(r, "192.0.3.1", 1, 200), 10 * RATE_BURST);
    rate_free(&r);
}

static void v6_networks_are_56_and_48_bits(void **state)
{
    (void)state;
    struct rate *r = rate_new(10);
    assert_int_equal(burst(r, "2001:db8:0:100::1", 1, 200), 100);
    assert_int_equal(burst(r, "2001:db8:0:1ff:2::2", 1, 200), 0);
    assert_int_equal(burst(r, "2001:db8:0:200::1", 1, 200), 100);
    unsigned passed = 200;
    char address[48];
    for (int i = 3; i < 20; i++) {
        snprintf(address, sizeof address, "2001:db8:0:%x00::1", i);
        passed += burst(r, address, 1, 200);
    }
    assert_int_equal(passed, 800);
    assert_int_equal(burst(r, "2001:db8:1::1", 1, 200), 100);
    rate_free(&r);
}

static void many_at_once_are_all_or_none(void **state)
{
    (void)state;
    struct rate *r = rate_new(10);
    struct ip ip = ip_of("192.0.2.1");
    assert_true(rate_take(r, &ip, 1, 64));
    assert_false(rate_take(r, &ip, 1, 64));
    assert_true(rate_take(r, &ip, 1, 36));
    assert_false(rate_take(r, &ip, 1, 1));
    rate_free(&r);
}

static void no_limit_is_none(void **state)
{
    (void)state;
    struct rate *r = rate_new(0);
    struct ip local = {.len = 0};
    assert_int_equal(burst(r, "192.0.2.1", 1, 5000), 5000);
    assert_int_equal(burst(NULL, "192.0.2.1", 1, 5000), 5000);
    rate_free(&r);
    r = rate_new(1);
    for (int i = 0; i < 100; i++)
        assert_true(rate_take(r, &local, 1, 1));
    rate_free(&r);
}

/* A bucket that is full is not given away while an emptier one stands beside it. */
static void a_flood_of_networks_does_not_free_the_worst(void **state)
{
    (void)state;
    struct rate *r = rate_new(100);
    assert_int_equal(burst(r, "192.0.2.1", 1, 2000), 1000);
    struct ip ip = {.len = 4, .addr = {10}};
    for (unsigned i = 0; i < 1000000; i++) {
        ip.addr[1] = (uint8_t)(i >> 16);
        ip.addr[2] = (uint8_t)(i >> 8);
        ip.addr[3] = (uint8_t)i;
        rate_take(r, &ip, 1, 1);
    }
    assert_int_equal(burst(r, "192.0.2.1", 1, 2000), 0);
    rate_free(&r);
}

static void a_clock_set_back_shuts_nobody_out(void **state)
{
    (void)state;
    struct rate *r = rate_new(100);
    assert_int_equal(burst(r, "192.0.2.1", 50000000, 5000), 1000);
    assert_int_equal(burst(r, "192.0.2.1", 5000, 5000), 1000);
    rate_free(&r);
}

static void what_was_done_is_charged_and_ends(void **state)
{
    (void)state;
    struct rate *r = rate_new(100);
    struct ip ip = ip_of("192.0.2.1");
    assert_true(rate_take(r, &ip, 5000, 0));
    rate_charge(r, &ip, 5000, 900);
    assert_true(rate_take(r, &ip, 5000, 0));
    rate_charge(r, &ip, 5000, 1000000);
    assert_false(rate_take(r, &ip, 5009, 0));
    assert_true(rate_take(r, &ip, 5010, 0)); /* however much it was */
    rate_charge(NULL, &ip, 5000, 1);
    rate_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_burst_then_the_rate),
        cmocka_unit_test(domains_have_a_rate_each),
        cmocka_unit_test(neighbours_share_a_wider_bucket),
        cmocka_unit_test(v6_networks_are_56_and_48_bits),
        cmocka_unit_test(many_at_once_are_all_or_none),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(a_flood_of_networks_does_not_free_the_worst),
        cmocka_unit_test(a_clock_set_back_shuts_nobody_out),
        cmocka_unit_test(what_was_done_is_charged_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
