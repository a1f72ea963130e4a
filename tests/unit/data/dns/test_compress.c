/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names written compressed: every name read back is the one put in, and the bytes are as few as expected. */
#include "tests/unit/data/dns/reply.h"

#include <stdio.h>

#include "data/dns/compress.h"

static struct writer begun(struct name_table *t, uint8_t *buf, size_t cap)
{
    struct writer w = writer_of(buf, cap);
    name_table_init(t);
    (void)writer_reserve(&w, DNS_HEADER);
    return w;
}

static void put(struct name_table *t, struct writer *w, const char *text, size_t bytes)
{
    struct dns_name name = name_of(text), back;
    size_t at = w->len;
    name_put(t, w, &name);
    assert_int_equal(w->len - at, bytes);
    assert_true(name_read(writer_done(w), &at, &back));
    assert_true(name_equal(&name, &back));
}

static void suffixes(void **state)
{
    (void)state;
    uint8_t buf[512] = {0};
    struct name_table t;
    struct writer w = begun(&t, buf, sizeof buf);
    put(&t, &w, "www.example.com", 17);
    put(&t, &w, "WWW.EXAMPLE.COM", 2);
    put(&t, &w, "mail.example.com", 7);
    put(&t, &w, "a.mail.Example.com", 4);
    put(&t, &w, "com", 2);
    put(&t, &w, "example.net", 13);
    put(&t, &w, ".", 1);
    put(&t, &w, "a.a.a.a", 9);
    put(&t, &w, "a.a.a", 2);
}

/* Far more names than slots, and past where a pointer can lead: longer, but never wrong. */
static void crowded(void **state)
{
    (void)state;
    static uint8_t buf[60000];
    struct name_table t;
    struct writer w = begun(&t, buf, sizeof buf);
    for (unsigned i = 0; i < 3000; i++) {
        char text[32];
        struct dns_name name, back;
        snprintf(text, sizeof text, "n%u.z%u.example", i, i % 700);
        name = name_of(text);
        size_t at = w.len;
        name_put(&t, &w, &name);
        assert_false(w.full);
        assert_true(name_read(writer_done(&w), &at, &back));
        assert_true(name_equal(&name, &back));
    }
    assert_true(w.len > 0x4000 && w.len < 3000 * 20);
}

/* The first label can still be pointed to, the second begins where no pointer leads. */
static void reach(void **state)
{
    (void)state;
    static uint8_t buf[0x4100];
    struct name_table t;
    struct writer w = begun(&t, buf, sizeof buf);
    (void)writer_reserve(&w, 0x3ffe - DNS_HEADER);
    put(&t, &w, "a.example", 11);
    put(&t, &w, "a.example", 2);
    put(&t, &w, "b.example", 11);
    put(&t, &w, "b.example", 11);
}

static void full(void **state)
{
    (void)state;
    for (size_t cap = DNS_HEADER; cap < DNS_HEADER + 17; cap++) {
        uint8_t *buf = test_malloc(cap);
        struct name_table t;
        struct writer w = begun(&t, buf, cap);
        struct dns_name name = name_of("www.example.com");
        name_put(&t, &w, &name);
        assert_true(w.full);
        test_free(buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suffixes),
        cmocka_unit_test(crowded),
        cmocka_unit_test(reach),
        cmocka_unit_test(full),
    };
    return cmocka_run_group_tests_name("dns compress", tests, NULL, NULL);
}
