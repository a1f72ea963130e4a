/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Paths measured, and choices among simulated servers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "resolver/select.h"

enum { NO_CHANCE = 1 }; /* a die that does not explore */

static struct path measured(int64_t rtt)
{
    struct path p = {0};
    for (int i = 0; i < 50; i++)
        path_replied(&p, rtt, false, 1000);
    return p;
}

static void test_round_trips(void **state)
{
    (void)state;
    struct path p = {0};
    path_replied(&p, 0, false, 5);
    assert_int_equal(path_rtt(&p), 1);
    for (int i = 0; i < 100; i++)
        path_replied(&p, 80, false, 6);
    assert_in_range(path_rtt(&p), 79, 80);
    assert_in_range(path_hedge(&p), 79, 100); /* steady: a little more than usual is late */
    for (int i = 0; i < 1000; i++)
        path_replied(&p, INT64_MAX, false, 7);
    assert_true(path_rtt(&p) <= PATH_RTT_MAX);
    assert_int_equal(path_hedge(&p), PATH_HEDGE_MAX);
    for (int i = 0; i < 1000; i++)
        path_replied(&p, 1, false, 8);
    assert_int_equal(path_rtt(&p), 1);
    assert_int_equal(path_hedge(&p), PATH_HEDGE_MIN);
}

static void test_a_cold_connection_is_no_measure(void **state)
{
    (void)state;
    struct path p = {0};
    path_replied(&p, 90, true, 5);
    assert_int_equal(path_rtt(&p), 90); /* better than nothing */
    p = measured(10);
    for (int i = 0; i < 50; i++)
        path_replied(&p, 90, true, 6);
    assert_in_range(path_rtt(&p), 9, 10);
}

static void test_losses(void **state)
{
    (void)state;
    struct path p = measured(10);
    assert_true(path_proven(&p, 0));
    path_lost(&p);
    assert_false(path_proven(&p, 0));
    for (int i = 0; i < 200; i++)
        path_lost(&p);
    assert_in_range(path_cost(&p), PATH_LOSS_COST - 20, PATH_LOSS_COST + 20);
    for (int i = 0; i < 50; i++)
        path_replied(&p, 10, false, 2000);
    assert_in_range(path_cost(&p), 9, 12);
    assert_true(path_proven(&p, 2000));
    assert_false(path_proven(&p, 2001));
}

static void test_outrun(void **state)
{
    (void)state;
    struct path p = measured(10);
    path_outrun(&p, 5); /* it might have taken the usual 10 */
    assert_in_range(path_rtt(&p), 9, 10);
    for (int i = 0; i < 50; i++)
        path_outrun(&p, 200);
    assert_true(path_rtt(&p) > 150);
}

static void test_choice(void **state)
{
    (void)state;
    struct path p[3] = {{0}, {0}, {0}};
    struct candidate c[3] = {{&p[0], 0, false}, {&p[1], 0, false}, {&p[2], 0, false}};
    assert_int_equal(select_best(c, 3), 0); /* nothing known: the configured order */
    p[1] = measured(10), p[2] = measured(20);
    assert_int_equal(select_best(c, 3), 1); /* known to be good before unknown */
    c[1].asked = 1;
    assert_int_equal(select_best(c, 3), 2);
    c[2].asked = SELECT_EXCLUDED;
    assert_int_equal(select_best(c, 3), 0);
    c[0].asked = 1;
    assert_int_equal(select_best(c, 3), 1);
    c[1].held = true;
    assert_int_equal(select_best(c, 3), 0);
    c[0].asked = SELECT_EXCLUDED;
    assert_int_equal(select_best(c, 3), 1); /* the last one, even if held */
    c[1].asked = SELECT_EXCLUDED;
    assert_int_equal(select_best(c, 3), -1);
}

static void test_exploration(void **state)
{
    (void)state;
    struct path p[3] = {measured(10), measured(50), measured(500)};
    struct candidate c[3] = {{&p[0], 0, false}, {&p[1], 0, false}, {&p[2], 0, false}};
    unsigned chosen[3] = {0};
    for (uint32_t dice = 0; dice < 60 * SELECT_EXPLORE; dice++) {
        int i = select_explored(c, 3, 0, dice);
        if (i >= 0)
            chosen[i]++;
    }
    assert_int_equal(chosen[0], 0);
    assert_int_equal(chosen[1], 30);
    assert_int_equal(chosen[2], 30);
    memset(&p[2], 0, sizeof p[2]);
    assert_int_equal(select_explored(c, 3, 0, NO_CHANCE), 2); /* never heard of: at once */
    path_lost(&p[2]);
    assert_int_equal(select_explored(c, 3, 0, NO_CHANCE), -1); /* heard of, if only silence */
    c[1].held = c[2].held = true;
    assert_int_equal(select_explored(c, 3, 0, 0), -1); /* those on hold are probed otherwise */
}

