/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys, digests and signatures against the RFCs' own examples, and what must not pass. */
#include "tests/unit/resolver/validator/zone_text.h"

#include <stdlib.h>

#include "resolver/validator/verify.h"

struct vector {
    const char *zone, *key, *ds, *rr, *sig;
    uint32_t when;
};

static const struct vector p256 = {
    "example.net",
    "example.net. 3600 IN DNSKEY 257 3 13 "
    "GojIhhXUN/u4v54ZQqGSnyhWJwaubCvTmeexv7bR6edbkrSqQpF64cYbcB7wNcP+e+MA"
    "nLr+Wi9xMWyQLc8NAA==",
    "example.net. 3600 IN DS 55648 13 2 b4c8c1fe2e7477127b27115656ad6256f424625bf5c1e2770ce6d6e37df61d17",
    "www.example.net. 3600 IN A 192.0.2.1",
    "www.example.net. 3600 IN RRSIG A 13 3 3600 20100909100439 20100812100439 55648 example.net. "
    "qx6wLYqmh+l9o"
    "CKTN6qIc+bw6ya+KJ8oMz0YP107epXAyGmt+3SNruPFKG7tZoLBLlUzGGus7ZwmwWep666VCw==",
    1282000000};
static const struct vector p384 = {"example.net",
                                   "example.net. 3600 IN DNSKEY 257 3 14 "
                                   "xKYaNhWdGOfJ+nPrL8/arkwf2EY3MDJ+SErKivBVSum1w/egsXvSADtNJhyem5RCOpgQ"
                                   "6K8X1DRSEkrbYQ+OB+v8/uX45NBwY8rp65F6Glur8I/mlVNgF6W/qTI37m40",
                                   "example.net. 3600 IN DS 10771 14 4 "
                                   "72d7b62976ce06438e9c0bf319013cf801f09ecc84b8d7e9495f27e305c6a9b0563a9b"
                                   "5f4d288405c3008a946df983d6",
                                   "www.example.net. 3600 IN A 192.0.2.1",
                                   "www.example.net. 3600 IN RRSIG A 14 3 3600 20100909102025 20100812102025 "
                                   "10771 example.net. /L5hDKIvGDyI1"
                                   "fcARX3z65qrmPsVz73QD1Mr5CEqOiLP95hxQouuroGCeZOvzFaxsT8Glr74hbavRKayJNuydC"
                                   "uzWTSSPdz7wnqXL5bdcJzusdnI0RSMRO"
                                   "xxwGipWcJm",
                                   1282000000};
static const struct vector ed25519 = {
    "example.com",
    "example.com. 3600 IN DNSKEY 257 3 15 l02Woi0iS8Aa25FQkUd9RMzZHJpBoRQwAQEX1SxZJA4=",
    "example.com. 3600 IN DS 3613 15 2 3aa5ab37efce57f737fc1627013fee07bdf241bd10f3b1964ab55c78e79a304b",
    "example.com. 3600 IN MX 10 mail.example.com.",
    "example.com. 3600 IN RRSIG MX 15 2 3600 20150819220000 20150729220000 3613 example.com. "
    "oL9krJun7xfBOIWcG"
    "Hi7mag5/hdZrKWw15jPGrHpjQeRAvTdszaPD+QLs3fx8A4M3e23mRZ9VrbpMngwcrqNAg==",
    1439000000};
static const struct vector rsa256 = {
    "example.net",
    "example.net. 3600 IN DNSKEY 256 3 8 "
    "AwEAAcFcGsaxxdgiuuGmCkVImy4h99CqT7jwY3pexPGcnUFtR2Fh36BponcwtkZ4cAgtv"
    "d4Qs8PkxUdp6p/DlUmObdk=",
    NULL,
    "www.example.net. 3600 IN A 192.0.2.91",
    "www.example.net. 3600 IN RRSIG A 8 3 3600 20300101000000 20000101000000 9033 example.net. "
    "kRCOH6u7l0QGy9q"
    "pC9l1sLncJcOKFLJ7GhiUOibu4teYp5VE9RncriShZNz85mwlMgNEacFYK/lPtPiVYP4bwg==",
    1282000000};

struct fixture {
    struct verifier v;
    struct rrsets sets;
    struct reply reply;
    struct key key;
};

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    return f && crypto_init(&f->v.crypto) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    key_fini(&f->key);
    crypto_fini(&f->v.crypto);
    free(f);
    return 0;
}

