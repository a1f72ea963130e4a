/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Remembered failures: growth, end, and bounds, with time as an argument. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/failure.h"

static struct failure_table table;

static void test_grows_and_is_bounded(void **state)
{
    (void)state;
    int64_t now = 1000000;
    failure_init(&table, 1000, 6000);
    const int64_t holds[] = {1000, 2000, 4000, 6000, 6000};
    for (size_t i = 0; i < sizeof holds / sizeof *holds; i++) {
        assert_int_equal(failure_holds(&table, 7, now), REASON_OK);
        failure_note(&table, 7, REASON_UPSTREAM_DEAD, now);
        assert_int_equal(failure_holds(&table, 7, now), REASON_UPSTREAM_DEAD);
        assert_int_equal(failure_holds(&table, 7, now + holds[i] - 1), REASON_UPSTREAM_DEAD);
        assert_int_equal(failure_holds(&table, 7, now + holds[i]), REASON_OK);
        now += holds[i];
    }
}

static void test_answer_ends_it(void **state)
{
    (void)state;
    failure_init(&table, 1000, 6000);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 0);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 1000);
    failure_clear(&table, 7);
    assert_int_equal(failure_holds(&table, 7, 1001), REASON_OK);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 1001);
    assert_int_equal(failure_holds(&table, 7, 2000), REASON_UPSTREAM_DEAD);
    assert_int_equal(failure_holds(&table, 7, 2001), REASON_OK);
}

static void test_old_failure_is_forgotten(void **state)
{
    (void)state;
    failure_init(&table, 1000, 6000);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 0);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 1000); /* held until 3000 */
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 9000);
    assert_int_equal(failure_holds(&table, 7, 10000), REASON_OK);
}

static void test_questions_are_apart(void **state)
{
    (void)state;
    failure_init(&table, 1000, 6000);
    failure_note(&table, 7, REASON_UPSTREAM_DEAD, 0);
    assert_int_equal(failure_holds(&table, 8, 1), REASON_OK);
    assert_int_equal(failure_holds(&table, 7 + FAILURE_SETS, 1), REASON_OK);
    assert_int_equal(failure_holds(&table, 0, 1), REASON_OK); /* free entries are nobody's failure */
    failure_note(&table, 0, REASON_UPSTREAM_DEAD, 0);
    assert_int_equal(failure_holds(&table, 0, 1), REASON_UPSTREAM_DEAD);
}

static void test_full_set_drops_what_ends_first(void **state)
{
    (void)state;
    failure_init(&table, 1000, 6000);
    for (int i = 0; i <= FAILURE_WAYS; i++)
        failure_note(&table, 7 + (uint64_t)i * FAILURE_SETS, REASON_UPSTREAM_DEAD, i);
    assert_int_equal(failure_holds(&table, 7, 10), REASON_OK);
    for (int i = 1; i <= FAILURE_WAYS; i++)
        assert_int_equal(failure_holds(&table, 7 + (uint64_t)i * FAILURE_SETS, 10), REASON_UPSTREAM_DEAD);
}

static void test_settings_are_bounded(void **state)
{
    (void)state;
    failure_init(&table, 1000, INT64_MAX);
    int64_t now = 0;
    for (int i = 0; i < 80; i++)
        failure_note(&table, 7, REASON_UPSTREAM_DEAD, now);
    assert_int_equal(failure_holds(&table, 7, now + 299999), REASON_UPSTREAM_DEAD);
    assert_int_equal(failure_holds(&table, 7, now + 300000), REASON_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_grows_and_is_bounded),           cmocka_unit_test(test_answer_ends_it),
        cmocka_unit_test(test_old_failure_is_forgotten),       cmocka_unit_test(test_questions_are_apart),
        cmocka_unit_test(test_full_set_drops_what_ends_first), cmocka_unit_test(test_settings_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
