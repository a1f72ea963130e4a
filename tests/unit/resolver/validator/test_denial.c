/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Proofs of absence: NSEC as in RFC 4035 appendix B, NSEC3 as in RFC 5155 appendices A and B, and the tricks
 * that must not work. */
#include "tests/unit/resolver/validator/zone_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "resolver/validator/bitmap.h"
#include "resolver/validator/denial.h"
#include "resolver/validator/nsec3.h"

struct fixture {
    struct crypto crypto;
    struct budget budget;
    struct proofs p;
    struct dns_name zone;
};

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    return f && crypto_init(&f->crypto) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    crypto_fini(&f->crypto);
    free(f);
    return 0;
}

static void begin(struct fixture *f, const char *zone)
{
    f->zone = name_of(zone);
    f->budget = BUDGET_FULL;
    proofs_init(&f->p, &f->zone, &f->crypto, &f->budget);
}

static void have(struct fixture *f, const char *line)
{
    char owner[256];
    bool nsec3 = strstr(line, " NSEC3 ") != NULL;
    snprintf(owner, sizeof owner, "%.*s", (int)strcspn(line, " "), line);
    struct dns_name name = name_of(owner);
    proofs_add(&f->p, nsec3 ? DNS_NSEC3 : DNS_NSEC, &name, rdata_of(line));
}

static enum denial no_name(struct fixture *f, const char *name)
{
    struct dns_name n = name_of(name);
    return denial_name(&f->p, &n);
}

static enum denial no_type(struct fixture *f, const char *name, uint16_t type)
{
    struct dns_name n = name_of(name);
    return denial_type(&f->p, &n, type);
}

static enum denial no_closer(struct fixture *f, const char *name, unsigned labels)
{
    struct dns_name n = name_of(name);
    return denial_closer(&f->p, &n, labels);
}

static enum ds_absence cut(struct fixture *f, const char *name)
{
    struct dns_name n = name_of(name);
    return denial_delegation(&f->p, &n);
}

static void nsec(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "b.example. IN NSEC ns1.example. NS RRSIG NSEC");
    assert_int_equal(no_name(f, "ml.example."), DENIAL_UNPROVEN); /* the wildcard may exist */
    have(f, "example. IN NSEC a.example. NS SOA MX RRSIG NSEC DNSKEY");
    assert_int_equal(no_name(f, "ml.example."), DENIAL_PROVEN);
    assert_int_equal(no_name(f, "x.ml.example."), DENIAL_PROVEN);
    assert_int_equal(no_name(f, "ns1.example."), DENIAL_UNPROVEN);
    assert_int_equal(no_name(f, "b.example."), DENIAL_UNPROVEN);
    assert_int_equal(no_name(f, "ml.elsewhere."), DENIAL_UNPROVEN);
    /* below a delegation its NSEC says nothing */
    assert_int_equal(no_name(f, "x.b.example."), DENIAL_UNPROVEN);
    assert_int_equal(no_type(f, "b.example.", DNS_A), DENIAL_UNPROVEN);
    assert_int_equal(no_type(f, "b.example.", DNS_DS), DENIAL_PROVEN);
    assert_int_equal(no_type(f, "example.", DNS_A), DENIAL_PROVEN);
    assert_int_equal(no_type(f, "example.", DNS_MX), DENIAL_UNPROVEN);
    assert_int_equal(no_type(f, "example.", DNS_DS), DENIAL_UNPROVEN); /* the child's word */
    assert_int_equal(cut(f, "b.example."), DELEGATION_INSECURE);
    assert_int_equal(cut(f, "example."), DELEGATION_UNPROVEN);
    assert_int_equal(cut(f, "ml.example."), DELEGATION_NONE);
    assert_int_equal(cut(f, "z.example."), DELEGATION_UNPROVEN);
}

