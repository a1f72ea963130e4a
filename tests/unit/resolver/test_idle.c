/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long connections may be idle. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/idle.h"

static void test_what_is_told_holds(void **state)
{
    (void)state;
    struct idle i;
    idle_init(&i);
    assert_int_equal(idle_limit(&i), IDLE_FIRST);
    idle_told(&i, 300);
    assert_int_equal(idle_limit(&i), 30000);
    idle_told(&i, 20);
    assert_int_equal(idle_limit(&i), 2000);
    idle_told(&i, 0);
    assert_int_equal(idle_limit(&i), 0);
    idle_told(&i, UINT16_MAX);
    assert_int_equal(idle_limit(&i), IDLE_MOST);
}

static void test_what_is_done_counts_more(void **state)
{
    (void)state;
    struct idle i;
    idle_init(&i);
    idle_told(&i, 600);
    idle_cut(&i, 2000);
    assert_int_equal(idle_limit(&i), 1500);
    idle_told(&i, 600); /* the same words again */
    assert_int_equal(idle_limit(&i), 1500);
    idle_cut(&i, 5000); /* later than we would have closed */
    assert_int_equal(idle_limit(&i), 1500);
    idle_cut(&i, 0);
    assert_int_equal(idle_limit(&i), IDLE_LEAST);
}

static void test_it_grows_again(void **state)
{
    (void)state;
    struct idle i;
    idle_init(&i);
    idle_cut(&i, 1000);
    uint32_t before = idle_limit(&i);
    idle_lived(&i);
    assert_true(idle_limit(&i) > before);
    for (int n = 0; n < 100; n++)
        idle_lived(&i);
    assert_int_equal(idle_limit(&i), IDLE_MOST);
    idle_told(&i, 50);
    for (int n = 0; n < 100; n++)
        idle_lived(&i);
    assert_int_equal(idle_limit(&i), 5000);
}

/* What a NAT forgot was idle for long; one that died after a second says nothing about idleness. */
static void test_what_is_forgotten(void **state)
{
    (void)state;
    struct idle i;
    idle_init(&i);
    idle_told(&i, 600);
    idle_forgotten(&i, 1000);
    assert_int_equal(idle_limit(&i), 60000);
    idle_forgotten(&i, 40000);
    assert_int_equal(idle_limit(&i), 30000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_told_holds),
        cmocka_unit_test(test_what_is_done_counts_more),
        cmocka_unit_test(test_it_grows_again),
        cmocka_unit_test(test_what_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
