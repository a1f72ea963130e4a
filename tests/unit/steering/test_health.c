/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The counters, result by result, and the table: what goes in comes out, and no damaged one is opened. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "steering/health.h"

#define NOW INT64_C(1795478917)

/* Counts results, "+" and "-", a second apart. */
static struct health_record after(const char *results)
{
    struct health_record r = {0};
    for (int64_t at = NOW; *results; results++)
        health_count(&r, *results == '+', at++);
    return r;
}

static void counters_are_gdnsds(void **state)
{
    (void)state;
    const struct {
        const char *results;
        enum health_state state;
        unsigned until;
    } cases[] = {
        {"", HEALTH_UNKNOWN, 1},
        {"+", HEALTH_UP, 3},
        {"-", HEALTH_DOWN, 3},
        {"+-", HEALTH_UP, 2},
        {"+--", HEALTH_UP, 1},
        {"+---", HEALTH_DOWN, 3},
        {"-+", HEALTH_DOWN, 2},
        {"-++", HEALTH_DOWN, 1},
        {"-+++", HEALTH_UP, 3},
        {"-++-", HEALTH_DOWN, 3},
        {"-++-++", HEALTH_DOWN, 1},
        {"-++-+++", HEALTH_UP, 3},
        /* Failures add up however far apart they are, unless five successes in a row lie between. */
        {"+-++++-++++-", HEALTH_DOWN, 3},
        {"+-+++++--", HEALTH_UP, 1},
        {"+--+++++--+++++--", HEALTH_UP, 1},
        {"+--++++-", HEALTH_DOWN, 3},
        {"++++++++++---", HEALTH_DOWN, 3},
        /* Coming up starts with a clean sheet. */
        {"+---+++--", HEALTH_UP, 1},
        {"-----------+++", HEALTH_UP, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct health_record r = after(cases[i].results);
        if (r.state != cases[i].state || health_until_change(&r) != cases[i].until)
            fail_msg("%s: state %u, %u until it changes", cases[i].results, r.state, health_until_change(&r));
    }
}

/* One result in two fails: it goes down once, and stays there. */
static void flapping_changes_state_once(void **state)
{
    (void)state;
    struct health_record r = {0};
    unsigned changes = 0;
    for (int i = 0; i < 1000; i++)
        changes += health_count(&r, i % 2 == 0, NOW + i);
    assert_int_equal(r.state, HEALTH_DOWN);
    assert_int_equal(changes, 2); /* the first result, and down */
    /* One in six: five successes clear each failure, and it stays up. */
    r = (struct health_record){0};
    changes = 0;
    for (int i = 0; i < 1000; i++)
        changes += health_count(&r, i % 6 != 5, NOW + i);
    assert_int_equal(r.state, HEALTH_UP);
    assert_int_equal(changes, 1);
}

static void times_and_proof_are_kept(void **state)
{
    (void)state;
    struct health_record r = {.failure = 9};
    assert_true(health_count(&r, false, NOW));
    assert_int_equal(r.since, NOW);
    assert_int_equal(r.failure, 9);
    assert_int_equal(r.proved, 0);
    assert_false(health_count(&r, true, NOW + 1));
    assert_int_equal(r.since, NOW);
    assert_int_equal(r.checked, NOW + 1);
    assert_int_equal(r.proved, 1);
    assert_int_equal(r.failure, 9);
    health_count(&r, true, NOW + 2);
    assert_true(health_count(&r, true, NOW + 3));
    assert_int_equal(r.since, NOW + 3);
    assert_int_equal(r.failure, 0);
    assert_int_equal(r.last_good, HEALTH_UP);
    for (int i = 0; i < 3; i++)
        health_count(&r, false, NOW + 4);
    assert_int_equal(r.last_good, HEALTH_DOWN);
    assert_int_equal(r.proved, 1);
}

static void a_restart_keeps_states_for_ten_minutes(void **state)
{
    (void)state;
    struct health_record r = after("+-"), same = r;
    health_resume(&r, NOW, NOW + HEALTH_KEEP - 1);
    assert_memory_equal(&r, &same, sizeof r);
    health_resume(&r, NOW, NOW + HEALTH_KEEP);
    assert_int_equal(r.state, HEALTH_UNKNOWN);
    assert_int_equal(r.last_good, HEALTH_UP);
    assert_int_equal(r.proved, 1);
    assert_int_equal(health_until_change(&r), 1);
    assert_false(health_usable(&r, false));
    assert_true(health_usable(&r, true));
    /* A second restart before any probe remembers as much. */
    health_resume(&r, NOW, NOW + 86400);
    assert_int_equal(r.last_good, HEALTH_UP);
    /* The clock went far back: nobody knows how old it is. */
    r = after("+");
    health_resume(&r, NOW + HEALTH_KEEP - 1, NOW);
    assert_int_equal(r.state, HEALTH_UP);
    health_resume(&r, NOW + HEALTH_KEEP, NOW);
    assert_int_equal(r.state, HEALTH_UNKNOWN);
}

static void force_stands_before_everything(void **state)
{
    (void)state;
    struct health_record r = after("-");
    assert_false(health_usable(&r, false) || health_usable(&r, true));
    r.forced = HEALTH_FORCED_UP;
    assert_true(health_usable(&r, false) && health_usable(&r, true));
    r = after("+");
    r.forced = HEALTH_FORCED_DOWN;
    assert_false(health_usable(&r, false) || health_usable(&r, true));
    r.forced = HEALTH_NOT_FORCED;
    assert_true(health_usable(&r, false));
    assert_false(health_usable(&(struct health_record){0}, false));
}

static void ttl_lasts_until_counters_can_tell(void **state)
{
    (void)state;
    struct health_head head = {.interval = 30};
    struct health_record r = after("+--");
    assert_int_equal(health_ttl(&head, &r), 30);
    r = after("+");
    assert_int_equal(health_ttl(&head, &r), 90);
    head.interval = UINT32_MAX;
    assert_int_equal(health_ttl(&head, &r), UINT32_MAX);
    head.interval = 30;
    r.forced = HEALTH_FORCED_UP;
    assert_int_equal(health_ttl(&head, &r), UINT32_MAX);
    r.forced = HEALTH_NOT_FORCED;
    head.published = 1;
    assert_int_equal(health_ttl(&head, &r), UINT32_MAX);
}

/* ---- the table ---- */

enum { RECORDS = 3, LEN = sizeof(struct health_head) + RECORDS * sizeof(struct health_record) };

static void make(uint8_t *block)
{
    struct health_head head = {
        .count = RECORDS, .view = 77, .stored = NOW, .interval = 30, .uplink = HEALTH_UPLINK_WORKS};
    struct health_record r[RECORDS] = {after("+"), after("-"), {0}};
    memcpy(block, &head, sizeof head);
    memcpy(block + sizeof head, r, sizeof r);
    health_seal(block);
}

/* A heap block of just that length, so that ASan sees a read past it. */
static struct health *open_copy(const uint8_t *block, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, block, len);
    struct health *h = health_open(copy, len);
    if (!h)
        free(copy);
    return h;
}

