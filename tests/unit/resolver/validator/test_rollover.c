/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RFC 5011, a reply at a time: ldns makes and signs the keys, days are numbers. */
#include "tests/unit/resolver/validator/zone_text.h"

#include <stdio.h>
#include <stdlib.h>

#include "resolver/validator/rollover.h"

enum { KEYS = 12, DAY = 86400, START = 1800000000 };

struct fixture {
    struct bench bench;
    struct reply reply;
    struct rollover r;
    struct rollover_news news;
    struct anchors *anchors;
    ldns_key *key[KEYS];
    int64_t now;
    struct dns_name zone;
};

static ldns_key *new_key(void)
{
    ldns_key *k = ldns_key_new_frm_algorithm(LDNS_SIGN_ECDSAP256SHA256, 256);
    assert_non_null(k);
    ldns_key_set_pubkey_owner(k, ldns_dname_new_frm_str("example."));
    return k;
}

static ldns_rr *dnskey(ldns_key *k, bool revoked)
{
    ldns_key_set_flags(k, revoked ? 385 : 257);
    ldns_rr *rr = ldns_key2rr(k);
    ldns_rr_set_ttl(rr, 7200);
    ldns_key_set_keytag(k, ldns_calc_keytag(rr));
    return rr;
}

/* ldns ends a key with a remark that it does not read again. */
static char *line_of(const ldns_rr *rr)
{
    char *text = ldns_rr2str(rr);
    text[strcspn(text, ";\n")] = '\0';
    return text;
}

static char *text_of(ldns_key *k)
{
    ldns_rr *rr = dnskey(k, false);
    char *text = line_of(rr);
    ldns_rr_free(rr);
    return text;
}

/* Trusts key 0. */
static int setup(void **state)
{
    char error[256];
    struct fixture *f = *state = calloc(1, sizeof *f);
    f->zone = name_of("example");
    f->now = START;
    for (int i = 0; i < KEYS; i++)
        f->key[i] = new_key();
    char *text = text_of(f->key[0]);
    f->anchors = anchors_parse("test", bytes_str(text), NULL, 0, error, sizeof error);
    free(text);
    rollover_init(&f->r, f->anchors);
    return f->anchors && crypto_init(&f->bench.verifier.crypto) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < KEYS; i++)
        ldns_key_deep_free(f->key[i]);
    anchors_free(&f->anchors);
    crypto_fini(&f->bench.verifier.crypto);
    free(f);
    return 0;
}

static void put(struct fixture *f, ldns_rr *rr)
{
    char *line = line_of(rr);
    reply_line(&f->reply, DNS_ANSWER, line);
    free(line);
}

static void put_signature(struct fixture *f, ldns_rr_list *set, ldns_key *k, bool revoked)
{
    ldns_key_list *keys = ldns_key_list_new();
    ldns_rr_free(dnskey(k, revoked));
    ldns_key_set_inception(k, (uint32_t)f->now - DAY);
    ldns_key_set_expiration(k, (uint32_t)f->now + 14 * DAY);
    ldns_key_list_push_key(keys, k);
    ldns_rr_list *sigs = ldns_sign_public(set, keys);
    assert_non_null(sigs);
    put(f, ldns_rr_list_rr(sigs, 0));
    ldns_rr_list_deep_free(sigs);
    ldns_key_list_set_key_count(keys, 0); /* freeing the list would free it */
    ldns_key_list_free(keys);
}

/* The zone has keys 0 to KEYS - 1 where how has them: each " ", "k" (a key), "s" (it signs), "r" (revoked,
 * and signs), "R" (revoked, and does not). */
static void see(struct fixture *f, const char *how)
{
    ldns_rr_list *set = ldns_rr_list_new();
    for (int i = 0; how[i]; i++)
        if (how[i] != ' ')
            ldns_rr_list_push_rr(set, dnskey(f->key[i], how[i] == 'r' || how[i] == 'R'));
    reply_begin(&f->reply, "example", DNS_DNSKEY, 0);
    for (size_t i = 0; i < ldns_rr_list_rr_count(set); i++)
        put(f, ldns_rr_list_rr(set, i));
    for (int i = 0; how[i]; i++)
        if (how[i] == 's' || how[i] == 'r')
            put_signature(f, set, f->key[i], how[i] == 'r');
    ldns_rr_list_deep_free(set);
    assert_true(rrsets_read(&f->bench.sets, writer_done(&f->reply.w)));
    rollover_update(&f->r, f->anchors, &f->zone, &f->bench, f->now, &f->news);
}

/* A letter for each key: A added, V valid, M missing, R revoked, "-" not known. */
static void expect(struct fixture *f, const char *states)
{
    char have[KEYS + 1] = "";
    for (size_t i = 0; states[i]; i++) {
        char *text = text_of(f->key[i]);
        struct bytes rdata = rdata_of(text);
        have[i] = '-';
        for (unsigned k = 0; k < f->r.count; k++)
            if (bytes_equal(bytes_of(f->r.key[k].rdata, f->r.key[k].len), rdata))
                have[i] = "AVMR"[f->r.key[k].state];
        free(text);
    }
    assert_string_equal(have, states);
}

static void wait_days(struct fixture *f, int days)
{
    f->now += (int64_t)days * DAY;
}

