/* SPDX-License-Identifier: GPL-3.0-or-later */
/* X-Forwarded-For and Forwarded: whose address comes out, and that nothing in front of it matters. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <stdio.h>

#include "resolver/net/forwarded.h"

static struct ip_net trusted[3];
static struct proxies xff = {.header = FORWARDED_X_FORWARDED_FOR, .trusted = trusted, .trusted_count = 3};
static struct proxies rfc = {.header = FORWARDED_RFC7239, .trusted = trusted, .trusted_count = 3};

static int setup(void **state)
{
    (void)state;
    return ip_net_parse(bytes_str("10.0.0.0/8"), &trusted[0]) &&
                   ip_net_parse(bytes_str("2001:db8:1::/48"), &trusted[1]) &&
                   ip_net_parse(bytes_str("127.0.0.1"), &trusted[2])
               ? 0
               : -1;
}

static struct line {
    const char *text, *client; /* "": unknown */
} xff_lines[] = {
    {"192.0.2.1", "192.0.2.1"},
    {" \t192.0.2.1 ", "192.0.2.1"},
    {"6.6.6.6, 192.0.2.1", "192.0.2.1"},
    {"6.6.6.6,192.0.2.1,10.1.2.3", "192.0.2.1"},
    {"6.6.6.6, 192.0.2.1 , 10.1.2.3, 2001:db8:1::7, 127.0.0.1", "192.0.2.1"},
    {"2001:db8::1", "2001:db8::1"},
    {"[2001:db8::1]", "2001:db8::1"},
    {"[2001:db8::1]:443", "2001:db8::1"},
    {"192.0.2.1:50000", "192.0.2.1"},
    {"::ffff:192.0.2.1", "192.0.2.1"},
    {"192.0.2.1, ::ffff:10.0.0.1", "192.0.2.1"},
    {"192.0.2.1, , ,", "192.0.2.1"},
    {"192.0.2.1\"", ""},
    {"unknown", ""},
    {"192.0.2.1, unknown", ""},
    {"192.0.2.1, unknown, 10.0.0.1", ""},
    {"192.0.2.1, x", ""},
    {"192.0.2.1 192.0.2.2", ""},
    {"192.0.2.256", ""},
    {"192.0.2.1:", ""},
    {"192.0.2.1:99999", ""},
    {"[192.0.2.1]", ""},
    {"[2001:db8::1", ""},
    {"fe80::1%eth0", ""},
    {"10.0.0.1", ""},
    {"10.0.0.1, 127.0.0.1", ""},
    {"", ""},
    {" , ", ""},
};

static struct line rfc_lines[] = {
    {"for=192.0.2.43", "192.0.2.43"},
    {"For=\"192.0.2.43:47011\"", "192.0.2.43"},
    {"For=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"},
    {"for=\"[2001:db8:cafe::17]\"", "2001:db8:cafe::17"},
    {"for=192.0.2.60;proto=http;by=203.0.113.43", "192.0.2.60"},
    {"proto=http;by=203.0.113.43;FOR=192.0.2.60", "192.0.2.60"},
    {"for=6.6.6.6, for=198.51.100.17", "198.51.100.17"},
    {"for=6.6.6.6;host=\"a,b\\\"c\", for=198.51.100.17;host=\"a, for=6.6.6.6\", for=10.0.0.1",
     "198.51.100.17"},
    {"for=\"6.6.6.6, for=198.51.100.17", "198.51.100.17"},
    {"for=6.6.6.6;x=\", for=\"[2001:db8::9]:1\"", "2001:db8::9"},
    {"\\\", for=198.51.100.17;host=\"\\\\\"", "198.51.100.17"},
    {"for=192.0.2.1;", "192.0.2.1"},
    {";;for=192.0.2.1", "192.0.2.1"},
    {"for=192.0.2.1, ,", "192.0.2.1"},
    {"for=\"[::ffff:192.0.2.1]\"", "192.0.2.1"},
    {"for=192.0.2.1, for=\"[::ffff:10.0.0.1]\"", "192.0.2.1"},
    {"for=_hidden", ""},
    {"for=\"_SEVKISEK\"", ""},
    {"for=unknown", ""},
    {"for=192.0.2.1, for=unknown", ""},
    {"for=192.0.2.1, proto=https", ""},
    {"for=192.0.2.1;for=192.0.2.2", ""},
    {"for =192.0.2.1", ""},
    {"for= 192.0.2.1", ""},
    {"for=[2001:db8::1]", ""},
    {"for=\"2001:db8::1\"", ""},
    {"for=192.0.2.1:80", ""},
    {"for=\"192.0.2.1", ""},
    {"for=\"192.0.2.1\"x", ""},
    {"for=", ""},
    {"=192.0.2.1", ""},
    {"192.0.2.1", ""},
    {"for=10.0.0.1", ""},
    {"", ""},
};

