/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names: text and wire, compression pointers a hostile message can hold, comparison. */
#include "tests/unit/data/dns/reply.h"

static void text_round_trip(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } rows[] = {{"www.example.com", "www.example.com"},
                {"example.com.", "example.com"},
                {".", "."},
                {"a\\.b.c", "a\\.b.c"},
                {"a\\000\\255.c", "a\\000\\255.c"},
                {"A-b_c.*.x", "A-b_c.*.x"},
                {"\\065", "A"},
                {"a\\\\b\\\"\\;", "a\\\\b\\\"\\;"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[DNS_NAME_TEXT_MAX];
        struct dns_name name = name_of(rows[i].in);
        name_to_text(&name, text);
        assert_string_equal(text, rows[i].out);
    }
    struct dns_name name = name_of("ab.c");
    assert_int_equal(name.len, 6);
    assert_memory_equal(name.wire, "\2ab\1c\0", 6);
}

static void text_refused(void **state)
{
    (void)state;
    static const char *const rows[] = {"",       "..",   ".a",     "a..b",     "a b",   "a\\", "a\\25",
                                       "a\\256", "a\tb", "a\\2x5", "\xc3\xa4", "a.b..", "a\n"};
    struct dns_name name;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (name_from_text(bytes_str(rows[i]), &name))
            fail_msg("taken: %s", rows[i]);
}

static void text_limits(void **state)
{
    (void)state;
    char text[300];
    struct dns_name name;
    memset(text, 'a', sizeof text);
    assert_true(name_from_text(bytes_of(text, 63), &name));
    assert_false(name_from_text(bytes_of(text, 64), &name));
    for (size_t i = 63; i < sizeof text; i += 64)
        text[i] = '.';
    assert_true(name_from_text(bytes_of(text, 253), &name));
    assert_int_equal(name.len, 255);
    text[253] = '.';
    assert_true(name_from_text(bytes_of(text, 254), &name));
    text[253] = 'a';
    assert_false(name_from_text(bytes_of(text, 254), &name));
    for (size_t i = 0; i < sizeof text; i += 2)
        memcpy(text + i, "a.", 2);
    assert_true(name_from_text(bytes_of(text, 254), &name));
    assert_int_equal(name_labels(&name), 127);
    assert_false(name_from_text(bytes_of(text, 255), &name));
}

/* The longest text there can be: every byte takes four characters. */
static void text_longest(void **state)
{
    (void)state;
    struct dns_name name = {.len = 255};
    char text[DNS_NAME_TEXT_MAX];
    for (unsigned i = 0; i < 254; i++)
        name.wire[i] = i % 64 ? 1 : i < 192 ? 63 : 61;
    name_to_text(&name, text);
    struct dns_name back = name_of(text);
    assert_int_equal(back.len, 255);
    assert_memory_equal(back.wire, name.wire, 255);
}

static bool reads(struct bytes message, size_t at, const char *expect, size_t end)
{
    struct dns_name name, want;
    if (!name_read(message, &at, &name))
        return false;
    want = name_of(expect);
    assert_true(name_equal(&name, &want));
    assert_int_equal(at, end);
    return true;
}

static void pointers(void **state)
{
    (void)state;
    static const uint8_t m[] = "............"          /* 0: header */
                               "\3www\7example\3com\0" /* 12 */
                               "\4mail\xc0\x10"        /* 29: mail.example.com */
                               "\xc0\x1d"              /* 36: pointer to a pointer */
                               "\1a\xc0\x26"           /* 38: itself */
                               "\xc0\x2a"              /* 42: itself */
                               "\xc0\x2e\1b\0"         /* 44: forward */
                               "\xc0\x00"              /* 49: header */
                               "\x41x\0"               /* 51: extended label type */
                               "\1a\1b\xc0\x38"        /* 54: into its own tail */
                               "\xc0";                 /* 60: cut pointer */
    struct bytes b = bytes_of(m, sizeof m - 1);
    assert_true(reads(b, 12, "www.example.com", 29));
    assert_true(reads(b, 29, "mail.example.com", 36));
    assert_true(reads(b, 36, "mail.example.com", 38));
    static const size_t bad[] = {38, 42, 44, 49, 51, 54, 60, 61, 1000};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (reads(b, bad[i], ".", 0))
            fail_msg("read at %zu", bad[i]);
    size_t at = 29;
    assert_true(name_skip(b, &at));
    assert_int_equal(at, 36);
    at = 60;
    assert_false(name_skip(b, &at));
    at = 51;
    assert_false(name_skip(b, &at));
}

