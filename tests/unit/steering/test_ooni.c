/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OONI's two kinds of answers: what counts for which kind of blocking, whose rows they are, and the bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "steering/ooni.h"

static struct arena arena;
static struct ooni all;
static struct refusal why;

static int begin(void **state)
{
    (void)state;
    arena_init(&arena, 256 << 20);
    why = (struct refusal){0};
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_fini(&arena);
    return 0;
}

static bool read_as(const char *text, const char *domain, const char *country)
{
    return ooni_parse(bytes_str(text), domain, country, &arena, &all, &why);
}

/* The only pair of a text that is good. */
static const struct ooni_pair *only(const char *text)
{
    assert_true(read_as(text, NULL, NULL));
    assert_int_equal(all.count, 1);
    return &all.pairs[0];
}

static void assert_close(double a, double b)
{
    assert_true(a - b < 1e-9 && b - a < 1e-9);
}

#define CELL(count, loni)                                                                                    \
    "{\"probe_cc\":\"RU\",\"domain\":\"a.example\",\"count\":" count ",\"loni\":{" loni "}}"
#define CELLS(rows) "{\"results\":[" rows "]}"
#define ROW(rest)   "{\"probe_cc\":\"RU\",\"domain\":\"a.example\"," rest "}"
#define ROWS(rows)  "{\"result\":[" rows "]}"

static void test_cells_count_by_likelihood(void **state)
{
    (void)state;
    const struct ooni_pair *p =
        only(CELLS(CELL("10", "\"dns_blocked\":0.5,\"tcp_blocked\":0.2,\"tls_blocked\":1") "," CELL(
            "30", "\"dns_blocked\":0.1,\"tcp_blocked\":0,\"tls_blocked\":0.5")));
    assert_close(p->measurements, 40);
    assert_close(p->blocked[OONI_DNS], 10 * 0.5 + 30 * 0.1);
    assert_close(p->blocked[OONI_IP], 2);
    assert_close(p->blocked[OONI_SNI], 10 + 15);
    assert_close(p->untold, 0);
}

static void test_what_is_rather_down_for_everyone_is_not_blocked(void **state)
{
    (void)state;
    const struct ooni_pair *p =
        only(CELLS(CELL("10", "\"dns_blocked\":0.6,\"dns_down\":0.6,\"tcp_blocked\":0.4,\"tcp_down\":0.3,"
                              "\"tls_blocked\":0.2,\"tls_down\":0.9")));
    assert_close(p->blocked[OONI_DNS], 0);
    assert_close(p->blocked[OONI_IP], 4);
    assert_close(p->blocked[OONI_SNI], 0);
}

static void test_the_older_name_of_dns_counts_once(void **state)
{
    (void)state;
    assert_close(only(CELLS(CELL("10", "\"dns_isp_blocked\":0.7")))->blocked[OONI_DNS], 7);
    assert_close(only(CELLS(CELL("10", "\"dns_isp_blocked\":0.7,\"dns_blocked\":0.3")))->blocked[OONI_DNS],
                 7);
    assert_close(only(CELLS(CELL("10", "\"dns_isp_blocked\":0.7,\"dns_isp_down\":0.8,\"dns_blocked\":0.3")))
                     ->blocked[OONI_DNS],
                 3);
}

static void test_nonsense_in_a_cell_counts_for_nothing(void **state)
{
    (void)state;
    const char *const bad[] = {"7", "-1", "\"1\"", "null", "true", "[1]", "1.0000001"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[256];
        snprintf(text, sizeof text, CELLS(CELL("10", "\"dns_blocked\":%s")), bad[i]);
        const struct ooni_pair *p = only(text);
        assert_close(p->blocked[OONI_DNS], 0);
        assert_close(p->measurements, 10);
    }
    assert_close(only(CELLS(CELL("-10", "\"dns_blocked\":1")))->measurements, 0);
    assert_close(only(CELLS(CELL("1e10", "\"dns_blocked\":1")))->measurements, 0);
}

static void test_counts_go_to_the_kind_they_tell(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        int how; /* -1: none; -2: untold */
    } cases[] = {{"\"dns\"", OONI_DNS},
                 {"\"tcp_ip\"", OONI_IP},
                 {"\"http-failure\"", OONI_SNI},
                 {"\"http-diff\"", -1},
                 {"\"\"", -1},
                 {"\"DNS\"", -1},
                 {"null", -2},
                 {"5", -2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(
            text, sizeof text,
            ROWS(ROW("\"blocking_type\":%s,\"anomaly_count\":3,\"confirmed_count\":2,\"failure_count\":4,"
                     "\"measurement_count\":20")),
            cases[i].type);
        const struct ooni_pair *p = only(text);
        assert_close(p->measurements, 16);
        for (int how = 0; how < OONI_HOW_COUNT; how++)
            assert_close(p->blocked[how], cases[i].how == how ? 5 : 0);
        assert_close(p->untold, cases[i].how == -2 ? 5 : 0);
    }
}

