/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust anchors: the ones that are shipped against the distribution's copy of the root's, and what a file may
 * hold. */
#include "tests/unit/resolver/validator/zone_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "resolver/validator/anchors.h"

/* Of Debian's dns-root-data: DS, and the DNSKEYs that they are made of. */
static const char ds_file[] = "/usr/share/dns/root.ds", key_file[] = "/usr/share/dns/root.key";

static struct anchors *load(const char *file)
{
    char error[256] = "";
    struct anchors *a = anchors_load(file, NULL, 0, error, sizeof error);
    if (!a)
        fail_msg("%s: %s", file ? file : "shipped", error);
    return a;
}

static unsigned count_of(const struct anchors *a)
{
    unsigned n = 0;
    while (anchors_get(a, n))
        n++;
    return n;
}

static void shipped_are_the_roots(void **state)
{
    (void)state;
    struct anchors *ours = load(NULL), *theirs = load(ds_file);
    unsigned n = count_of(ours);
    assert_int_equal(n, 2);
    assert_int_equal(count_of(theirs), n);
    for (unsigned i = 0; i < n; i++) {
        bool found = false;
        for (unsigned k = 0; k < n; k++)
            found |= bytes_equal(anchors_get(ours, i)->rdata, anchors_get(theirs, k)->rdata);
        assert_true(found);
        assert_int_equal(anchors_get(ours, i)->type, DNS_DS);
        assert_int_equal(anchors_get(ours, i)->name.len, 1);
    }
    assert_true(anchors_digest(ours) != 0);
    anchors_free(&ours);
    anchors_free(&theirs);
}

/* Each stands for one of the root's keys, and for no other. */
static void shipped_stand_for_its_keys(void **state)
{
    (void)state;
    struct crypto crypto;
    struct anchors *ours = load(NULL), *keys = load(key_file);
    assert_true(crypto_init(&crypto));
    assert_int_equal(count_of(keys), count_of(ours));
    for (unsigned i = 0; anchors_get(keys, i); i++) {
        struct key k;
        unsigned stand = 0;
        assert_int_equal(anchors_get(keys, i)->type, DNS_DNSKEY);
        assert_true(key_init(&k, anchors_get(keys, i)->rdata));
        for (unsigned n = 0; anchors_get(ours, n); n++)
            stand += anchor_is(anchors_get(ours, n), &crypto, &k);
        assert_int_equal(stand, 1);
        key_fini(&k);
    }
    crypto_fini(&crypto);
    anchors_free(&ours);
    anchors_free(&keys);
}

static struct anchors *parse(const char *text, const char *const *negative, unsigned count)
{
    char error[256];
    return anchors_parse("f", bytes_str(text), negative, count, error, sizeof error);
}

static void closest_counts(void **state)
{
    (void)state;
    static const char *const negative[] = {"Corp.Example", "example.net."};
    struct anchors *a = parse("; a comment\n"
                              "a.corp.example. 3600 IN DS 1 13 2 "
                              "0000000000000000000000000000000000000000000000000000000000000000\n",
                              negative, 2);
    assert_non_null(a);
    const struct {
        const char *name;
        enum anchor_kind kind;
    } at[] = {{"a.corp.example", ANCHOR_TRUSTED},
              {"corp.example", ANCHOR_NEGATIVE},
              {"example.net", ANCHOR_NEGATIVE},
              {"b.corp.example", ANCHOR_NONE},
              {"example", ANCHOR_NONE}};
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        struct dns_name name = name_of(at[i].name);
        assert_int_equal(anchors_at(a, &name), at[i].kind);
    }
    anchors_free(&a);
}

static void what_is_no_anchor(void **state)
{
    (void)state;
    static const char *const bad[] = {"example. IN A 192.0.2.1\n", "example. IN DS 1 13\n", "nonsense\n",
                                      "example. IN DS 1 13 2 zz\n", ". IN DNSKEY 257 3\n"};
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_null(parse(bad[i], NULL, 0));
    char error[256];
    assert_null(anchors_load("/nowhere/anchors", NULL, 0, error, sizeof error));
    assert_non_null(strstr(error, "/nowhere/anchors"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shipped_are_the_roots),
        cmocka_unit_test(shipped_stand_for_its_keys),
        cmocka_unit_test(closest_counts),
        cmocka_unit_test(what_is_no_anchor),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