static void assert_client(const struct forwarded *f, const char *client, const char *what)
{
    char is[IP_TEXT_MAX];
    ip_format(&f->client, is);
    if (strcmp(is, client) != 0)
        fail_msg("%s: got \"%s\"", what, is);
}

static void check(const struct proxies *p, const char *name, const struct line *lines, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct forwarded f;
        forwarded_init(&f, p, true);
        forwarded_field(&f, bytes_str(name), bytes_str(lines[i].text));
        assert_true(f.present);
        assert_client(&f, lines[i].client, lines[i].text);
    }
}

static void reads_x_forwarded_for(void **state)
{
    (void)state;
    check(&xff, "X-Forwarded-For", xff_lines, sizeof xff_lines / sizeof *xff_lines);
}

static void reads_forwarded(void **state)
{
    (void)state;
    check(&rfc, "forwarded", rfc_lines, sizeof rfc_lines / sizeof *rfc_lines);
}

/* A trusted proxy adds a line below what came; whatever that was, the proxy's word stands. */
static void a_later_line_stands_to_the_right(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rfc_lines / sizeof *rfc_lines; i++) {
        struct forwarded f;
        forwarded_init(&f, &rfc, true);
        forwarded_field(&f, BYTES_LIT("forwarded"), bytes_str(rfc_lines[i].text));
        forwarded_field(&f, BYTES_LIT("forwarded"), BYTES_LIT("for=203.0.113.1"));
        forwarded_field(&f, BYTES_LIT("forwarded"), BYTES_LIT("for=10.0.0.2"));
        assert_client(&f, "203.0.113.1", rfc_lines[i].text);
    }
}

static void another_header_says_nothing(void **state)
{
    (void)state;
    struct forwarded f;
    forwarded_init(&f, &xff, true);
    forwarded_field(&f, BYTES_LIT("forwarded"), BYTES_LIT("for=192.0.2.1"));
    forwarded_field(&f, BYTES_LIT("x-forwarded-fo"), BYTES_LIT("192.0.2.1"));
    forwarded_field(&f, BYTES_NONE, BYTES_LIT("192.0.2.1"));
    assert_false(f.present);
    struct proxies none = xff;
    none.header = FORWARDED_NO_HEADER;
    forwarded_init(&f, &none, true);
    forwarded_field(&f, BYTES_LIT("x-forwarded-for"), BYTES_LIT("192.0.2.1"));
    forwarded_field(&f, BYTES_NONE, BYTES_LIT("192.0.2.1"));
    assert_false(f.present);
    forwarded_init(&f, NULL, true);
    forwarded_field(&f, BYTES_LIT("x-forwarded-for"), BYTES_LIT("192.0.2.1"));
    assert_false(f.present);
}

static void an_untrusted_peer_is_seen_and_not_believed(void **state)
{
    (void)state;
    struct forwarded f;
    forwarded_init(&f, &xff, false);
    forwarded_field(&f, BYTES_LIT("x-forwarded-for"), BYTES_LIT("192.0.2.1"));
    assert_true(f.present);
    assert_int_equal(f.client.len, 0);
}

static void too_many_hops_are_unknown(void **state)
{
    (void)state;
    char text[1024] = "192.0.2.1";
    for (int hops = 1; hops <= 17; hops++) {
        struct forwarded f;
        strcat(text, ", 10.0.0.1");
        forwarded_init(&f, &xff, true);
        forwarded_field(&f, BYTES_LIT("x-forwarded-for"), bytes_str(text));
        assert_client(&f, hops <= 16 ? "192.0.2.1" : "", text);
    }
}

static void nobody_is_trusted_by_default(void **state)
{
    (void)state;
    struct ip ip, none = {0};
    assert_true(ip_parse(BYTES_LIT("10.0.0.1"), &ip));
    assert_true(proxies_trust(&xff, &ip));
    assert_false(proxies_trust(&xff, &none));
    assert_false(proxies_trust(&(struct proxies){0}, &ip));
    assert_false(proxies_trust(NULL, &ip));
    struct ip_net all = {.ip = {.len = 4}};
    assert_false(proxies_trust(&(struct proxies){.trusted = &all, .trusted_count = 1}, &none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_x_forwarded_for),
        cmocka_unit_test(reads_forwarded),
        cmocka_unit_test(a_later_line_stands_to_the_right),
        cmocka_unit_test(another_header_says_nothing),
        cmocka_unit_test(an_untrusted_peer_is_seen_and_not_believed),
        cmocka_unit_test(too_many_hops_are_unknown),
        cmocka_unit_test(nobody_is_trusted_by_default),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