static void load(struct fixture *f, const struct vector *t, const char *rr, const char *sig)
{
    key_fini(&f->key);
    assert_true(key_init(&f->key, rdata_of(t->key)));
    reply_begin(&f->reply, t->zone, DNS_A, 0);
    reply_line(&f->reply, DNS_ANSWER, rr);
    reply_line(&f->reply, DNS_ANSWER, sig);
    assert_true(rrsets_read(&f->sets, writer_done(&f->reply.w)));
    assert_int_equal(f->sets.count, 1);
}

static enum reason check(struct fixture *f, const struct vector *t, uint32_t when, struct budget *b,
                         struct verified *out)
{
    struct dns_name zone = name_of(t->zone);
    return verify_set(&f->v, b, &f->sets, &f->sets.set[0], &zone, &f->key, 1, when, out);
}

static void one(struct fixture *f, const struct vector *t)
{
    struct budget b = BUDGET_FULL;
    struct verified out;
    struct dns_name zone = name_of(t->zone);
    load(f, t, t->rr, t->sig);
    if (t->ds)
        assert_true(key_matches_ds(&f->v.crypto, &f->key, &zone, rdata_of(t->ds)));
    assert_int_equal(check(f, t, t->when, &b, &out), REASON_OK);
    assert_int_equal(out.ttl_max, 3600);
    assert_int_equal(b.checks_done, 1);
    /* the last byte of the signed RR changed */
    struct dns_rr rr = f->sets.item[0].rr;
    f->reply.data[(rr.rdata.data - f->reply.data) + 3] ^= 1;
    assert_int_equal(check(f, t, t->when, &b, &out), REASON_DNSSEC_BOGUS);
}

static void examples(void **state)
{
    one(*state, &p256);
    one(*state, &p384);
    one(*state, &ed25519);
    one(*state, &rsa256);
}

static void times(void **state)
{
    struct fixture *f = *state;
    struct budget b = BUDGET_FULL;
    struct verified out;
    load(f, &p256, p256.rr, p256.sig);
    const uint32_t from = 1281607479, to = 1284026679, day = 86400;
    assert_int_equal(check(f, &p256, from, &b, &out), REASON_OK);
    assert_int_equal(check(f, &p256, to - 10, &b, &out), REASON_OK);
    assert_int_equal(out.ttl_max, 10);
    assert_int_equal(check(f, &p256, to + day, &b, &out), REASON_OK);
    assert_int_equal(out.ttl_max, 0);
    assert_int_equal(check(f, &p256, to + day + 1, &b, &out), REASON_DNSSEC_EXPIRED);
    assert_true(out.only_the_time);
    assert_int_equal(check(f, &p256, from - day - 1, &b, &out), REASON_DNSSEC_NOT_YET);
    assert_true(out.only_the_time);
}

static void what_was_wrong(void **state)
{
    struct fixture *f = *state;
    struct budget b = BUDGET_FULL;
    struct verified out;
    load(f, &p256, p256.rr, p256.sig);
    f->key.flags = 1;
    assert_int_equal(check(f, &p256, p256.when, &b, &out), REASON_DNSSEC_NO_ZONE_KEY);
    f->key.tag++;
    assert_int_equal(check(f, &p256, p256.when, &b, &out), REASON_DNSSEC_NO_KEY);
    f->sets.set[0].sig = RRSET_END;
    assert_int_equal(check(f, &p256, p256.when, &b, &out), REASON_DNSSEC_NO_SIGNATURE);
}

/* The order in which RRs come, duplicates, the case of names and of the owner do not matter. */
static void canonical(void **state)
{
    struct fixture *f = *state;
    static struct canon b;
    const char *lines[] = {"x.test. IN NS b.Test.", "x.test. IN NS A.test.", "x.test. IN NS a.test."};
    reply_begin(&f->reply, "x.test", DNS_NS, 0);
    for (unsigned i = 0; i < 3; i++)
        reply_line(&f->reply, DNS_ANSWER, lines[i]);
    assert_true(rrsets_read(&f->sets, writer_done(&f->reply.w)));
    assert_true(canon_make(&b, &f->sets, &f->sets.set[0]));
    assert_int_equal(b.count, 2);
    assert_memory_equal(b.rdata[0].data, "\1a\4test", 8);
    assert_memory_equal(b.rdata[1].data, "\1b\4test", 8);
}

