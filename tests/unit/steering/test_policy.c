/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone as it is kept: it comes back, its rules are found by name, and names that
 * others have are none of its sites. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "data/dns/zonefile.h"
#include "steering/policy.h"
#include "steering/state.h"

#define RULES                                                                                                \
    "@ 60 IN SOA localhost. root.localhost. 7 300 60 86400 5\n$TTL 60\n@ NS localhost.\n"                    \
    "one.example A 1.1.1.1\none.example AAAA 2606:4700::1\ntwo.example A 1.1.1.1\n"                          \
    "passed.example CNAME rpz-passthru.\n*.passed.example CNAME rpz-passthru.\n*.a.two.example A 1.1.1.1\n"

struct fixture {
    char dir[64];
    struct guard *guard;
    struct dns_name zone;
    struct rpz_judge judge;
    struct store *store;
};

static struct dns_name name(const char *text)
{
    struct dns_name n;
    assert_true(name_from_text(bytes_str(text), &n));
    return n;
}

static struct policy_zone *make(const struct fixture *f)
{
    struct zonefile_error error;
    struct soa soa;
    struct records *records = zonefile_read(bytes_str(RULES), &f->zone, &soa, &error);
    if (!records)
        fail_msg("line %u: %s", error.line, error.what);
    struct policy_zone *p = policy_new(records, &soa, &f->judge);
    assert_non_null(p);
    p->checked = 12345;
    return p;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct store_txn *t;
    strcpy(f->dir, "/tmp/polynya-policy-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    f->guard = guard_new(NULL, 0);
    f->zone = name("rpz.example");
    f->judge = (struct rpz_judge){.zone = &f->zone, .guard = f->guard, .now = 1795000000};
    assert_int_equal(state_open(f->dir, false, &f->store), STORE_OK);
    struct policy_zone *p = make(f);
    assert_int_equal(store_write(f->store, &t), STORE_OK);
    assert_int_equal(policy_store(t, "mine", &f->zone, p), STORE_OK);
    assert_int_equal(store_commit(t), STORE_OK);
    policy_free(&p);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char path[96];
    store_close(&f->store);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/steering.mdb%s", f->dir, i ? "-lock" : "");
        unlink(path);
    }
    rmdir(f->dir);
    guard_free(&f->guard);
    free(f);
    return 0;
}

static void what_was_kept_comes_back(void **state)
{
    struct fixture *f = *state;
    struct store_txn *t;
    const struct dns_name other = name("other.example");
    assert_int_equal(store_read(f->store, &t), STORE_OK);
    struct policy_zone *p = policy_load(t, "mine", &f->judge);
    assert_non_null(p);
    assert_int_equal(p->soa.serial, 7);
    assert_int_equal(p->checked, 12345);
    assert_int_equal(p->rules.site_count, 2);
    assert_int_equal(p->rules.passed_count, 2);
    policy_free(&p);
    assert_null(policy_load(t, "none", &f->judge));
    f->judge.zone = &other;
    assert_null(policy_load(t, "mine", &f->judge));
    store_abort(t);
}

/* The records of the rule for it; 0: there is none. */
static size_t rule(const struct fixture *f, const char *of, const char *owner)
{
    struct store_txn *t;
    struct policy_rule r;
    const struct dns_name n = name(of), expected = name(owner);
    assert_int_equal(store_read(f->store, &t), STORE_OK);
    bool found = policy_rule_load(t, "mine", &n, &r);
    store_abort(t);
    if (!found)
        return 0;
    size_t count = records_count(r.records);
    assert_true(name_equal(&r.owner, &expected));
    assert_true(name_equal(&r.zone, &f->zone));
    assert_int_equal(r.serial, 7);
    records_free(&r.records);
    return count;
}

static void a_rule_is_found_by_its_name_or_the_nearest_wildcard(void **state)
{
    const struct fixture *f = *state;
    char longest[DNS_NAME_TEXT_MAX] = "";
    assert_int_equal(rule(f, "one.example", "one.example"), 2);
    assert_int_equal(rule(f, "passed.example", "passed.example"), 1);
    assert_int_equal(rule(f, "x.y.passed.example", "*.passed.example"), 1);
    assert_int_equal(rule(f, "x.a.two.example", "*.a.two.example"), 1);
    assert_int_equal(rule(f, "x.two.example", "."), 0);
    assert_int_equal(rule(f, "none.example", "."), 0);
    assert_int_equal(rule(f, ".", "."), 0);
    for (int i = 0; i < 119; i++)
        strcat(longest, "x.");
    assert_int_equal(rule(f, strcat(longest, "passed.example"), "*.passed.example"), 1);
}

/* The zone kept as "odd" is that block. */
static void put_odd(const struct fixture *f, struct store_txn *t, struct bytes block)
{
    struct policy_rule r;
    const struct dns_name n = name("one.example");
    assert_int_equal(state_put_policy(t, "odd", STATE_POLICY_ZONE, block), STORE_OK);
    struct policy_zone *p = policy_load(t, "odd", &f->judge);
    policy_free(&p);
    if (policy_rule_load(t, "odd", &n, &r))
        records_free(&r.records);
}

static void a_damaged_zone_is_read_within_its_bounds(void **state)
{
    const struct fixture *f = *state;
    struct store_txn *t;
    struct bytes value;
    assert_int_equal(store_write(f->store, &t), STORE_OK);
    assert_int_equal(state_get_policy(t, "mine", STATE_POLICY_ZONE, &value), STORE_OK);
    size_t len = value.len;
    uint8_t *copy = malloc(len);
    memcpy(copy, value.data, len);
    for (size_t cut = 0; cut < len; cut++)
        put_odd(f, t, bytes_of(copy, cut));
    for (size_t at = 0; at < len; at++) {
        copy[at] ^= 0xff;
        put_odd(f, t, bytes_of(copy, len));
        copy[at] ^= 0xff;
    }
    copy[0] ^= 1;
    assert_int_equal(state_put_policy(t, "odd", STATE_POLICY_ZONE, bytes_of(copy, len)), STORE_OK);
    assert_null(policy_load(t, "odd", &f->judge));
    store_abort(t);
    free(copy);
}

static void names_that_are_taken_are_none_of_its_sites(void **state)
{
    const struct fixture *f = *state;
    struct policy_zone *p = make(f);
    struct records *taken = records_new();
    const struct dns_name one = name("one.example"), all = name("*.example"),
                          passed = name("*.passed.example");
    size_t count;
    assert_true(policy_choose(p, taken, &count));
    assert_int_equal(count, 2);
    assert_true(records_have(taken, &passed, 0, BYTES_NONE));
    assert_true(records_add(taken, &one, 0, 0, BYTES_NONE));
    assert_true(policy_choose(p, taken, &count));
    assert_int_equal(count, 1);
    assert_string_equal(p->live[0].registration->domain, "two.example");
    assert_true(records_add(taken, &all, 0, 0, BYTES_NONE));
    assert_true(policy_choose(p, taken, &count));
    assert_int_equal(count, 0);
    records_free(&taken);
    policy_free(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_kept_comes_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rule_is_found_by_its_name_or_the_nearest_wildcard, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_zone_is_read_within_its_bounds, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_that_are_taken_are_none_of_its_sites, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("steering policy", tests, NULL, NULL);
}
