/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte ranges, and the writer's bound: nothing past it, and its fullness is never forgotten. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/base/bytes.h"

static void compares(void **state)
{
    (void)state;
    assert_true(bytes_equal(BYTES_NONE, BYTES_LIT("")));
    assert_false(bytes_equal(BYTES_LIT("ab"), BYTES_LIT("abc")));
    assert_true(bytes_equal_nocase(BYTES_LIT("aZ[@"), BYTES_LIT("Az[@")));
    assert_false(bytes_equal_nocase(BYTES_LIT("@"), BYTES_LIT("`")));
    assert_false(bytes_equal_nocase(BYTES_LIT("["), BYTES_LIT("{")));
    assert_true(bytes_starts_with(BYTES_LIT("/dns-query/raw"), BYTES_LIT("/dns-query")));
    assert_false(bytes_starts_with(BYTES_LIT("/dns"), BYTES_LIT("/dns-query")));
    assert_int_equal(bytes_str(NULL).len, 0);
}

static void writes_big_endian(void **state)
{
    (void)state;
    uint8_t out[7];
    struct writer w = writer_of(out, sizeof out);
    writer_u8(&w, 1);
    writer_u16(&w, 0x0203);
    writer_u32(&w, 0x04050607);
    assert_true(bytes_equal(writer_done(&w), BYTES_LIT("\1\2\3\4\5\6\7")));
    assert_int_equal(get_u16(out + 1), 0x0203);
    assert_int_equal(get_u32(out + 3), 0x04050607);
}

static void stays_full(void **state)
{
    (void)state;
    uint8_t out[4] = {9, 9, 9, 9};
    struct writer w = writer_of(out, 3);
    writer_u16(&w, 1);
    writer_u16(&w, 2);
    assert_true(w.full);
    writer_u8(&w, 3);
    assert_true(w.full);
    assert_null(writer_done(&w).data);
    assert_int_equal(out[2], 9);
    assert_int_equal(out[3], 9);
    assert_null(writer_reserve(&w, 0));
}

static void prints_within_bounds(void **state)
{
    (void)state;
    char out[6];
    struct writer w = writer_of(out, 5);
    writer_printf(&w, "%d", 1234);
    assert_int_equal(w.len, 4);
    out[5] = 'x';
    writer_printf(&w, "%s", "yz");
    assert_true(w.full);
    assert_int_equal(out[5], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compares),
        cmocka_unit_test(writes_big_endian),
        cmocka_unit_test(stays_full),
        cmocka_unit_test(prints_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
