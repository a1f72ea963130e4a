/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The override file: what it means, that an error anywhere refuses all of it, and what becomes of records. */
#include "sites.h"

#include "steering/override.h"

static struct overrides *parse(const char *text)
{
    struct override_error err;
    struct overrides *o = override_parse(bytes_str(text), &err);
    if (!o)
        fail_msg("line %u: %s", err.line, err.what);
    assert_null(err.what);
    return o;
}

static void the_last_matching_rule_decides(void **state)
{
    (void)state;
    const struct {
        const char *text, *domain, *id;
        enum health_force force;
    } cases[] = {
        {"", "a.example", "m1", HEALTH_NOT_FORCED},
        {"*/m1 => DOWN", "a.example", "m1", HEALTH_FORCED_DOWN},
        {"*/m1 => DOWN", "a.example", "m10", HEALTH_NOT_FORCED},
        {"*/m1 => DOWN\n", "a.example", "m2", HEALTH_NOT_FORCED},
        {"*/* => DOWN\na.example/m1=>UP\n", "a.example", "m1", HEALTH_FORCED_UP},
        {"a.example/m1=>UP\n*/* => DOWN\n", "a.example", "m1", HEALTH_FORCED_DOWN},
        {"*/* => DOWN\na.example/* => AUTO", "a.example", "m1", HEALTH_NOT_FORCED},
        {"*/* => DOWN\na.example/* => AUTO", "b.example", "m1", HEALTH_FORCED_DOWN},
        {"# all of it\n\n \t\n\t*.example/m[12]\t=>\tUP # for now\r\n", "b.example", "m2", HEALTH_FORCED_UP},
        {"*.example/m[!12] => UP", "b.example", "m2", HEALTH_NOT_FORCED},
        {"*.example/m? => UP", "b.example", "m2", HEALTH_FORCED_UP},
        {"#*/m1 => UP", "b.example", "m1", HEALTH_NOT_FORCED},
        {"B.Example/m1 => UP", "b.example", "m1", HEALTH_FORCED_UP},
        {"b.example/M1 => UP", "b.example", "m1", HEALTH_NOT_FORCED}, /* ids differ by case */
        {"b.example/m1 => UP", "www.b.example", "m1", HEALTH_NOT_FORCED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct overrides *o = parse(cases[i].text);
        if (override_lookup(o, cases[i].domain, cases[i].id) != cases[i].force)
            fail_msg("%s", cases[i].text);
        override_free(&o);
        assert_null(o);
    }
    assert_int_equal(override_lookup(NULL, "a.example", "m1"), HEALTH_NOT_FORCED);
}

static void any_error_refuses_the_file(void **state)
{
    (void)state;
    const struct {
        const char *text;
        unsigned line;
        const char *what;
    } cases[] = {
        {"*/m1 DOWN", 1, "form"},
        {"*/m1 => DOWN\n\n*/m2 =>\n", 3, "right side"},
        {"*/m1 => down", 1, "right side"},
        {"*/m1 => DOWN UP", 1, "right side"},
        {"*/m1 => DOWN => UP", 1, "right side"},
        {"m1 => DOWN", 1, "DOMAIN/MIRROR"},
        {"/m1 => DOWN", 1, "DOMAIN/MIRROR"},
        {"a/ => DOWN", 1, "DOMAIN/MIRROR"},
        {"a/b/c => DOWN", 1, "DOMAIN/MIRROR"},
        {" => DOWN", 1, "DOMAIN/MIRROR"},
        {"a b/m1 => DOWN", 1, "one word"},
        {"b\xc3\xbc.example/m1 => DOWN", 1, "xn--"},
        {"*/m1 => DOWN\na/m[1 => UP", 2, "["},
        {"a[b/]c => UP", 1, "["},
        {"*a*b*/*c*d => UP", 1, "asterisks"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct override_error err;
        assert_null(override_parse(bytes_str(cases[i].text), &err));
        if (err.line != cases[i].line || !strstr(err.what, cases[i].what))
            fail_msg("%s: line %u: %s", cases[i].text, err.line, err.what);
    }
    struct override_error err;
    assert_null(override_parse(bytes_of("*/m\0 => UP", 10), &err));
    assert_int_equal(err.line, 1);
}

static void size_is_bounded(void **state)
{
    (void)state;
    struct override_error err;
    char *text = calloc(1, OVERRIDE_FILE_MAX + 1);
    size_t len = 0;
    memset(text, '\n', OVERRIDE_FILE_MAX + 1);
    assert_null(override_parse(bytes_of(text, OVERRIDE_FILE_MAX + 1), &err));
    assert_int_equal(err.line, 0);
    struct overrides *o = override_parse(bytes_of(text, OVERRIDE_FILE_MAX), &err);
    assert_non_null(o);
    override_free(&o);
    for (int i = 0; i < OVERRIDE_RULES_MAX; i++, len += 10)
        memcpy(text + len, "*/m1=>UP \n", 10);
    o = override_parse(bytes_of(text, len), &err);
    assert_non_null(o);
    override_free(&o);
    memcpy(text + len, "*/m1=>UP \n", 10);
    assert_null(override_parse(bytes_of(text, len + 10), &err));
    assert_int_equal(err.line, OVERRIDE_RULES_MAX + 1);
    memset(text, 'a', 400);
    memcpy(text, "a/", 2);
    memcpy(text + 301, "=>UP", 4);
    assert_null(override_parse(bytes_of(text, 305), &err));
    memmove(text + 300, text + 301, 4);
    o = override_parse(bytes_of(text, 304), &err);
    assert_non_null(o);
    override_free(&o);
    free(text);
}

/* TWO has three addresses of m1, then one of m2. What probes found stays as it is. */
static void rules_are_applied_to_every_address(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){0});
    struct health_record r[4] = {{.state = HEALTH_UP, .failures = 1}, {0}, {0}, {.state = HEALTH_DOWN}};
    struct overrides *o = parse("*/m1 => DOWN\nnews.example/m2 => UP");
    assert_int_equal(override_apply(o, v, r), 4);
    for (int i = 0; i < 4; i++)
        assert_int_equal(r[i].forced, i < 3 ? HEALTH_FORCED_DOWN : HEALTH_FORCED_UP);
    assert_int_equal(r[0].state, HEALTH_UP);
    assert_int_equal(r[0].failures, 1);
    assert_int_equal(override_apply(o, v, r), 0);
    override_free(&o);
    o = parse("*/m1 => DOWN");
    assert_int_equal(override_apply(o, v, r), 1);
    assert_int_equal(r[3].forced, HEALTH_NOT_FORCED);
    assert_int_equal(r[3].state, HEALTH_DOWN);
    override_free(&o);
    assert_int_equal(override_apply(NULL, v, r), 3);
    view_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_matching_rule_decides),
        cmocka_unit_test(any_error_refuses_the_file),
        cmocka_unit_test(size_is_bounded),
        cmocka_unit_test(rules_are_applied_to_every_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
