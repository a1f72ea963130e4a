/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers judged and chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/server.h"

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
        held = server_timed_out(s, OVER_UDP, i, now);
}

static void test_one_name_never_holds(void **state)
{
    (void)state;
    struct server s = fresh();
    for (int i = 0; i < 1000; i++)
        assert_false(server_timed_out(&s, OVER_UDP, (uint64_t)i % 2, 0));
    assert_true(server_timed_out(&s, OVER_UDP, 2, 0));
}

static void test_a_stranger_is_held_at_once(void **state)
{
    (void)state;
    struct server s = fresh();
    assert_true(server_broken(&s, 1000));
    assert_false(server_broken(&s, 1001));
    assert_true(s.on_hold);
    assert_false(server_probe_due(&s, 1000 + SERVER_PROBE_MIN - 1));
    assert_true(server_probe_due(&s, 1000 + SERVER_PROBE_MIN));
    assert_true(server_replied(&s, OVER_STREAM, 5, false, 4000));
    assert_true(server_broken(&s, 5000));
}

static void test_the_same_complaint_is_rare(void **state)
{
    (void)state;
    struct server s = fresh();
    assert_true(server_may_complain(&s, 1, 10));
    assert_false(server_may_complain(&s, 1, 10 + SERVER_COMPLAINT - 1));
    assert_true(server_may_complain(&s, 2, 20));
    assert_true(server_may_complain(&s, 1, 30));
    assert_true(server_may_complain(&s, 1, 30 + SERVER_COMPLAINT));
}

static void test_encrypted_goes_over_its_stream(void **state)
{
    (void)state;
    struct server s = fresh();
    assert_int_equal(server_transport(&s, 0), OVER_UDP);
    s.encrypted = true;
    assert_int_equal(server_transport(&s, 0), OVER_STREAM);
}

static void test_few_timeouts_never_hold(void **state)
{
    (void)state;
    struct server s = fresh();
    for (uint64_t i = 0; i < 9; i++)
        assert_false(server_timed_out(&s, OVER_UDP, i, 0));
    server_replied(&s, OVER_UDP, 10, false, 1);
    for (uint64_t i = 0; i < 9; i++)
        assert_false(server_timed_out(&s, OVER_UDP, i, 0));
    assert_true(server_timed_out(&s, OVER_UDP, 9, 0));
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
    assert_true(server_replied(&s, OVER_UDP, 20, false, 1));
    assert_false(s.on_hold);
    assert_false(server_probe_due(&s, now + SERVER_PROBE_MAX));
    assert_false(server_replied(&s, OVER_UDP, 20, false, 1));
}

static void test_transports_apart(void **state)
{
    (void)state;
    struct server s = fresh();
    server_replied(&s, OVER_UDP, 20, false, 1);
    server_timed_out(&s, OVER_STREAM, 1, 2);
    assert_int_equal(path_rtt(&s.path[OVER_UDP]), 20);
    assert_int_equal(s.path[OVER_UDP].loss, 0);
    assert_int_equal(path_rtt(&s.path[OVER_STREAM]), 0);
    assert_true(s.path[OVER_STREAM].loss > 0);
    s.tcp_until = 100;
    assert_int_equal(server_transport(&s, 99), OVER_STREAM);
    assert_int_equal(server_transport(&s, 100), OVER_UDP);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_name_never_holds),
        cmocka_unit_test(test_few_timeouts_never_hold),
        cmocka_unit_test(test_a_stranger_is_held_at_once),
        cmocka_unit_test(test_the_same_complaint_is_rare),
        cmocka_unit_test(test_encrypted_goes_over_its_stream),
        cmocka_unit_test(test_probes_grow_rare),
        cmocka_unit_test(test_transports_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
