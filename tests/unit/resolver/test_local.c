/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Special-use names and ANY are answered by ourselves, everything else is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "resolver/local.h"

enum { NOW = 1000000 };

static uint8_t block[2048];

static bool ask(const char *name, uint16_t type, struct answer *out)
{
    uint8_t message[512];
    struct dns_name n;
    struct dns_query q;
    struct writer w = writer_of(message, sizeof message);
    assert_true(name_from_text(bytes_str(name), &n));
    query_write(&w, 0, DNS_RD, &n, type, 0, false);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    struct local_zone zone;
    size_t len = local_find(&q, &zone) ? local_answer(&zone, &q, NOW, block, sizeof block)
                 : q.type == DNS_ANY   ? local_any(&q, NOW, block, sizeof block)
                                       : 0;
    if (len)
        assert_true(answer_open(bytes_of(block, len), true, out));
    return len != 0;
}

/* The only RR of the answer section. */
static struct dns_rr only_rr(const struct answer *a)
{
    struct msg_iter it;
    struct dns_rr rr, next;
    assert_true(msg_iter_init(&it, a->wire));
    assert_true(msg_next(&it, &rr));
    assert_false(msg_next(&it, &next));
    assert_false(it.malformed);
    return rr;
}

static void localhost_is_the_loopback(void **state)
{
    (void)state;
    static const char *const names[] = {"localhost", "LOCALHOST", "a.b.localhost"};
    for (size_t i = 0; i < 3; i++) {
        struct answer a;
        assert_true(ask(names[i], DNS_A, &a));
        struct dns_rr rr = only_rr(&a);
        assert_int_equal(rr.section, DNS_ANSWER);
        assert_true(bytes_equal(rr.rdata, BYTES_LIT("\x7f\0\0\1")));
        assert_true(ask(names[i], DNS_AAAA, &a));
        assert_true(bytes_equal(only_rr(&a).rdata, BYTES_LIT("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1")));
        assert_true(ask(names[i], DNS_HTTPS, &a));
        assert_int_equal(a.head.rcode, DNS_NOERROR);
        assert_int_equal(only_rr(&a).type, DNS_SOA);
    }
}

static void invalid_and_onion_do_not_exist(void **state)
{
    (void)state;
    static const char *const names[] = {"invalid", "x.invalid", "onion", "abcdefgh.onion",
                                        "www.abcdefgh.onion"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct answer a;
        assert_true(ask(names[i], DNS_A, &a));
        assert_int_equal(a.head.rcode, DNS_NXDOMAIN);
        assert_true(a.head.flags & ANSWER_NEGATIVE);
        assert_int_equal(only_rr(&a).type, DNS_SOA);
    }
}

static void discovery_is_not_forwarded(void **state)
{
    (void)state;
    struct answer a;
    assert_true(ask("_dns.resolver.arpa", DNS_SVCB, &a));
    assert_int_equal(a.head.rcode, DNS_NOERROR);
    assert_int_equal(only_rr(&a).type, DNS_SOA);
}

static void any_gets_hinfo(void **state)
{
    (void)state;
    struct answer a;
    assert_true(ask("example.com", DNS_ANY, &a));
    struct dns_rr rr = only_rr(&a);
    assert_int_equal(rr.type, 13);
    assert_true(bytes_equal(rr.rdata, BYTES_LIT("\7RFC8482\0")));
}

static void all_else_is_not_ours(void **state)
{
    (void)state;
    static const char *const names[] = {"example.com", "localhost.example.com", "xlocalhost", "notonion",
                                        ".",           "onion.example",         "arpa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct answer a;
        assert_false(ask(names[i], DNS_A, &a));
    }
    /* The zone's bytes inside one label are not the zone. */
    uint8_t message[64];
    struct dns_query q;
    struct dns_name n = {.len = 13};
    memcpy(n.wire, "\013x\011localhost", 12);
    struct writer w = writer_of(message, sizeof message);
    query_write(&w, 0, DNS_RD, &n, DNS_A, 0, false);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    struct local_zone zone;
    assert_false(local_find(&q, &zone));
}

/* What a name gets for A, and where the SOA says the zone begins. */
static void expect(const char *name, unsigned rcode, const char *zone)
{
    struct answer a;
    struct dns_name owner, wanted;
    assert_true(ask(name, DNS_A, &a));
    assert_int_equal(a.head.rcode, rcode);
    assert_true(a.head.flags & ANSWER_NEGATIVE);
    struct dns_rr rr = only_rr(&a);
    assert_int_equal(rr.type, DNS_SOA);
    assert_int_equal(rr.section, DNS_AUTHORITY);
    size_t at = rr.owner;
    assert_true(name_read(a.wire, &at, &owner) && name_from_text(bytes_str(zone), &wanted));
    assert_true(name_equal(&owner, &wanted));
}

