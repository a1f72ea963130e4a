/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages as text: an ordinary one word for word, and hostile ones that must stay cheap and printable. */
#include "tests/unit/data/dns/reply.h"

#include <stdio.h>

#include "data/dns/present.h"

static struct reply r;
static char text[1 << 20];

static const char *shown(void)
{
    struct writer w = writer_of(text, sizeof text - 1);
    present_message(&w, writer_done(&r.w));
    assert_false(w.full);
    text[w.len] = '\0';
    for (size_t i = 0; i < w.len; i++)
        assert_true(text[i] == '\n' || text[i] == '\t' || (text[i] >= ' ' && text[i] < 0x7f));
    return text;
}

static void ordinary(void **state)
{
    (void)state;
    reply_begin(&r, "www.example.com", DNS_A, DNS_NXDOMAIN);
    reply_name(&r, DNS_ANSWER, "www.example.com", DNS_CNAME, 300, "a.example");
    reply_soa(&r, "example", 60, 50);
    reply_rr(&r, DNS_ADDITIONAL, ".", DNS_OPT, 0x8000,
             BYTES_LIT("\0\x0f\0\5\0\4a\x1b'\0\x0c\0\2\0\0\0\x0a\0\1x"));
    assert_string_equal(shown(),
                        ";; ->>HEADER<<- opcode: QUERY; status: NXDOMAIN; id: 17185\n"
                        ";; Flags: qr aa rd ra ad; QUERY: 1; ANSWER: 1; AUTHORITY: 1; ADDITIONAL: 1\n"
                        "\n;; EDNS PSEUDOSECTION:\n"
                        ";; Version: 0; flags: do; UDP size: 1 B\n"
                        ";; EDE: 4 (Forged Answer): 'a?''\n"
                        ";; PADDING: 2 B\n"
                        ";; OPTION 10: 1 B\n"
                        "\n;; QUESTION SECTION:\n;; www.example.com.\t\tIN\tA\n"
                        "\n;; ANSWER SECTION:\nwww.example.com.\t300\tIN\tCNAME\ta.example.\n"
                        "\n;; AUTHORITY SECTION:\nexample.\t60\tIN\tSOA\tns. host. 1 2 3 4 50\n");
}

static void records(void **state)
{
    (void)state;
    static const struct {
        uint16_t type;
        struct bytes rdata;
        const char *expect;
    } rows[] = {
        {DNS_A, {(const uint8_t *)"\xc0\0\2\1", 4}, "A\t192.0.2.1\n"},
        {DNS_TXT, {(const uint8_t *)"\4a\"\x1b\xff", 5}, "TXT\t\"a\\\"\\027\\255\"\n"},
        {DNS_HTTPS, {(const uint8_t *)"\0\1\0\0\1\0\3\2h2", 10}, "HTTPS\t1 . alpn=h2\n"},
        {65280, {(const uint8_t *)"\xab\xcd", 2}, "TYPE65280\t\\# 2 abcd\n"},
        {DNS_A, {(const uint8_t *)"abc", 3}, "A\t\\# 3 616263\n"},
        {DNS_MX, {(const uint8_t *)"\0\1\xc0\xff", 4}, "MX\t\\# 4 0001c0ff\n"},
        {11, {(const uint8_t *)"\1\2\3\4\6\xff", 6}, "WKS\t\\# 6 0102030406ff\n"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        reply_begin(&r, "a.example", rows[i].type, 0);
        reply_rr(&r, DNS_ANSWER, "a.example", rows[i].type, 300, rows[i].rdata);
        const char *line = strstr(shown(), "\na.example.\t300\tIN\t");
        assert_non_null(line);
        assert_string_equal(line + 19, rows[i].expect);
    }
}

/* RDATA that costs ldns gigabytes is not given to it. */
static void bombs(void **state)
{
    (void)state;
    static const uint8_t zeros[60000];
    static const size_t sizes[] = {PRESENT_STRINGS_MAX + 1, 4000, 60000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char expect[32];
        reply_begin(&r, "a.example", DNS_TXT, 0);
        reply_rr(&r, DNS_ANSWER, "a.example", DNS_TXT, 300, bytes_of(zeros, sizes[i]));
        snprintf(expect, sizeof expect, "TXT\t\\# %zu 0000", sizes[i]);
        assert_non_null(strstr(shown(), expect));
    }
    reply_begin(&r, "a.example", DNS_TXT, 0);
    reply_rr(&r, DNS_ANSWER, "a.example", DNS_TXT, 300, bytes_of(zeros, 3));
    assert_non_null(strstr(shown(), "TXT\t\"\" \"\" \"\"\n"));
}

static void malformed(void **state)
{
    (void)state;
    reply_begin(&r, "a.example", DNS_A, 0);
    reply_a(&r, "a.example", 300, "\1\2\3\4");
    reply_a(&r, "a.example", 300, "\1\2\3\5");
    size_t full = r.w.len;
    for (size_t len = 0; len < full; len++) {
        r.w.len = len;
        const char *t = shown();
        assert_true(strstr(t, "malformed") || strstr(t, "not a DNS message"));
    }
    r.w.len = full;
    assert_null(strstr(shown(), "malformed"));
    /* an owner that points to itself */
    reply_begin(&r, "a.example", DNS_A, 0);
    uint16_t at = (uint16_t)r.w.len;
    writer_u16(&r.w, 0xc000 | at);
    writer_put(&r.w, "\0\1\0\1\0\0\0\0\0\4abcd", 14);
    reply_count(&r, DNS_ANSWER);
    assert_non_null(strstr(shown(), "malformed"));
}

static void little_room(void **state)
{
    (void)state;
    reply_begin(&r, "a.example", DNS_A, 0);
    reply_a(&r, "a.example", 300, "\1\2\3\4");
    size_t need = strlen(shown()) + 1;
    for (size_t cap = 0; cap < need; cap++) {
        uint8_t *small = test_malloc(cap + 1);
        struct writer w = writer_of(small, cap);
        present_message(&w, writer_done(&r.w));
        assert_true(w.full || cap + 1 == need);
        test_free(small);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ordinary),  cmocka_unit_test(records),     cmocka_unit_test(bombs),
        cmocka_unit_test(malformed), cmocka_unit_test(little_room),
    };
    return cmocka_run_group_tests_name("dns present", tests, NULL, NULL);
}
