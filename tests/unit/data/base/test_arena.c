/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Arenas: alignment, zeroing, the limit, and use after fini. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdalign.h>

#include "data/base/arena.h"

static void aligns_and_zeroes(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, SIZE_MAX);
    for (size_t n = 0; n < 3000; n += 7) {
        uint8_t *p = arena_zalloc(&a, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(p[i], 0);
        memset(p, 0xff, n);
    }
    arena_fini(&a);
    assert_int_equal(a.held, 0);
}

static void keeps_its_limit(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 4096);
    size_t got = 0;
    while (arena_alloc(&a, 100))
        got += 100;
    assert_in_range(got, 2000, 4096);
    assert_true(a.held <= 4096);
    assert_null(arena_alloc(&a, 5000));
    assert_null(arena_alloc(&a, SIZE_MAX));
    assert_null(arena_array(&a, SIZE_MAX / 2, 3));
    arena_fini(&a);
    assert_non_null(arena_alloc(&a, 100));
    arena_fini(&a);
}

/* More than are kept between arenas, begun and ended in two orders. */
static void many_come_and_go(void **state)
{
    (void)state;
    enum { MANY = 2000 };
    static struct arena a[MANY];
    static unsigned *number[MANY];
    for (int round = 0; round < 3; round++) {
        for (unsigned i = 0; i < MANY; i++) {
            arena_init(&a[i], 4096);
            memset(arena_alloc(&a[i], 900), (int)i, 900);
            *(number[i] = arena_alloc(&a[i], sizeof i)) = i;
        }
        for (unsigned i = 0; i < MANY; i++) {
            unsigned k = round % 2 ? i : MANY - 1 - i;
            assert_int_equal(*number[k], k);
            arena_fini(&a[k]);
            assert_null(a[k].head);
        }
    }
}

static void copies_with_a_nul(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, SIZE_MAX);
    struct bytes b = arena_copy(&a, BYTES_LIT("abc"));
    assert_int_equal(b.len, 3);
    assert_string_equal((const char *)b.data, "abc");
    assert_non_null(arena_copy(&a, BYTES_NONE).data);
    assert_string_equal(arena_printf(&a, "%s-%d", "x", 7), "x-7");
    assert_string_equal(arena_text(&a, BYTES_LIT("y")), "y");
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(aligns_and_zeroes),
        cmocka_unit_test(keeps_its_limit),
        cmocka_unit_test(copies_with_a_nul),
        cmocka_unit_test(many_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
