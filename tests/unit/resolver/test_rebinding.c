/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who may have private addresses, and what is told instead. */
#include "tests/unit/data/dns/reply.h"

#include "data/base/metric.h"
#include "resolver/rebinding.h"

enum { NOW = 1000000 };

static uint8_t block[4096];

static struct answer answer_with(const char *address, uint32_t ttl)
{
    struct dns_query q = question("www.corp.example", DNS_A, false);
    struct answer_builder b;
    struct answer a;
    answer_begin(&b, &q, DNS_NOERROR, 0, block, sizeof block);
    answer_add(&b, DNS_ANSWER, NULL, DNS_A, ttl, bytes_of(address, 4));
    size_t n = answer_end(&b, NOW);
    assert_true(n && answer_open(bytes_of(block, n), true, &a));
    return a;
}

static bool accepts(const struct conf *conf, const char *text, const struct answer *a)
{
    struct rebinding *r = rebinding_new(conf);
    struct dns_name name = name_of(text);
    bool out = rebinding_accepts(r, &name, a);
    rebinding_free(&r);
    return out;
}

static void names_allowed(void **state)
{
    (void)state;
    static const char *const allow[] = {"corp.example", "lan"};
    struct conf conf = {.rebinding = {true, allow, 2}};
    struct answer a = answer_with("\12\0\0\1", 60);
    assert_true(accepts(&conf, "www.corp.example", &a));
    assert_true(accepts(&conf, "corp.example", &a));
    assert_true(accepts(&conf, "nas.LAN", &a));
    assert_false(accepts(&conf, "xcorp.example", &a));
    assert_false(accepts(&conf, "example", &a));
    conf.rebinding.protect = false;
    assert_true(accepts(&conf, "example", &a));
    a = answer_with("\10\10\10\10", 60);
    conf.rebinding.protect = true;
    assert_true(accepts(&conf, "example", &a));
}

static void told_instead(void **state)
{
    (void)state;
    static uint8_t out[1024];
    struct conf conf = {.rebinding = {.protect = true}, .cache = {.negative_max = 100000}};
    struct dns_query q = question("www.corp.example", DNS_A, false);
    struct answer a = answer_with("\12\0\0\1", 60), instead;
    struct rebinding *r = rebinding_new(&conf);
    size_t n = rebinding_instead(r, &q, &a, out, sizeof out);
    assert_true(n && answer_open(bytes_of(out, n), true, &instead));
    assert_int_equal(instead.head.rcode, DNS_NOERROR);
    assert_int_equal(instead.head.flags, ANSWER_NEGATIVE | ANSWER_FILTERED);
    assert_int_equal(instead.head.ttl, 60);
    assert_int_equal(instead.head.stored, NOW);
    a = answer_with("\12\0\0\1", 6000);
    n = rebinding_instead(r, &q, &a, out, sizeof out);
    assert_true(n && answer_open(bytes_of(out, n), true, &instead));
    assert_int_equal(instead.head.ttl, 100);
    /* Kept from before: of use only while it would be made again. */
    static const char *const allow[] = {"corp.example"};
    assert_true(rebinding_accepts(r, &q.name, &instead));
    rebinding_free(&r);
    conf.rebinding.allow = allow;
    conf.rebinding.allow_count = 1;
    assert_false(accepts(&conf, "www.corp.example", &instead));
    conf.rebinding.allow_count = 0;
    conf.rebinding.protect = false;
    assert_false(accepts(&conf, "www.corp.example", &instead));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(names_allowed), cmocka_unit_test(told_instead)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