static void what_goes_in_comes_out(void **state)
{
    (void)state;
    _Alignas(8) uint8_t block[LEN];
    make(block);
    struct health *h = open_copy(block, LEN);
    assert_non_null(h);
    assert_int_equal(health_head(h)->view, 77);
    assert_int_equal(health_head(h)->interval, 30);
    assert_int_equal(health_at(h, 0)->state, HEALTH_UP);
    assert_int_equal(health_at(h, 1)->state, HEALTH_DOWN);
    assert_int_equal(health_at(h, 2)->state, HEALTH_UNKNOWN);
    assert_null(health_at(h, RECORDS));
    assert_null(health_at(h, UINT32_MAX));
    health_free(&h);
    assert_null(h);
    health_free(&h);
}

static void an_empty_table_opens(void **state)
{
    (void)state;
    struct health_head head = {.view = 1};
    health_seal((uint8_t *)&head);
    struct health *h = open_copy((uint8_t *)&head, sizeof head);
    assert_non_null(h);
    assert_null(health_at(h, 0));
    health_free(&h);
}

static void damage_is_noticed(void **state)
{
    (void)state;
    _Alignas(8) uint8_t block[LEN + 1] = {0};
    make(block);
    for (size_t i = 0; i < LEN; i++) {
        block[i] ^= 0x40;
        assert_null(open_copy(block, LEN));
        block[i] ^= 0x40;
        assert_null(open_copy(block, i));
    }
    assert_null(open_copy(block, LEN + 1));
}

/* Under a good checksum too: what no counter can reach is refused, for it would be counted on from there. */
static void impossible_records_are_refused(void **state)
{
    (void)state;
    const struct health_record bad[] = {
        {.state = HEALTH_DOWN + 1},
        {.last_good = HEALTH_DOWN + 1},
        {.forced = HEALTH_FORCED_DOWN + 1},
        {.proved = 2},
        {.state = HEALTH_UP, .failures = HEALTH_DOWN_AFTER},
        {.state = HEALTH_UP, .successes = HEALTH_CLEAR_AFTER},
        {.state = HEALTH_DOWN, .successes = HEALTH_UP_AFTER},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        _Alignas(8) uint8_t block[LEN];
        make(block);
        memcpy(block + LEN - sizeof *bad, &bad[i], sizeof *bad);
        health_seal(block);
        if (open_copy(block, LEN))
            fail_msg("record %zu was taken", i);
    }
    _Alignas(8) uint8_t block[LEN];
    make(block);
    ((struct health_head *)(void *)block)->uplink = HEALTH_UPLINK_DEAD + 1;
    health_seal(block);
    assert_null(open_copy(block, LEN));
    make(block);
    ((struct health_head *)(void *)block)->stored = INT64_MAX;
    health_seal(block);
    assert_null(open_copy(block, LEN));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_are_gdnsds),
        cmocka_unit_test(flapping_changes_state_once),
        cmocka_unit_test(times_and_proof_are_kept),
        cmocka_unit_test(a_restart_keeps_states_for_ten_minutes),
        cmocka_unit_test(force_stands_before_everything),
        cmocka_unit_test(ttl_lasts_until_counters_can_tell),
        cmocka_unit_test(what_goes_in_comes_out),
        cmocka_unit_test(an_empty_table_opens),
        cmocka_unit_test(damage_is_noticed),
        cmocka_unit_test(impossible_records_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