static void nsec_wildcards(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "x.y.w.example. IN NSEC xx.example. MX RRSIG NSEC");
    assert_int_equal(no_closer(f, "a.z.w.example.", 2), DENIAL_PROVEN);
    assert_int_equal(no_closer(f, "a.z.w.example.", 1), DENIAL_UNPROVEN);
    assert_int_equal(no_closer(f, "x.y.w.example.", 2), DENIAL_UNPROVEN);
    assert_int_equal(no_type(f, "a.z.w.example.", DNS_AAAA), DENIAL_UNPROVEN);
    have(f, "*.w.example. IN NSEC x.w.example. MX RRSIG NSEC");
    assert_int_equal(no_type(f, "a.z.w.example.", DNS_AAAA), DENIAL_PROVEN);
    assert_int_equal(no_type(f, "a.z.w.example.", DNS_MX), DENIAL_UNPROVEN);
    /* y.w.example exists without data; so it is no name that does not exist */
    have(f, "x.w.example. IN NSEC x.y.w.example. MX RRSIG NSEC");
    assert_int_equal(no_type(f, "y.w.example.", DNS_A), DENIAL_PROVEN);
    assert_int_equal(no_name(f, "y.w.example."), DENIAL_UNPROVEN);
    assert_int_equal(cut(f, "y.w.example."), DELEGATION_NONE);
}

static void nsec_of_dname(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "d.example. IN NSEC z.example. DNAME RRSIG NSEC");
    have(f, "example. IN NSEC a.example. NS SOA RRSIG NSEC");
    assert_int_equal(no_name(f, "x.d.example."), DENIAL_UNPROVEN);
    assert_int_equal(no_name(f, "x.e.example."), DENIAL_PROVEN);
}

static void hashes(void **state)
{
    struct fixture *f = *state;
    static const char *const rows[][2] = {{"example", "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"},
                                          {"A.example", "35mthgpgcu1qg68fab165klnsnk3dpvl"},
                                          {"ns1.example", "2t7b4g4vsa5smi47k61mv5bv1a22bojr"},
                                          {"*.w.example", "r53bq7cc2uvmubfu5ocmm6pers9tk9en"},
                                          {"xx.example", "t644ebqk9bibcna874givr6joj62mlhv"}};
    for (unsigned i = 0; i < 5; i++) {
        struct dns_name name = name_of(rows[i][0]), owner = name_of(rows[i][1]);
        uint8_t made[NSEC3_HASH_LEN], read[NSEC3_HASH_LEN];
        assert_true(key_nsec3_hash(&f->crypto, &name, BYTES_LIT("\xaa\xbb\xcc\xdd"), 12, made));
        assert_true(nsec3_owner_hash(&owner, read));
        assert_memory_equal(made, read, sizeof made);
    }
    uint8_t low[NSEC3_HASH_LEN] = {1}, mid[NSEC3_HASH_LEN] = {2}, high[NSEC3_HASH_LEN] = {3};
    assert_true(nsec3_covers(low, high, mid));
    assert_false(nsec3_covers(low, mid, high));
    assert_false(nsec3_covers(low, high, low));
    assert_false(nsec3_covers(low, high, high));
    assert_true(nsec3_covers(mid, low, high));
    assert_false(nsec3_covers(high, low, mid));
    assert_true(nsec3_covers(mid, mid, high));
    assert_false(nsec3_covers(mid, mid, mid));
}

#define PARAMS " IN NSEC3 1 0 12 aabbccdd "
#define OPTOUT " IN NSEC3 1 1 12 aabbccdd "

/* RFC 5155 B.1 to B.5, whose zone is opt-out; told here with and without that flag. */
static void nsec3_name_error(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example." PARAMS
            "2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG");
    have(f, "b4um86eghhds6nea196smvmlo4ors995.example." PARAMS "gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG");
    assert_int_equal(no_name(f, "a.c.x.w.example."), DENIAL_UNPROVEN);
    have(f,
         "35mthgpgcu1qg68fab165klnsnk3dpvl.example." PARAMS "b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG");
    assert_int_equal(no_name(f, "a.c.x.w.example."), DENIAL_PROVEN);
    assert_int_equal(no_name(f, "x.w.example."), DENIAL_UNPROVEN);
    begin(f, "example.");
    have(f, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example." OPTOUT
            "2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG");
    have(f, "b4um86eghhds6nea196smvmlo4ors995.example." OPTOUT "gjeqe526plbf1g8mklp59enfd789njgi MX RRSIG");
    have(f,
         "35mthgpgcu1qg68fab165klnsnk3dpvl.example." OPTOUT "b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG");
    assert_int_equal(no_name(f, "a.c.x.w.example."), DENIAL_INSECURE);
}

