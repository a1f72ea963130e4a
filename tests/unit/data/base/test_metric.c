/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pages are summed or maximised, retired pages keep their counters, and the text is Prometheus'. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/base/metric.h"

static struct metric_page one, two;
static const struct metric_page *const pages[] = {&one, &two};

static int clear(void **state)
{
    (void)state;
    memset(&one, 0, sizeof one);
    memset(&two, 0, sizeof two);
    return 0;
}

static void count_on(struct metric_page *page, enum metric m, uint64_t n)
{
    metric_use_page(page);
    metric_add(m, n);
    metric_use_page(NULL);
}

static void sums_and_maximises(void **state)
{
    (void)state;
    count_on(&one, METRIC_CACHE_MISS, 2);
    count_on(&two, METRIC_CACHE_MISS, 3);
    count_on(&one, METRIC_LIST_VERSION, 7);
    count_on(&two, METRIC_LIST_VERSION, 5);
    assert_int_equal(metric_total(METRIC_CACHE_MISS, pages, 2), 5);
    assert_int_equal(metric_total(METRIC_LIST_VERSION, pages, 2), 7);
}

static void the_dead_leave_counters_not_gauges(void **state)
{
    (void)state;
    count_on(&one, METRIC_CACHE_MISS, 2);
    count_on(&one, METRIC_CONN_OPEN, 9);
    one.refusal[3] = 4;
    one.reason[REASON_STEERED] = 4;
    metric_retire(&one, &two);
    assert_int_equal(two.value[METRIC_CACHE_MISS], 2);
    assert_int_equal(two.value[METRIC_CONN_OPEN], 0);
    assert_int_equal(two.refusal[3], 4);
    assert_int_equal(two.reason[REASON_STEERED], 4);
    assert_int_equal(one.value[METRIC_CACHE_MISS], 0);
}

static void text_names_each_metric_once(void **state)
{
    (void)state;
    static char text[65536];
    count_on(&one, METRIC_CONN_TLS, 3);
    two.reason[REASON_CACHED] = 6;
    one.refusal[1] = 2;
    two.refusal[1] = 1;
    struct writer w = writer_of(text, sizeof text - 1);
    metric_format(&w, pages, 2);
    assert_false(w.full);
    text[w.len] = 0;
    assert_non_null(strstr(text, "\npolynya_connections_total{transport=\"tls\"} 3\n"));
    assert_non_null(strstr(text, "\npolynya_answers_total{reason=\"cached\"} 6\n"));
    assert_non_null(strstr(text, "\npolynya_list_refusals_total{why=\"unreadable\"} 3\n"));
    assert_null(strstr(text, "why=\"none\""));
    const char *first = strstr(text, "# TYPE polynya_connections_total counter\n");
    assert_non_null(first);
    assert_null(strstr(first + 1, "# TYPE polynya_connections_total "));
}

static void reasons_are_whole(void **state)
{
    (void)state;
    for (int r = 0; r < REASON_COUNT; r++) {
        const struct reason_row *row = reason_row((enum reason)r);
        assert_in_range(row->http, 200, 505);
        assert_true(row->label && *row->label && row->text);
        /* Only what may also befall a question without HTTP around it has an RCODE for it. */
        assert_true(row->http == 200 || row->rcode == 0 || r == REASON_RATE);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(sums_and_maximises, clear),
        cmocka_unit_test_setup(the_dead_leave_counters_not_gauges, clear),
        cmocka_unit_test_setup(text_names_each_metric_once, clear),
        cmocka_unit_test(reasons_are_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