/* --- a world of servers, in its own time --- */

struct world {
    struct path path[4];
    int64_t delay[4]; /* ms; negative: never answers */
    unsigned loss[4]; /* percent of the answers that are lost */
    unsigned asked[4];
    unsigned count;
    uint32_t random;
    int64_t now;
};

static uint32_t roll(struct world *w)
{
    w->random = w->random * 1664525 + 1013904223;
    return w->random >> 8;
}

/* When server i answers, ms after it was asked; INT64_MAX for never. */
static int64_t reply_of(struct world *w, int i)
{
    w->asked[i]++;
    bool lost = w->delay[i] < 0 || roll(w) % 100 < w->loss[i];
    return lost ? INT64_MAX : w->delay[i] + roll(w) % 3;
}

static void note(struct world *w, int i, int64_t rtt, int64_t waited)
{
    if (rtt <= waited)
        path_replied(&w->path[i], rtt, false, w->now);
    else if (waited >= PATH_HEDGE_MAX)
        path_lost(&w->path[i]);
    else
        path_outrun(&w->path[i], waited);
}

/* One lookup as exchange.c does it, with a hedge. How long the reader waits. */
static int64_t look_up(struct world *w)
{
    struct candidate c[4];
    for (unsigned i = 0; i < w->count; i++)
        c[i] = (struct candidate){&w->path[i], 0, false};
    int first = select_best(c, w->count);
    int other = select_explored(c, w->count, first, roll(w));
    if (other >= 0)
        note(w, other, reply_of(w, other), PATH_HEDGE_MAX);
    int64_t hedge = path_hedge(&w->path[first]), rtt = reply_of(w, first), done = rtt;
    if (rtt > hedge) {
        c[first].asked = 1;
        int second = select_best(c, w->count);
        int64_t later = reply_of(w, second);
        if (later < INT64_MAX && hedge + later < done)
            done = hedge + later;
        note(w, second, later, done < INT64_MAX ? done - hedge : PATH_HEDGE_MAX);
    }
    int64_t waited = done < INT64_MAX ? done : PATH_HEDGE_MAX;
    note(w, first, rtt, waited);
    w->now += waited;
    return done;
}

static void run(struct world *w, unsigned lookups, int64_t worst)
{
    memset(w->asked, 0, sizeof w->asked);
    for (unsigned i = 0; i < lookups; i++)
        assert_true(look_up(w) <= worst);
}

static void test_the_fastest_gets_the_most(void **state)
{
    (void)state;
    struct world w = {.count = 3, .delay = {80, 10, 40}, .now = 1000};
    run(&w, 2000, PATH_HEDGE_MAX);
    assert_true(w.asked[1] > 1900);
    /* The others are looked at, but rarely. */
    assert_in_range(w.asked[0], 10, 200);
    assert_in_range(w.asked[2], 10, 200);
}

static void test_a_dead_one_costs_one_hedge(void **state)
{
    (void)state;
    struct world w = {.count = 3, .delay = {10, 30, 50}, .now = 1000};
    run(&w, 200, PATH_HEDGE_MAX);
    w.delay[0] = -1;
    run(&w, 200, PATH_HEDGE_MIN + 40 + 32);
    assert_true(w.asked[0] < 40);
    w.delay[0] = 10; /* and its return is noticed */
    run(&w, 4000, PATH_HEDGE_MAX);
    assert_true(w.asked[0] > 2000);
}

static void test_one_that_slows_down_is_left(void **state)
{
    (void)state;
    struct world w = {.count = 2, .delay = {10, 30}, .now = 1000};
    run(&w, 200, PATH_HEDGE_MAX);
    w.delay[0] = 300;
    run(&w, 300, PATH_HEDGE_MAX + 32);
    assert_true(w.asked[0] < 60);
}

static void test_one_that_loses_half_is_left(void **state)
{
    (void)state;
    struct world w = {.count = 2, .delay = {5, 30}, .loss = {50, 0}, .now = 1000};
    run(&w, 1000, PATH_HEDGE_MAX);
    assert_true(w.asked[1] > 800);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trips),
        cmocka_unit_test(test_a_cold_connection_is_no_measure),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_outrun),
        cmocka_unit_test(test_choice),
        cmocka_unit_test(test_exploration),
        cmocka_unit_test(test_the_fastest_gets_the_most),
        cmocka_unit_test(test_a_dead_one_costs_one_hedge),
        cmocka_unit_test(test_one_that_slows_down_is_left),
        cmocka_unit_test(test_one_that_loses_half_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
