/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When failures count, without canaries: at once, later or never. Canaries have wire tests. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "steering/uplink.h"

struct fixture {
    struct uplink u;
    struct conf conf;
    struct uplink_held held[4];
    unsigned counted, dropped; /* failures */
    unsigned changes;
};

static void on_settle(void *self, struct uplink_held *held, bool counts)
{
    struct fixture *f = self;
    assert_true(link_empty(&held->link));
    *(counts ? &f->counted : &f->dropped) += held->failures;
}

static void on_change(void *self, enum health_uplink state)
{
    struct fixture *f = self;
    assert_int_equal(state, f->u.state);
    f->changes++;
}

static void init(struct fixture *f)
{
    *f = (struct fixture){0};
    uplink_init(&f->u, NULL, &f->conf, NULL);
    f->u.settle = on_settle;
    f->u.changed = on_change;
    f->u.self = f;
    for (size_t i = 0; i < 4; i++)
        link_init(&f->held[i].link);
}

static void with_few_sites_failures_count_at_once(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    uplink_failed(&f.u, &f.held[0], 4, UPLINK_SITES_MIN - 1);
    assert_int_equal(f.counted, 1);
    assert_int_equal(f.u.state, HEALTH_UPLINK_UNKNOWN);
    f.u.state = HEALTH_UPLINK_DEAD; /* of when there were more sites */
    uplink_failed(&f.u, &f.held[0], 4, UPLINK_SITES_MIN - 1);
    assert_int_equal(f.counted, 2);
    assert_int_equal(f.u.state, HEALTH_UPLINK_UNKNOWN);
}

static void failures_wait_for_a_success(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    uplink_failed(&f.u, &f.held[0], 4, 3);
    uplink_failed(&f.u, &f.held[0], 4, 3);
    uplink_failed(&f.u, &f.held[1], 4, 3);
    assert_int_equal(f.counted + f.dropped, 0);
    uplink_proved(&f.u);
    assert_int_equal(f.counted, 3);
    assert_int_equal(f.u.state, HEALTH_UPLINK_WORKS);
    uplink_proved(&f.u);
    assert_int_equal(f.counted, 3);
    assert_int_equal(f.changes, 1);
}

static void all_failing_is_the_uplink(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    for (size_t round = 0; round < 2; round++)
        for (size_t i = 0; i < 4; i++)
            uplink_failed(&f.u, &f.held[i], 4, 3);
    assert_int_equal(f.u.state, HEALTH_UPLINK_DEAD);
    assert_int_equal(f.counted, 0);
    assert_int_equal(f.dropped, 8);
    uplink_proved(&f.u);
    assert_int_equal(f.counted, 0);
    uplink_failed(&f.u, &f.held[1], 4, 3);
    uplink_proved(&f.u);
    assert_int_equal(f.counted, 1);
    assert_int_equal(f.changes, 2);
}

static void what_is_gone_is_forgotten(void **state)
{
    (void)state;
    struct fixture f;
    init(&f);
    for (size_t i = 0; i < 3; i++)
        uplink_failed(&f.u, &f.held[i], 4, 3);
    uplink_forget(&f.u, &f.held[1]);
    uplink_forget(&f.u, &f.held[1]);
    uplink_failed(&f.u, &f.held[3], 4, 3);
    assert_int_equal(f.u.state, HEALTH_UPLINK_UNKNOWN);
    uplink_proved(&f.u);
    assert_int_equal(f.counted, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(with_few_sites_failures_count_at_once),
                                       cmocka_unit_test(failures_wait_for_a_success),
                                       cmocka_unit_test(all_failing_is_the_uplink),
                                       cmocka_unit_test(what_is_gone_is_forgotten)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
