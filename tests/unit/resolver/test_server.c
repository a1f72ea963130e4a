/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers judged and chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/server.h"

enum { NO_CHANCE = 1 }; /* a die that does not explore */

static struct server fresh(void)
{
    struct server s;
    union sock_addr a = {.in = {.sin_family = AF_INET}};
    server_init(&s, &a);
    return s;
}

static void hold(struct server *s, int64_t now)
{
    bool held = false;
    for (unsigned i = 0; !held; i++)
        held = server_timed_out(s, i, 400, now);
}

static void test_one_name_never_holds(void **state)
{
    (void)state;
    struct server s = fresh();
    for (int i = 0; i < 1000; i++)
        assert_false(server_timed_out(&s, (uint64_t)i % 2, 400, 0));
    assert_true(server_timed_out(&s, 2, 400, 0));
}

static void test_few_timeouts_never_hold(void **state)
{
    (void)state;
    struct server s = fresh();
    for (uint64_t i = 0; i < 9; i++)
        assert_false(server_timed_out(&s, i, 400, 0));
    server_replied(&s, 10);
    for (uint64_t i = 0; i < 9; i++)
        assert_false(server_timed_out(&s, i, 400, 0));
    assert_true(server_timed_out(&s, 9, 400, 0));
    assert_true(s.on_hold);
}

static void test_probes_grow_rare(void **state)
{
    (void)state;
    struct server s = fresh();
    int64_t now = 5000, step = SERVER_PROBE_MIN;
    assert_false(server_probe_due(&s, now));
    hold(&s, now);
    for (int i = 0; i < 8; i++) {
        assert_false(server_probe_due(&s, now + step - 1));
        assert_true(server_probe_due(&s, now + step));
        now += step;
        step = step * 2 < SERVER_PROBE_MAX ? step * 2 : SERVER_PROBE_MAX;
    }
    assert_true(server_replied(&s, 20));
    assert_false(s.on_hold);
    assert_false(server_probe_due(&s, now + SERVER_PROBE_MAX));
    assert_false(server_replied(&s, 20));
}

static void test_rtt(void **state)
{
    (void)state;
    struct server s = fresh();
    server_replied(&s, 0);
    assert_int_equal(s.rtt, 1);
    for (int i = 0; i < 100; i++)
        server_replied(&s, 80);
    assert_in_range(s.rtt, 79, 81);
    server_timed_out(&s, 1, 400, 0);
    assert_int_equal(s.rtt, 400);
    server_timed_out(&s, 1, 400, 0);
    assert_int_equal(s.rtt, 800);
    /* A penalty is no measurement: the next reply replaces it. */
    server_replied(&s, 80);
    assert_int_equal(s.rtt, 80);
    for (int i = 0; i < 1000; i++)
        server_replied(&s, UINT32_MAX);
    assert_true(s.rtt <= 10000);
}

static void test_choice(void **state)
{
    (void)state;
    struct server s[3] = {fresh(), fresh(), fresh()};
    uint8_t asked[3] = {0};
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), 0); /* nothing known: the configured order */
    s[0].rtt = 30, s[1].rtt = 10, s[2].rtt = 20;
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), 1);
    asked[1] = 1;
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), 2);
    asked[2] = SERVER_EXCLUDED;
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), 0);
    asked[0] = 1;
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), 1);
    asked[0] = asked[1] = SERVER_EXCLUDED;
    assert_int_equal(server_choose(s, 3, asked, NO_CHANCE), -1);
}

static void test_choice_explores(void **state)
{
    (void)state;
    struct server s[3] = {fresh(), fresh(), fresh()};
    uint8_t asked[3] = {0};
    unsigned chosen[3] = {0};
    s[0].rtt = 1, s[1].rtt = s[2].rtt = 500;
    for (uint32_t dice = 0; dice < 60 * SERVER_EXPLORE; dice++)
        chosen[server_choose(s, 3, asked, dice)]++;
    assert_int_equal(chosen[1], 20);
    assert_int_equal(chosen[2], 20);
}

static void test_choice_and_hold(void **state)
{
    (void)state;
    struct server s[2] = {fresh(), fresh()};
    uint8_t asked[2] = {0};
    hold(&s[0], 0);
    for (uint32_t dice = 0; dice < 100; dice++)
        assert_int_equal(server_choose(s, 2, asked, dice), 1);
    hold(&s[1], 0);
    s[1].rtt = s[0].rtt + 1;
    assert_int_equal(server_choose(s, 2, asked, NO_CHANCE), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name_never_holds),
        cmocka_unit_test(test_few_timeouts_never_hold),
        cmocka_unit_test(test_probes_grow_rare),
        cmocka_unit_test(test_rtt),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_choice_explores),
        cmocka_unit_test(test_choice_and_hold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