/* However many keys share a tag, only so many are tried (CVE-2023-50387). */
static void colliding_keys(void **state)
{
    struct fixture *f = *state;
    struct key keys[40];
    struct budget b = BUDGET_FULL;
    struct verified out;
    struct dns_name zone = name_of(p256.zone);
    load(f, &p256, p256.rr, p256.sig);
    for (unsigned i = 0; i < 40; i++) {
        keys[i] = (struct key){.rdata = f->key.rdata, .flags = 257, .protocol = 3, .algorithm = 13};
        keys[i].tag = f->key.tag;
        keys[i].broken = true;
    }
    assert_int_equal(verify_set(&f->v, &b, &f->sets, &f->sets.set[0], &zone, keys, 40, p256.when, &out),
                     REASON_DNSSEC_BOGUS);
    assert_int_equal(b.limited, LIMITED_TAG_KEYS);
    assert_int_equal(b.checks_done, VERIFY_TAG_KEYS);
}

static unsigned checks_for(struct fixture *f, uint32_t when, enum reason wanted)
{
    struct budget b = BUDGET_FULL;
    struct verified out;
    assert_int_equal(check(f, &p256, when, &b, &out), wanted);
    assert_int_equal(b.checks_done + b.remembered, VERIFY_CHECKS - b.checks);
    return b.checks_done;
}

/* What was good once costs no check again, and nothing else passes for it. */
static void remembered(void **state)
{
    struct fixture *f = *state;
    load(f, &p256, p256.rr, p256.sig);
    assert_int_equal(checks_for(f, p256.when, REASON_OK), 1);
    assert_int_equal(checks_for(f, p256.when, REASON_OK), 0);
    /* signed RDATA and signature, byte by byte; twice, as a failure must not be remembered as good */
    const struct bytes parts[] = {f->sets.item[0].rr.rdata, f->sets.item[1].rr.rdata};
    for (unsigned p = 0; p < 2; p++)
        for (size_t i = p ? 31 : 0; i < parts[p].len; i++) { /* behind the RRSIG's fixed part and signer */
            uint8_t *byte = f->reply.data + (parts[p].data + i - f->reply.data);
            *byte ^= 1;
            assert_int_equal(checks_for(f, p256.when, REASON_DNSSEC_BOGUS), 1);
            assert_int_equal(checks_for(f, p256.when, REASON_DNSSEC_BOGUS), 1);
            *byte ^= 1;
        }
    assert_int_equal(checks_for(f, p256.when, REASON_OK), 0);
}

/* What is remembered of a signature is neither its time nor whose the key is. */
static void remembered_is_no_pardon(void **state)
{
    struct fixture *f = *state;
    load(f, &p256, p256.rr, p256.sig);
    assert_int_equal(checks_for(f, p256.when, REASON_OK), 1);
    assert_int_equal(checks_for(f, p256.when + 365 * 86400, REASON_DNSSEC_EXPIRED), 0);
    assert_int_equal(checks_for(f, p256.when - 365 * 86400, REASON_DNSSEC_NOT_YET), 0);
    uint16_t tag = f->key.tag;
    struct key other = {0};
    assert_true(key_init(&other, rdata_of(p256.key)));
    uint8_t changed[128];
    memcpy(changed, other.rdata.data, other.rdata.len);
    changed[other.rdata.len - 1] ^= 1;
    other.rdata = bytes_of(changed, other.rdata.len);
    other.tag = tag;
    key_fini(&f->key);
    f->key = other;
    assert_int_equal(checks_for(f, p256.when, REASON_DNSSEC_BOGUS), 1);
    f->key.tag++;
    assert_int_equal(checks_for(f, p256.when, REASON_DNSSEC_NO_KEY), 0);
}

static void names(void **state)
{
    (void)state;
    static const char *const order[] = {"example",         "a.example",      "yljkjljk.a.example",
                                        "Z.a.example",     "zABC.a.EXAMPLE", "z.example",
                                        "\\001.z.example", "*.z.example",    "\\200.z.example"};
    for (unsigned i = 0; i + 1 < sizeof order / sizeof *order; i++) {
        struct dns_name a = name_of(order[i]), b = name_of(order[i + 1]);
        assert_true(name_order(&a, &b) < 0);
        assert_true(name_order(&b, &a) > 0);
        assert_int_equal(name_order(&a, &a), 0);
    }
    struct dns_name a = name_of("x.y.Example"), b = name_of("z.Y.example"), tail = name_tail(&a, 2);
    assert_int_equal(name_common(&a, &b), 2);
    assert_int_equal(tail.len, 11);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(examples, setup, teardown),
        cmocka_unit_test_setup_teardown(times, setup, teardown),
        cmocka_unit_test_setup_teardown(what_was_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(canonical, setup, teardown),
        cmocka_unit_test_setup_teardown(colliding_keys, setup, teardown),
        cmocka_unit_test_setup_teardown(remembered, setup, teardown),
        cmocka_unit_test_setup_teardown(remembered_is_no_pardon, setup, teardown),
        cmocka_unit_test(names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
