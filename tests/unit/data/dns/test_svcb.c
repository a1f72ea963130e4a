/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS RDATA: byte for byte, keys ascending, nothing empty, nothing past the writer's end. */
#include "tests/unit/data/dns/reply.h"

#include "data/dns/svcb.h"

static const struct ip hints[] = {
    {4, {192, 0, 2, 1}}, {16, {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}}, {4, {192, 0, 2, 2}}};
static const char *const alpn[] = {"h2", "http/1.1", NULL};

static void everything(void **state)
{
    (void)state;
    static const uint8_t expect[] = "\0\1\0"
                                    "\0\1\0\x0c\2h2\x08http/1.1"
                                    "\0\3\0\2\x01\xbb"
                                    "\0\4\0\x08\xc0\0\2\1\xc0\0\2\2"
                                    "\0\5\0\3ech"
                                    "\0\6\0\x10\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\1";
    const struct svcb s = {
        .priority = 1, .alpn = alpn, .port = 443, .hints = hints, .hint_count = 3, .ech = BYTES_LIT("ech")};
    uint8_t buf[256];
    struct writer w = writer_of(buf, sizeof buf);
    svcb_write(&w, &s);
    assert_int_equal(w.len, sizeof expect - 1);
    assert_memory_equal(buf, expect, sizeof expect - 1);
    for (size_t cap = 0; cap < sizeof expect - 1; cap++) {
        uint8_t *small = test_malloc(cap + 1);
        w = writer_of(small, cap);
        svcb_write(&w, &s);
        assert_true(w.full);
        test_free(small);
    }
}

static void little(void **state)
{
    (void)state;
    uint8_t buf[64];
    struct writer w = writer_of(buf, sizeof buf);
    svcb_write(&w, &(struct svcb){.priority = 0, .target = BYTES_LIT("\1a\0")});
    assert_true(bytes_equal(writer_done(&w), BYTES_LIT("\0\0\1a\0")));
    static const char *const none[] = {NULL};
    w = writer_of(buf, sizeof buf);
    svcb_write(&w, &(struct svcb){.priority = 2, .alpn = none, .hints = hints, .hint_count = 1});
    assert_true(bytes_equal(writer_done(&w), BYTES_LIT("\0\2\0\0\4\0\4\xc0\0\2\1")));
}

static void refused(void **state)
{
    (void)state;
    static uint8_t buf[80000], ech[UINT16_MAX + 1];
    static char name[300];
    const char *const empty[] = {"", NULL}, *const large[] = {name, NULL};
    memset(name, 'x', 256);
    struct writer w = writer_of(buf, sizeof buf);
    svcb_write(&w, &(struct svcb){.priority = 1, .alpn = empty});
    assert_true(w.full);
    w = writer_of(buf, sizeof buf);
    svcb_write(&w, &(struct svcb){.priority = 1, .alpn = large});
    assert_true(w.full);
    w = writer_of(buf, sizeof buf);
    svcb_write(&w, &(struct svcb){.priority = 1, .ech = bytes_of(ech, sizeof ech)});
    assert_true(w.full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything), cmocka_unit_test(little),
                                       cmocka_unit_test(refused)};
    return cmocka_run_group_tests_name("dns svcb", tests, NULL, NULL);
}
