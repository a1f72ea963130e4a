/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of CNAMEs' targets: what counts as new, and what is still known when others are wanted, or
 * after a start. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "steering/target_table.h"

static struct dns_name name(const char *text)
{
    struct dns_name n;
    assert_true(name_from_text(bytes_str(text), &n));
    return n;
}

/* As target_table_save writes it. */
static size_t saved(uint8_t *out, size_t cap, const char *const *names, size_t count)
{
    struct writer w = writer_of(out, cap);
    struct ip ip = {.len = 4, .addr = {1, 1, 1, 1}};
    for (size_t i = 0; i < count; i++) {
        const struct dns_name n = name(names[i]);
        writer_u8(&w, n.len);
        writer_put(&w, n.wire, n.len);
        writer_u8(&w, 1);
        writer_put(&w, &ip, sizeof ip);
    }
    assert_false(w.full);
    return w.len;
}

static void what_was_known_comes_back(void **state)
{
    (void)state;
    struct target_table t = {0};
    const char *const both[] = {"a.example", "b.example"};
    const struct dns_name a = name("a.example"), b = name("b.example"), c = name("c.example");
    const struct dns_name *wanted[] = {&c, &a, &a};
    uint8_t block[512];
    struct ip ip[TARGET_ADDRESSES_MAX];
    unsigned count;
    size_t len = saved(block, sizeof block, both, 2);
    target_table_load(&t, bytes_of(block, len));
    assert_true(target_table_set(&t, wanted, 3));
    assert_true(target_table_get(&t, &a, ip, &count));
    assert_int_equal(count, 1);
    assert_false(target_table_get(&t, &b, ip, &count));
    assert_false(target_table_get(&t, &c, ip, &count));
    struct bytes again = target_table_save(&t);
    assert_int_equal(again.len, saved(block, sizeof block, both, 1));
    assert_memory_equal(again.data, block, again.len);
    free((uint8_t *)(uintptr_t)again.data);
    for (size_t cut = 0; cut < len; cut++) {
        uint8_t *copy = malloc(cut ? cut : 1);
        saved(block, sizeof block, both, 2);
        memcpy(copy, block, cut);
        target_table_load(&t, bytes_of(copy, cut));
        free(copy);
        assert_false(target_table_get(&t, &b, ip, &count));
    }
    target_table_fini(&t);
}

static void the_same_addresses_turned_round_are_no_change(void **state)
{
    (void)state;
    struct target_family f = {0};
    struct ip one = {.len = 4, .addr = {1, 1, 1, 1}}, two = {.len = 4, .addr = {1, 0, 0, 1}};
    struct ip ip[] = {one, two}, turned[] = {two, one};
    assert_true(target_take(&f, ip, 2));
    assert_false(target_take(&f, turned, 2));
    assert_true(target_take(&f, &one, 1));
    assert_true(target_take(&f, &one, 0));
    assert_false(target_take(&f, &one, 0));
}

static void half_of_the_addresses_are_not_all(void **state)
{
    (void)state;
    struct target_table t = {0};
    const struct dns_name a = name("a.example"), *wanted = &a;
    struct ip one = {.len = 4, .addr = {1, 1, 1, 1}}, out[TARGET_ADDRESSES_MAX];
    unsigned count;
    assert_true(target_table_set(&t, &wanted, 1));
    struct target *target = target_table_find(&t, &a);
    target_take(&target->family[0], &one, 1);
    target->family[0].asked = true;
    assert_false(target_table_get(&t, &a, out, &count));
    target->family[1].asked = true;
    assert_true(target_table_get(&t, &a, out, &count));
    assert_int_equal(count, 1);
    target_table_fini(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_known_comes_back),
        cmocka_unit_test(the_same_addresses_turned_round_are_no_change),
        cmocka_unit_test(half_of_the_addresses_are_not_all),
    };
    return cmocka_run_group_tests_name("steering target_table", tests, NULL, NULL);
}
