/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone files and sets of records: what is taken, what is refused and in which line, what comes back from
 * disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/dns/msg.h"
#include "data/dns/zonefile.h"

#define SOA "@ 60 IN SOA localhost. root.localhost. 7 300 60 86400 5\n"

static struct dns_name zone;

static struct dns_name name(const char *text)
{
    struct dns_name n;
    assert_true(name_from_text(bytes_str(text), &n));
    return n;
}

static struct records *read_text(const char *text, struct zonefile_error *error)
{
    struct soa soa;
    zone = name("rpz.example");
    return zonefile_read(bytes_str(text), &zone, &soa, error);
}

static struct records *good(const char *text)
{
    struct zonefile_error error;
    struct records *r = read_text(text, &error);
    if (!r)
        fail_msg("line %u: %s", error.line, error.what);
    return r;
}

static void bad(const char *text, unsigned line, const char *what)
{
    struct zonefile_error error;
    struct records *r = read_text(text, &error);
    assert_null(r);
    if (what)
        assert_string_equal(error.what, what);
    assert_int_equal(error.line, line);
}

static bool has(struct records *r, const char *owner, uint16_t type, struct bytes rdata)
{
    struct dns_name n = name(owner);
    struct records *copy = records_copy(r);
    bool found = records_remove(copy, &n, type, rdata);
    assert_int_equal(records_count(copy), records_count(r) - found);
    records_free(&copy);
    return found;
}

static void records_are_read(void **state)
{
    (void)state;
    struct records *r =
        good("$TTL 60\n" SOA "@ NS localhost.\nNews.Example A 9.9.9.9 ; comment\n"
             "www.news.example 30 IN A ( 1.1.1.1\n )\nwww.news.example.rpz.example. A 1.1.1.1\n"
             "gone.example CNAME .\n");
    assert_int_equal(records_count(r), 4);
    assert_true(has(r, "news.example.rpz.example", DNS_A, BYTES_LIT("\x09\x09\x09\x09")));
    assert_true(has(r, "www.news.example.rpz.example", DNS_A, BYTES_LIT("\1\1\1\1")));
    assert_true(has(r, "gone.example.rpz.example", DNS_CNAME, BYTES_LIT("\0")));
    assert_false(has(r, "gone.example.rpz.example", DNS_A, BYTES_LIT("\0")));
    records_free(&r);
}

static void the_soa_is_told(void **state)
{
    (void)state;
    struct zonefile_error error;
    struct soa soa;
    zone = name("rpz.example");
    struct records *r = zonefile_read(bytes_str(SOA), &zone, &soa, &error);
    assert_non_null(r);
    assert_int_equal(records_count(r), 0);
    assert_int_equal(soa.serial, 7);
    assert_int_equal(soa.refresh, 300);
    assert_int_equal(soa.retry, 60);
    assert_int_equal(soa.expire, 86400);
    records_free(&r);
    assert_true(soa_serial_newer(1, 0xffffffff));
    assert_false(soa_serial_newer(5, 5));
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    bad("", 0, "empty, or no text");
    bad("news.example A 9.9.9.9\n", 0, "no SOA at the zone's apex");
    bad(SOA "news.example A 9.9.9\n", 2, NULL);
    bad(SOA SOA, 2, "a second SOA");
    bad(SOA "news.example.other. A 9.9.9.9\n", 2, "a record outside of the zone");
    bad(SOA "news.example CH A 9.9.9.9\n", 2, NULL);
    bad(SOA "$INCLUDE /etc/passwd\n", 2, "$INCLUDE is not followed");
    bad(SOA "$GENERATE 1-9 a$ A 9.9.9.9\n", 2, NULL);
    bad(SOA "a NOSUCHTYPE 9\n", 2, NULL);
    struct zonefile_error error;
    struct soa soa;
    assert_null(zonefile_read(bytes_of("a\0b", 3), &zone, &soa, &error));
}

static void a_set_comes_back_from_disk(void **state)
{
    (void)state;
    struct records *r = good(SOA "b A 9.9.9.9\na A 1.1.1.1\na A 1.1.1.0\na A 1.1.1.0\n");
    assert_int_equal(records_count(r), 3);
    uint8_t buffer[512];
    struct writer w = writer_of(buffer, sizeof buffer);
    records_write(r, &w);
    assert_int_equal(w.len, records_size(r));
    struct records *again = records_read(writer_done(&w));
    assert_non_null(again);
    assert_int_equal(records_count(again), 3);
    const struct record **all = records_sorted(again);
    assert_memory_equal(record_rdata(all[0]).data, "\1\1\1\0", 4);
    assert_memory_equal(record_rdata(all[2]).data, "\x09\x09\x09\x09", 4);
    free(all);
    records_free(&again);
    for (size_t cut = 1; cut < w.len; cut++) {
        again = records_read(bytes_of(buffer, cut));
        assert_true(!again || records_count(again) < 3);
        records_free(&again);
    }
    buffer[9] = 0xff; /* the first label is no label any more */
    assert_null(records_read(bytes_of(buffer, w.len)));
    records_free(&r);
}

static void records_come_and_go(void **state)
{
    (void)state;
    struct records *r = records_new();
    struct dns_name n = name("a.example");
    for (uint32_t round = 0; round < 3; round++) {
        for (uint32_t i = 0; i < 5000; i++)
            assert_true(records_add(r, &n, DNS_A, 60, bytes_of(&i, sizeof i)));
        assert_int_equal(records_count(r), 5000);
        for (uint32_t i = 0; i < 5000; i++)
            assert_true(records_remove(r, &n, DNS_A, bytes_of(&i, sizeof i)));
        assert_int_equal(records_count(r), 0);
        assert_int_equal(records_size(r), 0);
    }
    assert_false(records_remove(r, &n, DNS_A, BYTES_LIT("1234")));
    records_free(&r);
}

static void a_zone_has_a_limit(void **state)
{
    (void)state;
    struct records *r = records_new();
    struct dns_name n = name("a.example");
    uint32_t i = 0;
    while (records_add(r, &n, DNS_A, 60, bytes_of(&i, sizeof i)))
        i++;
    assert_int_equal(i, RECORDS_MAX);
    records_free(&r);
    r = records_new();
    uint8_t *large = calloc(1, 65535);
    for (i = 0; records_add(r, &n, DNS_A, 60, bytes_of(large, 65535)); i++)
        memcpy(large, &i, sizeof i);
    assert_true(records_size(r) <= RECORDS_BYTES_MAX && i > 400);
    free(large);
    records_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(records_are_read),    cmocka_unit_test(the_soa_is_told),
        cmocka_unit_test(nonsense_is_refused), cmocka_unit_test(a_set_comes_back_from_disk),
        cmocka_unit_test(records_come_and_go), cmocka_unit_test(a_zone_has_a_limit),
    };
    return cmocka_run_group_tests_name("dns zonefile", tests, NULL, NULL);
}