static void test_no_more_is_bad_than_was_measured(void **state)
{
    (void)state;
    const struct ooni_pair *p = only(ROWS(ROW(
        "\"blocking_type\":\"dns\",\"anomaly_count\":90,\"confirmed_count\":90,\"measurement_count\":20")));
    assert_close(p->blocked[OONI_DNS], 20);
    p = only(ROWS(ROW("\"blocking_type\":\"dns\",\"anomaly_count\":9,\"failure_count\":30,"
                      "\"measurement_count\":20")));
    assert_close(p->blocked[OONI_DNS], 0);
    assert_close(p->measurements, 0);
}

static void test_one_row_without_an_array(void **state)
{
    (void)state;
    assert_true(
        read_as("{\"v\":0,\"result\":{\"anomaly_count\":1,\"measurement_count\":4}}", "b.example", "KZ"));
    assert_int_equal(all.count, 1);
    assert_string_equal(all.pairs[0].domain, "b.example");
    assert_string_equal(all.pairs[0].country, "KZ");
    assert_close(all.pairs[0].untold, 1);
}

static void test_whose_rows_they_are(void **state)
{
    (void)state;
    static const struct {
        const char *row, *domain; /* NULL: left out */
    } cases[] = {
        {"\"domain\":\"A.Example\"", "a.example"},
        {"\"domain\":\"www.a.example\"", "a.example"},
        {"\"domain\":\"www.example\"", "www.example"},
        {"\"domain\":\"wwww.a.example\"", "wwww.a.example"},
        {"\"input\":\"https://a.example/path?x\"", "a.example"},
        {"\"input\":\"http://www.a.example:80\"", "a.example"},
        {"\"input\":\"a.example#x\"", "a.example"},
        {"\"domain\":\"a.example\",\"input\":\"https://b.example/\"", "a.example"},
        {"\"x\":1", "given.example"},
        {"\"domain\":5", "given.example"},
        {"\"domain\":\"\"", NULL},
        {"\"domain\":\"example\"", NULL},
        {"\"domain\":\"192.0.2.1\"", NULL},
        {"\"domain\":\"2001:db8::1\"", NULL},
        {"\"domain\":\"a b.example\"", NULL},
        {"\"domain\":\"a..example\"", NULL},
        {"\"domain\":\".example\"", NULL},
        {"\"domain\":\"a.example.\"", NULL},
        {"\"input\":\"https://user@a.example/\"", NULL},
        {"\"domain\":\"a.\\u001b[2J\"", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        snprintf(text, sizeof text, ROWS("{\"probe_cc\":\"RU\",\"measurement_count\":1,%s}"), cases[i].row);
        assert_true(read_as(text, "given.example", NULL));
        assert_int_equal(all.count, cases[i].domain ? 1 : 0);
        assert_int_equal(all.skipped, cases[i].domain ? 0 : 1);
        if (cases[i].domain)
            assert_string_equal(all.pairs[0].domain, cases[i].domain);
    }
}

static void test_rows_without_country_or_count_are_left_out(void **state)
{
    (void)state;
    const char *const rows[] = {
        "{\"domain\":\"a.example\",\"measurement_count\":1}",
        "{\"domain\":\"a.example\",\"measurement_count\":1,\"probe_cc\":\"ru\"}",
        "{\"domain\":\"a.example\",\"measurement_count\":1,\"probe_cc\":\"RUS\"}",
        "{\"domain\":\"a.example\",\"measurement_count\":\"1\",\"probe_cc\":\"RU\"}",
        "{\"domain\":\"a.example\",\"probe_cc\":\"RU\"}",
        "{\"domain\":\"a.example\",\"probe_cc\":\"RU\",\"loni\":{},\"measurement_count\":1}",
        "{\"domain\":\"a.example\",\"probe_cc\":\"RU\",\"loni\":{},\"count\":null}",
        "5",
        "null",
        "[]",
        "\"x\"",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[256];
        snprintf(text, sizeof text, ROWS("%s"), rows[i]);
        assert_true(read_as(text, NULL, NULL));
        assert_int_equal(all.count, 0);
        assert_int_equal(all.skipped, 1);
    }
}

static void test_pairs_are_joined_and_sorted(void **state)
{
    (void)state;
    assert_true(read_as(ROWS("{\"probe_cc\":\"RU\",\"domain\":\"b.example\",\"measurement_count\":1},"
                             "{\"probe_cc\":\"RU\",\"domain\":\"a.example\",\"measurement_count\":2},"
                             "{\"probe_cc\":\"BY\",\"domain\":\"b.example\",\"measurement_count\":3},"
                             "{\"probe_cc\":\"RU\",\"domain\":\"www.b.example\",\"measurement_count\":4}"),
                        NULL, NULL));
    assert_int_equal(all.count, 3);
    assert_string_equal(all.pairs[0].domain, "a.example");
    assert_string_equal(all.pairs[1].domain, "b.example");
    assert_string_equal(all.pairs[1].country, "BY");
    assert_string_equal(all.pairs[2].country, "RU");
    assert_close(all.pairs[2].measurements, 5);
}

static void assert_refused(const char *text, enum refusal_why expected, const char *place)
{
    why = (struct refusal){0};
    assert_false(read_as(text, NULL, NULL));
    assert_int_equal(why.why, expected);
    if (place)
        assert_non_null(strstr(why.where, place));
}

static void test_what_is_no_answer_is_refused(void **state)
{
    (void)state;
    assert_refused("", REFUSAL_BAD_JSON, NULL);
    assert_refused("[]", REFUSAL_BAD_JSON, NULL);
    assert_refused("{", REFUSAL_BAD_JSON, NULL);
    assert_refused("{}", REFUSAL_BAD_TYPE, "neither result nor results");
    assert_refused("{\"result\":5}", REFUSAL_BAD_TYPE, "neither result nor results");
    assert_refused("{\"result\":null}", REFUSAL_BAD_TYPE, NULL);
    assert_refused("{\"error\":\"param \\u001b[2J\"}", REFUSAL_BAD_TYPE, "param ?[2J");
    assert_refused("{\"detail\":[{\"msg\":\"x\"}]}", REFUSAL_BAD_TYPE, "detail");
    assert_refused("{\"error\":null,\"title\":\"Too many\"}", REFUSAL_BAD_TYPE, "Too many");
}

static void test_size_is_bounded(void **state)
{
    (void)state;
    char *text = malloc(OONI_SIZE_MAX + 1);
    assert_non_null(text);
    memset(text, ' ', OONI_SIZE_MAX + 1);
    memcpy(text, "{\"result\":[]}", 13);
    assert_true(ooni_parse(bytes_of(text, OONI_SIZE_MAX), NULL, NULL, &arena, &all, &why));
    assert_false(ooni_parse(bytes_of(text, OONI_SIZE_MAX + 1), NULL, NULL, &arena, &all, &why));
    assert_int_equal(why.why, REFUSAL_TOO_LARGE);
    free(text);
}

/* One more pair than there is room for. */
static void test_pairs_are_bounded(void **state)
{
    (void)state;
    size_t room = 80u * (OONI_PAIRS_MAX + 2);
    char *text = malloc(room);
    assert_non_null(text);
    size_t n = (size_t)snprintf(text, room, "{\"result\":[");
    for (int i = 0; i <= OONI_PAIRS_MAX; i++)
        n += (size_t)snprintf(text + n, room - n,
                              "%s{\"probe_cc\":\"RU\",\"measurement_count\":1,\"domain\":\"d%d.example\"}",
                              i ? "," : "", i);
    snprintf(text + n, room - n, "]}");
    assert_refused(text, REFUSAL_TOO_MANY, "65536");
    free(text);
}

static void test_without_memory_it_says_so(void **state)
{
    (void)state;
    struct arena small;
    arena_init(&small, 16);
    assert_false(ooni_parse(BYTES_LIT(ROWS("")), NULL, NULL, &small, &all, &why));
    assert_int_equal(why.why, REFUSAL_NO_MEMORY);
    arena_fini(&small);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cells_count_by_likelihood),
        TEST(test_what_is_rather_down_for_everyone_is_not_blocked),
        TEST(test_the_older_name_of_dns_counts_once),
        TEST(test_nonsense_in_a_cell_counts_for_nothing),
        TEST(test_counts_go_to_the_kind_they_tell),
        TEST(test_no_more_is_bad_than_was_measured),
        TEST(test_one_row_without_an_array),
        TEST(test_whose_rows_they_are),
        TEST(test_rows_without_country_or_count_are_left_out),
        TEST(test_pairs_are_joined_and_sorted),
        TEST(test_what_is_no_answer_is_refused),
        TEST(test_size_is_bounded),
        TEST(test_pairs_are_bounded),
        TEST(test_without_memory_it_says_so),
    };
    return cmocka_run_group_tests_name("steering/ooni", tests, NULL, NULL);
}
