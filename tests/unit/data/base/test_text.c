/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text forms: every accepted value comes back the same, every near miss is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "data/base/text.h"

static long decode(const char *text, uint8_t *out)
{
    return base64_decode(bytes_str(text), out, 16);
}

static void base64_decodes_strictly(void **state)
{
    (void)state;
    uint8_t out[16];
    assert_int_equal(decode("", out), 0);
    assert_int_equal(base64_decode(BYTES_NONE, out, 16), 0);
    assert_int_equal(decode("Zg", out), 1);
    assert_int_equal(decode("Zg==", out), 1);
    assert_int_equal(decode("Zm9v", out), 3);
    assert_memory_equal(out, "foo", 3);
    assert_int_equal(decode("-_+/", out), 3);
    static const char *const bad[] = {
        "Z", "Zg=", "Zg===", "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "=", "Zm9v====", "Zg==Zg=="};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(decode(bad[i], out), -1);
    assert_int_equal(base64_decode(BYTES_LIT("Zm9v"), out, 2), -1);
}

static void base64_has_two_alphabets(void **state)
{
    (void)state;
    static const char both[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/-_";
    uint8_t out[16];
    for (int at = 0; at < 8; at++)
        for (int c = 1; c < 256; c++) {
            char text[] = "AAAAAAAA";
            text[at] = (char)c;
            bool known = strchr(both, c) != NULL;
            assert_int_equal(decode(text, out), known ? 6 : c == '=' && at == 7 ? 5 : -1);
        }
}

static void base64_round_trips(void **state)
{
    (void)state;
    uint8_t in[40], back[40];
    char text[64];
    for (size_t n = 0; n < sizeof in; n++) {
        in[n] = (uint8_t)(n * 37 + 11);
        base64_encode(bytes_of(in, n), text);
        assert_int_equal(strlen(text), base64_len(n));
        assert_int_equal(base64_decode(bytes_str(text), back, sizeof back), n);
        assert_memory_equal(in, back, n);
        base64url_encode(bytes_of(in, n), text);
        assert_null(strpbrk(text, "+/="));
        assert_int_equal(base64_decode(bytes_str(text), back, sizeof back), n);
        assert_memory_equal(in, back, n);
    }
}

static void hex_both_ways(void **state)
{
    (void)state;
    char text[9];
    uint8_t out[4];
    hex_encode(BYTES_LIT("\x00\xfe\x10\x9a"), text);
    assert_string_equal(text, "00fe109a");
    assert_int_equal(hex_decode(BYTES_LIT("00FE109a"), out, 4), 4);
    assert_memory_equal(out, "\x00\xfe\x10\x9a", 4);
    assert_int_equal(hex_decode(BYTES_LIT("0"), out, 4), -1);
    assert_int_equal(hex_decode(BYTES_LIT("0g"), out, 4), -1);
    assert_int_equal(hex_decode(BYTES_LIT("0011223344"), out, 4), -1);
}

static void times_are_real_days(void **state)
{
    (void)state;
    int64_t t;
    char text[TIME_TEXT_MAX];
    assert_true(time_parse(BYTES_LIT("2026-11-23T20:00:00Z"), &t));
    assert_int_equal(t, 1795464000);
    time_format(t, text);
    assert_string_equal(text, "2026-11-23T20:00:00Z");
    assert_true(time_parse(BYTES_LIT("2024-02-29T23:59:59Z"), &t));
    static const char *const bad[] = {"2026-02-29T00:00:00Z",
                                      "2026-13-01T00:00:00Z",
                                      "2026-01-32T00:00:00Z",
                                      "2026-01-01T24:00:00Z",
                                      "2026-01-01T00:60:00Z",
                                      "2026-01-01 00:00:00Z",
                                      "2026-01-01T00:00:00",
                                      "2026-01-01T00:00:00+",
                                      "1969-12-31T23:59:59Z",
                                      "2026-1-01T00:00:00ZZ",
                                      "",
                                      "0000-00-00T00:00:00Z"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(time_parse(bytes_str(bad[i]), &t));
}

static void numbers_have_a_bound(void **state)
{
    (void)state;
    uint64_t v;
    assert_true(uint_parse(BYTES_LIT("65535"), 65535, &v));
    assert_int_equal(v, 65535);
    assert_true(uint_parse(BYTES_LIT("0"), 0, &v));
    assert_true(uint_parse(BYTES_LIT("18446744073709551615"), UINT64_MAX, &v));
    static const char *const bad[] = {"", "65536", "-1", "+1", " 1", "1 ", "0x1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(uint_parse(bytes_str(bad[i]), 65535, &v));
    assert_false(uint_parse(BYTES_LIT("18446744073709551616"), UINT64_MAX, &v));
    assert_false(uint_parse(BYTES_LIT("5"), 3, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(base64_decodes_strictly), cmocka_unit_test(base64_has_two_alphabets),
        cmocka_unit_test(base64_round_trips),      cmocka_unit_test(hex_both_ways),
        cmocka_unit_test(times_are_real_days),     cmocka_unit_test(numbers_have_a_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
