/* SPDX-License-Identifier: GPL-3.0-or-later */
/* When the table is stored: a change of state at once, one of mere counters with others. */
#include "sites.h"

#include "steering/ledger.h"

#define M1 "{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"198.51.100.2\"]}"

static unsigned stored;

static bool count_stored(void *self, struct bytes table)
{
    (void)self;
    assert_true(table.len > 0);
    stored++;
    return true;
}

static double due_in(struct ledger *l)
{
    return ev_timer_remaining(l->loop, &l->due);
}

static void begin(struct ledger *l, struct conf *conf, uint64_t interval)
{
    *conf = (struct conf){.steering.probe.interval = interval};
    ledger_init(l, ev_loop_new(EVFLAG_NOENV), conf);
    assert_non_null(l->loop);
    l->addresses = addresses_new(build(&(struct site){.mirrors = "[" M1 "]"}));
    assert_non_null(l->addresses);
    l->store = count_stored;
    stored = 0;
    ledger_count(l, 0, true, PROBE_NONE);
    ledger_count(l, 1, true, PROBE_NONE);
    ledger_store_now(l);
    assert_int_equal(stored, 1);
    assert_false(l->dirty);
}

static void end(struct ledger *l)
{
    struct ev_loop *loop = l->loop;
    ledger_fini(l);
    ev_loop_destroy(loop);
}

static void counters_wait_for_others(void **state)
{
    (void)state;
    struct ledger l;
    struct conf conf;
    begin(&l, &conf, 300000);
    assert_true(due_in(&l) > 50);
    ledger_count(&l, 0, false, (enum probe_failure)FETCH_TIMEOUT);
    assert_true(l.dirty && due_in(&l) > 9 && due_in(&l) <= 10);
    ledger_flush(&l);
    assert_int_equal(stored, 2);
    end(&l);
}

static void a_state_does_not_wait(void **state)
{
    (void)state;
    struct ledger l;
    struct conf conf;
    begin(&l, &conf, 300000);
    for (int i = 0; i < HEALTH_DOWN_AFTER; i++)
        ledger_count(&l, 0, false, (enum probe_failure)FETCH_TIMEOUT);
    assert_true(l.dirty && due_in(&l) <= 0.5);
    /* Nor is it put off by a counter that changes after it. */
    ledger_count(&l, 1, false, (enum probe_failure)FETCH_TIMEOUT);
    assert_true(due_in(&l) <= 0.5);
    end(&l);
}

static void counters_keep_up_with_quick_probes(void **state)
{
    (void)state;
    struct ledger l;
    struct conf conf;
    begin(&l, &conf, 1000);
    ledger_count(&l, 0, false, (enum probe_failure)FETCH_TIMEOUT);
    assert_true(l.dirty && due_in(&l) <= 0.5);
    end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_wait_for_others),
        cmocka_unit_test(a_state_does_not_wait),
        cmocka_unit_test(counters_keep_up_with_quick_probes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
