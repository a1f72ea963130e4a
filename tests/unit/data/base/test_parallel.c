/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every turn is taken once, on more than one thread where there is more than one processor. */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <cmocka.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include "data/base/parallel.h"

enum { TURNS = 1000 };

static unsigned taken[TURNS + 1];

static void take(void *self, size_t i)
{
    unsigned *count = self;
    count[i]++;
}

static void every_turn_is_taken_once(void **state)
{
    (void)state;
    parallel_each(TURNS, take, taken);
    for (size_t i = 0; i < TURNS; i++)
        assert_int_equal(taken[i], 1);
    assert_int_equal(taken[TURNS], 0);
    parallel_each(0, take, taken);
    assert_int_equal(taken[0], 1);
}

/* The first two turns wait for each other: that ends only if they are taken at the same time. */
static void meet(void *self, size_t i)
{
    atomic_uint *here = self;
    (void)i;
    atomic_fetch_add(here, 1);
    while (atomic_load(here) < 2)
        sched_yield();
}

static void turns_are_taken_at_the_same_time(void **state)
{
    (void)state;
    cpu_set_t set;
    atomic_uint here = 0;
    assert_int_equal(sched_getaffinity(0, sizeof set, &set), 0);
    if (CPU_COUNT(&set) < 2)
        skip();
    parallel_each(2, meet, &here);
    assert_int_equal(atomic_load(&here), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_turn_is_taken_once),
        cmocka_unit_test(turns_are_taken_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