static void private_reverse_zones_are_empty(void **state)
{
    (void)state;
    expect("10.in-addr.arpa", DNS_NOERROR, "10.in-addr.arpa");
    expect("1.2.3.10.in-addr.arpa", DNS_NXDOMAIN, "10.in-addr.arpa");
    expect("1.2.16.172.in-addr.arpa", DNS_NXDOMAIN, "16.172.in-addr.arpa");
    expect("31.172.in-addr.arpa", DNS_NOERROR, "31.172.in-addr.arpa");
    expect("1.0.168.192.in-addr.arpa", DNS_NXDOMAIN, "168.192.in-addr.arpa");
    expect("9.100.100.in-addr.arpa", DNS_NXDOMAIN, "100.100.in-addr.arpa");
    expect("1.254.169.in-addr.arpa", DNS_NXDOMAIN, "254.169.in-addr.arpa");
    expect("x.d.f.ip6.arpa", DNS_NXDOMAIN, "d.f.ip6.arpa");
    expect("0.8.e.f.ip6.arpa", DNS_NXDOMAIN, "8.e.f.ip6.arpa");
    expect("printer.home.arpa", DNS_NXDOMAIN, "home.arpa");
    expect("home.arpa", DNS_NOERROR, "home.arpa");
    expect("a.test", DNS_NXDOMAIN, "test");
    expect("printer.local", DNS_NXDOMAIN, "local");
}

static void neighbours_of_ranges_are_public(void **state)
{
    (void)state;
    static const char *const names[] = {"1.15.172.in-addr.arpa",
                                        "1.32.172.in-addr.arpa",
                                        "172.in-addr.arpa",
                                        "63.100.in-addr.arpa",
                                        "128.100.in-addr.arpa",
                                        "016.172.in-addr.arpa",
                                        "x.172.in-addr.arpa",
                                        "11.in-addr.arpa",
                                        "110.in-addr.arpa",
                                        "1.192.in-addr.arpa",
                                        "in-addr.arpa",
                                        "c.f.ip6.arpa",
                                        "f.ip6.arpa",
                                        "xhome.arpa",
                                        "nottest",
                                        "test.example",
                                        "172.16.example.arpa",
                                        "ipv4only.arpa",
                                        "99999999999999999999.172.in-addr.arpa"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct answer a;
        assert_false(ask(names[i], DNS_A, &a));
    }
}

static void an_empty_zone_has_soa_and_ns(void **state)
{
    (void)state;
    struct answer a;
    static const uint16_t types[] = {DNS_SOA, DNS_NS};
    for (size_t i = 0; i < 2; i++) {
        assert_true(ask("168.192.in-addr.arpa", types[i], &a));
        struct dns_rr rr = only_rr(&a);
        assert_int_equal(rr.section, DNS_ANSWER);
        assert_int_equal(rr.type, types[i]);
        assert_true(ask("1.168.192.in-addr.arpa", types[i], &a));
        assert_int_equal(a.head.rcode, DNS_NXDOMAIN);
    }
}

static void a_zones_ds_is_its_parents(void **state)
{
    (void)state;
    struct answer a;
    assert_false(ask("home.arpa", DNS_DS, &a));
    assert_false(ask("10.in-addr.arpa", DNS_DS, &a));
    assert_true(ask("1.10.in-addr.arpa", DNS_DS, &a));
}

static void loopback_addresses_have_a_name(void **state)
{
    (void)state;
    static const char *const names[] = {
        "1.0.0.127.in-addr.arpa", "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa"};
    for (size_t i = 0; i < 2; i++) {
        struct answer a;
        assert_true(ask(names[i], DNS_PTR, &a));
        struct dns_rr rr = only_rr(&a);
        assert_int_equal(rr.type, DNS_PTR);
        assert_true(bytes_equal(rr.rdata, BYTES_LIT("\011localhost\0")));
    }
    expect("2.0.0.127.in-addr.arpa", DNS_NXDOMAIN, "127.in-addr.arpa");
    expect("0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa", DNS_NOERROR,
           "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.ip6.arpa");
}

static void some_rows_are_always_answered(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        bool optional;
    } cases[] = {{"localhost", false},     {"x.onion", false},         {"x.invalid", false},
                 {"resolver.arpa", false}, {"x.test", true},           {"x.local", true},
                 {"x.home.arpa", true},    {"1.10.in-addr.arpa", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct dns_query q = {.type = DNS_A, .class = DNS_CLASS_IN};
        struct local_zone zone;
        assert_true(name_from_text(bytes_str(cases[i].name), &q.name));
        assert_true(local_find(&q, &zone));
        assert_int_equal(zone.optional, cases[i].optional);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_the_loopback),
        cmocka_unit_test(invalid_and_onion_do_not_exist),
        cmocka_unit_test(discovery_is_not_forwarded),
        cmocka_unit_test(any_gets_hinfo),
        cmocka_unit_test(all_else_is_not_ours),
        cmocka_unit_test(private_reverse_zones_are_empty),
        cmocka_unit_test(neighbours_of_ranges_are_public),
        cmocka_unit_test(an_empty_zone_has_soa_and_ns),
        cmocka_unit_test(a_zones_ds_is_its_parents),
        cmocka_unit_test(loopback_addresses_have_a_name),
        cmocka_unit_test(some_rows_are_always_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
