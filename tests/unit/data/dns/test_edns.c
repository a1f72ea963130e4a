/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OPT written and read: options, padding for any length and block, and the message's bound. */
#include "tests/unit/data/dns/reply.h"

#include "data/dns/edns.h"

static void options_walked(void **state)
{
    (void)state;
    struct bytes rest = BYTES_LIT("\0\x08\0\2ab\0\x0c\0\0\0\x0f\0\3\0\1x");
    struct edns_option o;
    assert_true(edns_next(&rest, &o));
    assert_int_equal(o.code, EDNS_CLIENT_SUBNET);
    assert_true(bytes_equal(o.data, BYTES_LIT("ab")));
    assert_true(edns_next(&rest, &o));
    assert_int_equal(o.code, EDNS_PADDING);
    assert_int_equal(o.data.len, 0);
    assert_true(edns_next(&rest, &o));
    assert_false(edns_next(&rest, &o));
    assert_int_equal(rest.len, 0);
    rest = BYTES_LIT("\0\x08\0\3ab");
    assert_false(edns_next(&rest, &o));
    assert_int_equal(rest.len, 6);
}

static void ede(void **state)
{
    (void)state;
    uint16_t code = 0;
    struct bytes text;
    assert_false(ede_in(BYTES_LIT("\0\x0c\0\0"), &code, &text));
    assert_false(ede_in(BYTES_LIT("\0\x0f\0\1\0"), &code, &text));
    assert_true(ede_in(BYTES_LIT("\0\x0f\0\1\0\0\x0f\0\4\0\x11hi"), &code, &text));
    assert_int_equal(code, 17);
    assert_true(bytes_equal(text, BYTES_LIT("hi")));
    assert_string_equal(edns_ede_name(4), "Forged Answer");
    assert_string_equal(edns_ede_name(9999), "");
}

static void padding_sizes(void **state)
{
    (void)state;
    static uint8_t buf[4096];
    static const uint16_t blocks[] = {EDNS_BLOCK_QUERY, EDNS_BLOCK_ANSWER, 1};
    for (unsigned b = 0; b < 3; b++) {
        for (size_t before = DNS_HEADER; before < 1000; before++) {
            struct writer w = {.data = buf, .len = before, .cap = sizeof buf};
            edns_write(&w, &(struct edns_reply){.ede = -1, .block = blocks[b]});
            assert_int_equal(w.len % blocks[b], 0);
            assert_in_range(w.len, before + 15, before + 15 + blocks[b] - 1u);
        }
    }
}

static void written_and_read(void **state)
{
    (void)state;
    uint8_t buf[2048];
    struct dns_edns edns;
    struct writer w = writer_of(buf, sizeof buf);
    struct edns_reply e = {.udp_size = 1232,
                           .rcode = 0x123,
                           .dnssec_ok = true,
                           .ede = 9,
                           .text = BYTES_LIT("abc"),
                           .block = 468};
    edns_write(&w, &e);
    assert_int_equal(w.len, 468);
    assert_memory_equal(buf, "\0\0\x29\4\xd0\x12\0\x80\0", 9);
    assert_int_equal(get_u16(buf + 9), 457);
    assert_true(edns_read(get_u16(buf + 3), get_u32(buf + 5), bytes_of(buf + 11, 457), &edns));
    assert_true(edns.present && edns.dnssec_ok && edns.padded);
    assert_int_equal(edns.udp_size, 1232);
    assert_int_equal(edns.version, 0);
}

static void keepalive(void **state)
{
    (void)state;
    uint8_t buf[512];
    struct dns_edns edns;
    struct writer w = writer_of(buf, sizeof buf);
    edns_write(&w, &(struct edns_reply){.ede = -1, .keepalive = true, .idle = 300});
    assert_int_equal(w.len, 17);
    assert_memory_equal(buf + 9, "\0\6\0\x0b\0\2\1\x2c", 8);
    assert_true(edns_read(1232, 0, BYTES_LIT("\0\x0b\0\0"), &edns));
    assert_true(edns.keepalive && !edns.padded);
    w.len = 0;
    edns_write(&w, &(struct edns_reply){.ede = 3, .keepalive = true, .idle = 1, .block = 468});
    assert_int_equal(w.len, 468);
}

static void text_is_cut(void **state)
{
    (void)state;
    static uint8_t text[5000];
    uint8_t buf[2048];
    struct writer w = writer_of(buf, sizeof buf);
    edns_write(&w, &(struct edns_reply){.ede = 0, .text = bytes_of(text, sizeof text)});
    assert_int_equal(w.len, 11 + 4 + 2 + EDNS_TEXT_MAX);
}

/* Close to 65535: first padding shrinks, then EDE goes, then nothing fits. */
static void bound(void **state)
{
    (void)state;
    static uint8_t buf[70000];
    struct edns_reply e = {.ede = 4, .text = BYTES_LIT("text"), .block = 468};
    for (size_t before = DNS_MSG_MAX - 600; before <= DNS_MSG_MAX; before++) {
        struct writer w = {.data = buf, .len = before, .cap = sizeof buf};
        edns_write(&w, &e);
        assert_int_equal(w.full, before + 11 > DNS_MSG_MAX);
        if (w.full)
            continue;
        assert_true(w.len <= DNS_MSG_MAX);
        assert_int_equal(get_u16(buf + before + 9), w.len - before - 11);
        uint16_t code;
        struct bytes text, options = bytes_of(buf + before + 11, w.len - before - 11);
        assert_int_equal(ede_in(options, &code, &text), before + 11 + 10 <= DNS_MSG_MAX);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_walked), cmocka_unit_test(ede),
        cmocka_unit_test(padding_sizes),  cmocka_unit_test(written_and_read),
        cmocka_unit_test(keepalive),      cmocka_unit_test(text_is_cut),
        cmocka_unit_test(bound),
    };
    return cmocka_run_group_tests_name("dns edns", tests, NULL, NULL);
}
