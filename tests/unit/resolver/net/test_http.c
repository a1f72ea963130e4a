/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests and answers share: parameters, numbers, cache-control, bodies, failures. */
#include "rig.h"

static void parameters_are_found_wherever_they_stand(void **state)
{
    (void)state;
    static const struct {
        const char *query, *value; /* NULL: absent */
    } rows[] = {
        {"dns=AAAA", "AAAA"}, {"a=b&dns=AAAA", "AAAA"}, {"dns=AAAA&x", "AAAA"}, {"dns=", ""},
        {"dns", ""},          {"a&dns&b", ""},          {"dns=a&dns=b", "a"},   {"&&dns=x&&", "x"},
        {"", NULL},           {"dnsx=1", NULL},         {"xdns=1", NULL},       {"a=dns=1", NULL},
        {"dns=a=b", "a=b"},   {"DNS=a", NULL},          {"dns?dns=AA", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct bytes got = http_parameter(bytes_str(rows[i].query), BYTES_LIT("dns"));
        if (!rows[i].value) {
            assert_null(got.data);
        } else {
            assert_non_null(got.data);
            assert_true(bytes_equal(got, bytes_str(rows[i].value)));
        }
    }
    assert_null(http_parameter(BYTES_NONE, BYTES_LIT("dns")).data);
}

static void cache_control_says_how_long_and_for_whom(void **state)
{
    (void)state;
    static const struct {
        enum http_cache cache;
        uint32_t max_age;
        const char *text;
    } rows[] = {
        {HTTP_NO_STORE, 7, "no-store"},
        {HTTP_MAX_AGE, 0, "max-age=0"},
        {HTTP_MAX_AGE, 4294967295, "max-age=4294967295"},
        {HTTP_PRIVATE, 60, "private, max-age=60"},
        {HTTP_PRIVATE, 4294967295, "private, max-age=4294967295"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char buf[HTTP_CACHE_TEXT];
        struct http_response r = {.cache = rows[i].cache, .max_age = rows[i].max_age};
        assert_true(bytes_equal(http_cache_control(&r, buf), bytes_str(rows[i].text)));
    }
}

static void a_body_grows_to_its_limit_and_no_further(void **state)
{
    (void)state;
    struct http_stream s = {0};
    struct http_body b = {0};
    uint8_t data[1000];
    memset(data, 7, sizeof data);
    arena_init(&s.arena, HTTP_ARENA_MAX);
    for (int i = 0; i < 65; i++)
        assert_int_equal(http_body_add(&b, &s, data, sizeof data, 0), REASON_OK);
    assert_int_equal(http_body_add(&b, &s, data, 536, 0), REASON_HTTP_TOO_LARGE);
    assert_int_equal(http_body_add(&b, &s, data, 535, 0), REASON_OK);
    assert_int_equal(b.len, HTTP_BODY_MAX);
    for (size_t i = 0; i < b.len; i++)
        assert_int_equal(b.data[i], 7);
    arena_fini(&s.arena);
}

static void a_told_length_is_allocated_once(void **state)
{
    (void)state;
    struct http_stream s = {0};
    struct http_body b = {0};
    arena_init(&s.arena, HTTP_ARENA_MAX);
    assert_int_equal(http_body_add(&b, &s, (const uint8_t *)"a", 1, 40000), REASON_OK);
    assert_int_equal(b.cap, 40000);
    arena_fini(&s.arena);
}

struct caught {
    struct http_stream s;
    struct http_response r;
};

static void catch_response(struct http_stream *s, const struct http_response *r)
{
    ((struct caught *)s)->r = *r;
}

static void failures_come_from_the_table(void **state)
{
    (void)state;
    static const struct http_protocol protocol = {.respond = catch_response};
    struct caught c = {.s.protocol = &protocol};
    uint64_t before = metric_page->reason[REASON_HTTP_METHOD];
    http_fail(&c.s, REASON_HTTP_METHOD, "GET");
    assert_int_equal(c.r.status, 405);
    assert_string_equal(c.r.allow, "GET");
    assert_int_equal(c.r.cache, HTTP_NO_STORE);
    assert_int_equal(metric_page->reason[REASON_HTTP_METHOD], before + 1);
    http_fail(&c.s, REASON_OVERLOAD, NULL);
    assert_int_equal(c.r.status, 503);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_are_found_wherever_they_stand),
        cmocka_unit_test(cache_control_says_how_long_and_for_whom),
        cmocka_unit_test(a_body_grows_to_its_limit_and_no_further),
        cmocka_unit_test(a_told_length_is_allocated_once),
        cmocka_unit_test(failures_come_from_the_table),
    };
    return cmocka_run_group_tests_name("http", tests, NULL, NULL);
}
