/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The budget of useless frames: spent, earned by requests and by time, and never more than it began with. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "resolver/net/h2_budget.h"

static void spent_and_earned(void **state)
{
    (void)state;
    struct h2_budget b;
    h2_budget_init(&b, 100);
    int full = b.left;
    h2_budget_earn(&b, 50);
    assert_int_equal(b.left, full);
    h2_budget_spend(&b, full - 1);
    assert_true(h2_budget_holds(&b, 100));
    h2_budget_spend(&b, 1);
    assert_false(h2_budget_holds(&b, 100));
    assert_true(h2_budget_holds(&b, 101));
    h2_budget_spend(&b, full);
    assert_false(h2_budget_holds(&b, 101));
    assert_true(h2_budget_holds(&b, 1e9));
    assert_in_range(b.left, 1, full);
}

static void bytes_without_a_request(void **state)
{
    (void)state;
    struct h2_budget b;
    h2_budget_init(&b, 0);
    b.useless = 1024 * 1024;
    assert_true(h2_budget_holds(&b, 0));
    b.useless++;
    assert_false(h2_budget_holds(&b, 1e9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spent_and_earned),
        cmocka_unit_test(bytes_without_a_request),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