static void new_key_waits_a_month(void **state)
{
    struct fixture *f = *state;
    see(f, "s");
    expect(f, "V-");
    assert_true(f->news.changed && f->news.trusted);
    assert_int_equal(f->news.ask_again, 3600);
    see(f, "sk");
    expect(f, "VA");
    assert_true(f->news.changed);
    wait_days(f, 29);
    see(f, "sk");
    expect(f, "VA");
    assert_false(f->news.changed);
    wait_days(f, 1);
    see(f, "sk");
    expect(f, "VV");
    see(f, " s"); /* trusted by now */
    expect(f, "MV");
    see(f, "ks");
    expect(f, "VV");
    assert_string_equal(f->news.event[0].what, "back");
}

static void key_that_goes_away_begins_anew(void **state)
{
    struct fixture *f = *state;
    see(f, "sk");
    wait_days(f, 29);
    see(f, "s");
    expect(f, "V-");
    wait_days(f, 2);
    see(f, "sk");
    expect(f, "VA");
}

static void only_trusted_keys_introduce(void **state)
{
    struct fixture *f = *state;
    see(f, "ks");
    expect(f, "--");
    assert_false(f->news.trusted || f->news.changed);
    see(f, "sk");
    see(f, " s"); /* one that waits is not trusted */
    expect(f, "VA");
    assert_false(f->news.trusted);
    wait_days(f, 40);
    see(f, " s");
    expect(f, "VA");
}

static void revoked_by_itself(void **state)
{
    struct fixture *f = *state;
    see(f, "sk");
    wait_days(f, 30);
    see(f, "sk");
    see(f, "Rs"); /* says so without its own signature: no key of ours, so it is missing */
    expect(f, "MV");
    see(f, "rk"); /* nobody else signs, and need not */
    expect(f, "RV");
    assert_string_equal(f->news.event[0].what, "revoked");
    see(f, "s ");
    expect(f, "RV");
    assert_false(f->news.trusted);
    wait_days(f, 31);
    see(f, " s"); /* configured: never forgotten */
    expect(f, "RV");
    see(f, "ks");
    expect(f, "RV");
}

static void revoked_and_removed(void **state)
{
    struct fixture *f = *state;
    see(f, "sk");
    wait_days(f, 30);
    see(f, "sk");
    see(f, "sr");
    expect(f, "VR");
    wait_days(f, 30);
    see(f, "sR");
    expect(f, "VR");
    see(f, "s");
    expect(f, "V-");
    see(f, "sk"); /* it would wait again */
    expect(f, "VA");
}

static void too_many_new_keys(void **state)
{
    struct fixture *f = *state;
    see(f, "skkkkkkkkkk");
    assert_int_equal(f->r.count, 1 + ROLLOVER_PENDING);
}

static void kept_as_text(void **state)
{
    struct fixture *f = *state;
    static char text[ROLLOVER_TEXT_MAX], again[ROLLOVER_TEXT_MAX];
    static struct rollover back;
    see(f, "skk");
    wait_days(f, 30);
    see(f, "sk");
    see(f, "rk");
    expect(f, "RV-");
    size_t n = rollover_write(&f->r, text, sizeof text);
    assert_true(n > 0);
    assert_true(rollover_read(&back, f->anchors, bytes_of(text, n)));
    assert_int_equal(rollover_write(&back, again, sizeof again), n);
    assert_memory_equal(text, again, n);
    for (size_t cut = 0; cut + 1 < n; cut += 7) {
        assert_false(rollover_read(&back, f->anchors, bytes_of(text, cut)));
        assert_int_equal(back.count, 0);
    }
    assert_int_equal(rollover_write(&f->r, text, n), 0);
}

static void with_other_anchors_it_begins_anew(void **state)
{
    struct fixture *f = *state;
    static char text[ROLLOVER_TEXT_MAX];
    char error[256];
    see(f, "s");
    size_t n = rollover_write(&f->r, text, sizeof text);
    char *line = text_of(f->key[1]);
    struct anchors *other = anchors_parse("test", bytes_str(line), NULL, 0, error, sizeof error);
    assert_false(rollover_read(&f->r, other, bytes_of(text, n)));
    anchors_free(&other);
    free(line);
}

static unsigned trusted(const struct anchors *a, const struct dns_name *zone)
{
    unsigned i = 0, n = 0;
    while (anchors_next(a, zone, &i))
        n++;
    return n;
}

static void applied(void **state)
{
    struct fixture *f = *state;
    see(f, "sk");
    assert_true(rollover_apply(&f->r, f->anchors));
    assert_int_equal(trusted(f->anchors, &f->zone), 1);
    wait_days(f, 30);
    see(f, "sk");
    assert_true(rollover_apply(&f->r, f->anchors));
    assert_int_equal(trusted(f->anchors, &f->zone), 2);
    see(f, "rs");
    assert_true(rollover_apply(&f->r, f->anchors));
    assert_int_equal(trusted(f->anchors, &f->zone), 1);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(new_key_waits_a_month),
        T(key_that_goes_away_begins_anew),
        T(only_trusted_keys_introduce),
        T(revoked_by_itself),
        T(revoked_and_removed),
        T(too_many_new_keys),
        T(kept_as_text),
        T(with_other_anchors_it_begins_anew),
        T(applied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