static void nsec3_no_data(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example." PARAMS "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    assert_int_equal(no_type(f, "ns1.example.", DNS_MX), DENIAL_PROVEN);
    assert_int_equal(no_type(f, "ns1.example.", DNS_A), DENIAL_UNPROVEN);
    assert_int_equal(cut(f, "ns1.example."), DELEGATION_NONE);
    begin(f, "example."); /* B.3: c.example is an unsigned delegation */
    have(f,
         "35mthgpgcu1qg68fab165klnsnk3dpvl.example." OPTOUT "b4um86eghhds6nea196smvmlo4ors995 NS DS RRSIG");
    have(f, "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom.example." OPTOUT
            "2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG");
    assert_int_equal(cut(f, "c.example."), DELEGATION_INSECURE);
    assert_int_equal(cut(f, "example."), DELEGATION_UNPROVEN);
    assert_int_equal(cut(f, "a.example."), DELEGATION_UNPROVEN); /* it has a DS */
    begin(f, "example.");                                        /* B.4: a wildcard */
    have(f, "q04jkcevqvmu85r014c7dkba38o0ji5r.example." PARAMS "r53bq7cc2uvmubfu5ocmm6pers9tk9en A RRSIG");
    assert_int_equal(no_closer(f, "a.z.w.example.", 2), DENIAL_PROVEN);
    assert_int_equal(no_closer(f, "a.z.w.example.", 1), DENIAL_UNPROVEN);
}

static void dear(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f, "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. IN NSEC3 1 0 51 aabbccdd "
            "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    assert_int_equal(no_type(f, "ns1.example.", DNS_MX), DENIAL_INSECURE);
    assert_int_equal(no_name(f, "ns1.example."), DENIAL_INSECURE);
    assert_int_equal(cut(f, "ns1.example."), DELEGATION_INSECURE);
    assert_int_equal(f->budget.hash_work, 0);
    /* a name of very many labels costs no more than the budget */
    begin(f, "example.");
    have(f, "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. IN NSEC3 1 0 50 aabbccdd "
            "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    char name[256] = "";
    for (unsigned i = 0; i < 100; i++)
        strcat(name, "a.");
    strcat(name, "example.");
    assert_int_equal(no_name(f, name), DENIAL_UNPROVEN);
    assert_int_equal(f->budget.limited, LIMITED_HASHES);
    assert_int_equal(f->budget.hash_work, VERIFY_HASHES);
}

static void left_out(void **state)
{
    struct fixture *f = *state;
    begin(f, "example.");
    have(f,
         "2t7b4g4vsa5smi47k61mv5bv1a22bojr.sub.example." PARAMS "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    have(f, "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. IN NSEC3 1 2 12 aabbccdd "
            "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    have(f, "2t7b4g4vsa5smi47k61mv5bv1a22bojr.example. IN NSEC3 2 0 12 aabbccdd "
            "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    have(f, "too-short.example." PARAMS "2vptu5timamqttgl4luu9kg21e0aor3s A RRSIG");
    assert_int_equal(f->p.nsec3_count, 0);
    assert_int_equal(no_type(f, "ns1.example.", DNS_MX), DENIAL_UNPROVEN);
}

static void bitmaps(void **state)
{
    (void)state;
    struct bytes map = BYTES_LIT("\0\6\x40\1\0\0\0\3\1\1\x40");
    assert_true(bitmap_sound(map));
    assert_true(bitmap_has(map, DNS_A) && bitmap_has(map, DNS_MX) && bitmap_has(map, DNS_RRSIG) &&
                bitmap_has(map, 257));
    assert_false(bitmap_has(map, DNS_AAAA) || bitmap_has(map, 256) || bitmap_has(map, 1024));
    assert_true(bitmap_sound(BYTES_NONE));
    assert_false(bitmap_sound(BYTES_LIT("\0")));
    assert_false(bitmap_sound(BYTES_LIT("\0\0")));
    assert_false(bitmap_sound(BYTES_LIT("\0\2\1")));
    assert_false(bitmap_sound(BYTES_LIT("\1\1\1\0\1\1")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nsec, setup, teardown),
        cmocka_unit_test_setup_teardown(nsec_wildcards, setup, teardown),
        cmocka_unit_test_setup_teardown(nsec_of_dname, setup, teardown),
        cmocka_unit_test_setup_teardown(hashes, setup, teardown),
        cmocka_unit_test_setup_teardown(nsec3_name_error, setup, teardown),
        cmocka_unit_test_setup_teardown(nsec3_no_data, setup, teardown),
        cmocka_unit_test_setup_teardown(dear, setup, teardown),
        cmocka_unit_test_setup_teardown(left_out, setup, teardown),
        cmocka_unit_test(bitmaps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
