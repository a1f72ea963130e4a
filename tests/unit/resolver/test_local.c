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
    size_t len = local_answer(&q, NOW, block, sizeof block);
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
    assert_int_equal(local_answer(&q, NOW, block, sizeof block), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(localhost_is_the_loopback),  cmocka_unit_test(invalid_and_onion_do_not_exist),
        cmocka_unit_test(discovery_is_not_forwarded), cmocka_unit_test(any_gets_hinfo),
        cmocka_unit_test(all_else_is_not_ours),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
