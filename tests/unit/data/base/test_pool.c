/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The pool: blocks come back, keep their bytes when they grow, and are bounded in what is kept. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdint.h>
#include <string.h>

#include "data/base/pool.h"

static void a_released_block_is_used_again(void **state)
{
    (void)state;
    struct pool p = {0};
    void *a = pool_alloc(&p, 100);
    pool_release(&p, a);
    void *again = pool_alloc(&p, 65); /* of the same class: 65 .. 128 */
    assert_true(again == a || POOL_KEPT == 0);
    a = again;
    void *b = pool_alloc(&p, 65);
    assert_ptr_not_equal(a, b);
    pool_release(&p, a);
    pool_release(&p, b);
    pool_release(&p, NULL);
    pool_fini(&p);
}

static void zeroed_means_zeroed(void **state)
{
    (void)state;
    struct pool p = {0};
    uint8_t *a = pool_alloc(&p, 64);
    memset(a, 0xff, 64);
    pool_release(&p, a);
    a = pool_zalloc(&p, 8, 8);
    for (int i = 0; i < 64; i++)
        assert_int_equal(a[i], 0);
    pool_release(&p, a);
    assert_null(pool_zalloc(&p, SIZE_MAX / 2, 3));
    assert_null(pool_alloc(&p, SIZE_MAX));
    pool_fini(&p);
}

static void growing_keeps_the_bytes(void **state)
{
    (void)state;
    struct pool p = {0};
    char *a = pool_resize(&p, NULL, 1);
    assert_non_null(a);
    a[0] = 'a';
    for (size_t n = 2; n < 5000; n++) {
        a = pool_resize(&p, a, n);
        assert_int_equal(a[0], 'a');
        assert_true(n < 3 || a[n - 2] == (char)(n - 1));
        a[n - 1] = (char)n;
    }
    pool_release(&p, a);
    pool_fini(&p);
}

static void little_is_kept(void **state)
{
    (void)state;
    struct pool p = {0};
    static void *block[POOL_KEPT + 10];
    for (size_t i = 0; i < POOL_KEPT + 10; i++)
        block[i] = pool_alloc(&p, 10);
    for (size_t i = 0; i < POOL_KEPT + 10; i++)
        pool_release(&p, block[i]);
    assert_int_equal(p.kept[0], POOL_KEPT);
    pool_release(&p, pool_alloc(&p, POOL_CLASSES * POOL_STEP + 1)); /* too large to keep */
    for (int i = 1; i < POOL_CLASSES; i++)
        assert_int_equal(p.kept[i], 0);
    pool_fini(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_released_block_is_used_again),
        cmocka_unit_test(zeroed_means_zeroed),
        cmocka_unit_test(growing_keeps_the_bytes),
        cmocka_unit_test(little_is_kept),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
