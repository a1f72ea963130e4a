/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The longest suffix wins, at label boundaries, whatever the order of the rules. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "resolver/forward.h"

static struct dns_name name(const char *text)
{
    struct dns_name out;
    assert_true(name_from_text(bytes_str(text), &out));
    name_lower(&out);
    return out;
}

static unsigned find_type(const struct forwards *f, const char *text, uint16_t type)
{
    struct dns_name n = name(text);
    const struct forward_rule *rule = forwards_find(f, &n, type);
    return rule ? rule->group : 0;
}

static unsigned find(const struct forwards *f, const char *text)
{
    return find_type(f, text, DNS_A);
}

static void test_ds_is_the_parents(void **state)
{
    (void)state;
    struct forward_rule rule[] = {{name("corp.example"), 1}, {name("lab.corp.example"), 2}};
    struct forwards f = {2, rule};
    forwards_sort(&f);
    assert_int_equal(find_type(&f, "corp.example", DNS_DS), 0);
    assert_int_equal(find_type(&f, "sub.corp.example", DNS_DS), 1);
    assert_int_equal(find_type(&f, "lab.corp.example", DNS_DS), 1);
    assert_int_equal(find_type(&f, "sub.lab.corp.example", DNS_DS), 2);
    assert_int_equal(find_type(&f, ".", DNS_DS), 0);
}

static void test_longest_suffix_wins(void **state)
{
    (void)state;
    struct forward_rule rule[] = {{name("corp.example"), 1},
                                  {name("10.in-addr.arpa"), 2},
                                  {name("lab.corp.example"), 3},
                                  {name("x.lab.corp.example"), 1}};
    struct forwards f = {4, rule};
    forwards_sort(&f);
    assert_int_equal(find(&f, "corp.example"), 1);
    assert_int_equal(find(&f, "www.corp.example"), 1);
    assert_int_equal(find(&f, "lab.corp.example"), 3);
    assert_int_equal(find(&f, "a.b.lab.corp.example"), 3);
    assert_int_equal(find(&f, "a.x.lab.corp.example"), 1);
    assert_int_equal(find(&f, "4.3.2.10.in-addr.arpa"), 2);
    assert_int_equal(find(&f, "notcorp.example"), 0);
    assert_int_equal(find(&f, "example"), 0);
    assert_int_equal(find(&f, "."), 0);
}

static void test_root_takes_the_rest(void **state)
{
    (void)state;
    struct forward_rule rule[] = {{name("."), 1}, {name("example"), 2}};
    struct forwards f = {2, rule};
    forwards_sort(&f);
    assert_int_equal(find(&f, "a.example"), 2);
    assert_int_equal(find(&f, "."), 1);
    assert_int_equal(find(&f, "org"), 1);
}

static void test_no_rules(void **state)
{
    (void)state;
    struct forwards f = {0};
    forwards_sort(&f);
    assert_int_equal(find(&f, "a.example"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_longest_suffix_wins),
        cmocka_unit_test(test_root_takes_the_rest),
        cmocka_unit_test(test_no_rules),
        cmocka_unit_test(test_ds_is_the_parents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