static void cut_everywhere(void **state)
{
    (void)state;
    static const uint8_t m[] = "............\3www\7example\3com";
    for (size_t len = 0; len < sizeof m - 1; len++) {
        uint8_t *copy = test_malloc(len + 1);
        memcpy(copy, m, len);
        struct dns_name name;
        size_t at = 12;
        assert_false(name_read(bytes_of(copy, len), &at, &name));
        assert_false(name_skip(bytes_of(copy, len), &at));
        test_free(copy);
    }
}

/* A chain of pointers, each in front of one label more, grows past 255 bytes and is refused. */
static void pointers_too_long(void **state)
{
    (void)state;
    uint8_t m[12 + 2 + 200 * 4] = {0};
    size_t at = 12, last = 12;
    memcpy(m + at, "\1a", 3);
    at += 3;
    for (unsigned i = 0; i < 190; i++, at += 4) {
        m[at] = 1;
        m[at + 1] = 'a';
        put_u16(m + at + 2, (uint16_t)(0xc000 | last));
        last = at;
    }
    struct dns_name name;
    size_t ok = 15 + 125 * 4, bad = 15 + 126 * 4;
    assert_true(name_read(bytes_of(m, sizeof m), &ok, &name));
    assert_int_equal(name.len, 255);
    assert_false(name_read(bytes_of(m, sizeof m), &bad, &name));
}

static void comparison(void **state)
{
    (void)state;
    struct dns_name upper = name_of("WWW.Example.COM"), lower = name_of("www.example.com"),
                    zone = name_of("Example.com"), sly = name_of("wwwexample.com"), root = name_of("."),
                    other = name_of("www.example.net");
    assert_true(name_equal(&upper, &lower));
    assert_false(name_equal(&lower, &other));
    assert_true(name_within(&upper, &zone));
    assert_true(name_within(&zone, &zone));
    assert_false(name_within(&zone, &upper));
    assert_false(name_within(&sly, &zone));
    assert_true(name_within(&sly, &root));
    name_lower(&upper);
    assert_memory_equal(upper.wire, lower.wire, lower.len);
    struct dns_name parent;
    assert_true(name_parent(&lower, &parent));
    assert_true(name_equal(&parent, &zone));
    assert_false(name_parent(&root, &parent));
    assert_int_equal(name_labels(&root), 0);
    assert_int_equal(name_labels(&lower), 3);
}

/* Only A..Z change, at every place in a word. */
static void lower_all_bytes(void **state)
{
    (void)state;
    for (unsigned shift = 0; shift < 9; shift++) {
        uint8_t from[265] = {0}, to[265];
        for (unsigned i = 0; i < 256; i++)
            from[i + shift] = (uint8_t)i;
        name_lower_copy(to, from, 256 + shift);
        for (unsigned i = 0; i < 256; i++)
            assert_int_equal(to[i + shift], i >= 'A' && i <= 'Z' ? i + 32 : i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_round_trip), cmocka_unit_test(text_refused),
        cmocka_unit_test(text_limits),     cmocka_unit_test(text_longest),
        cmocka_unit_test(pointers),        cmocka_unit_test(cut_everywhere),
        cmocka_unit_test(comparison),      cmocka_unit_test(pointers_too_long),
        cmocka_unit_test(lower_all_bytes),
    };
    return cmocka_run_group_tests_name("dns name", tests, NULL, NULL);
}
