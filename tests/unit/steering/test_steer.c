/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The decision, rule by rule (design, section 6), over a snapshot compiled from documents, where nothing is
 * probed: the lists' word decides. */
#include "sites.h"

static struct steer_decision decide(const struct view *v, const char *name, uint16_t type, const char *ip,
                                    const char *country, int64_t now)
{
    struct steer_decision d;
    struct dns_name n = name_of(name);
    struct steer_client c = client_at(ip, country);
    struct health *h = health_of(v, (struct health_head){.published = 1}, NULL, 0);
    steer_decide(v, h, &n, type, &c, secret, now, &d);
    health_free(&h);
    return d;
}

/* The decision on a site for an ordinary client, without keeping the snapshot: only plain values may be
 * looked at. */
static struct steer_decision judge(const struct site *s, const char *country, int64_t now)
{
    struct view *v = build(s);
    struct steer_decision d = decide(v, "news.example", DNS_A, "192.0.2.1", country, now);
    view_free(&v);
    return d;
}

static void only_registered_names_and_types_are_ours(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){0});
    const char *const strangers[] = {"example",       "mail.news.example", "_acme-challenge.news.example",
                                     "ws.example",    "news\\.example",    "www\\.news.example",
                                     "*.news.example"};
    const uint16_t others[] = {DNS_MX, DNS_TXT, DNS_NS, DNS_SOA, DNS_SVCB, DNS_CNAME, DNS_ANY, DNS_DS};
    for (size_t i = 0; i < sizeof strangers / sizeof *strangers; i++)
        assert_int_equal(decide(v, strangers[i], DNS_A, NULL, "", NOW).outcome, STEER_NOT_OURS);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(decide(v, "news.example", others[i], NULL, "", NOW).outcome, STEER_NOT_OURS);
    const uint16_t ours[] = {DNS_A, DNS_AAAA, DNS_HTTPS};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(decide(v, "www.news.example", ours[i], NULL, "", NOW).outcome, STEER_MIRRORS);
    view_free(&v);
}

/* A, AAAA and HTTPS of both names of one client name the same machines; clients differ. */
static void type_and_name_do_not_change_the_pick(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){0});
    bool seen[2] = {false};
    for (unsigned i = 0; i < 64; i++) {
        char ip[16];
        snprintf(ip, sizeof ip, "192.0.%u.1", i);
        const struct steer_decision a = decide(v, "news.example", DNS_A, ip, "", NOW);
        assert_int_equal(a.mirror_count, 1);
        for (int t = 0; t < 2; t++) {
            struct steer_decision b = decide(v, "www.news.example", t ? DNS_HTTPS : DNS_AAAA, ip, "", NOW);
            assert_ptr_equal(a.mirror[0], b.mirror[0]);
            assert_int_equal(a.address_count, b.address_count);
        }
        seen[a.mirror[0]->id[1] - '1'] = true;
    }
    assert_true(seen[0] && seen[1]);
    view_free(&v);
}

static void addresses_are_the_first_of_each_family(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){.policy = "{\"answers\":2}"});
    struct steer_decision d = decide(v, "news.example", DNS_A, "192.0.2.1", "", NOW);
    assert_int_equal(d.why, STEER_WHY_PICKED);
    assert_int_equal(d.mirror_count, 2);
    assert_int_equal(d.address_count, 3);
    for (unsigned i = 0; i < d.address_count; i++) {
        char text[IP_TEXT_MAX];
        ip_format(&d.address[i], text);
        assert_string_not_equal(text, "198.51.100.9");
    }
    /* Best first: the first address is one of the first mirror's. */
    assert_true(ip_equal(&d.address[0], view_mirror_addresses(d.mirror[0])));
    view_free(&v);
}

static void ttl_is_the_policys_within_bounds(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        uint32_t ttl;
    } cases[] = {{"{}", 60}, {"{\"ttl\":5}", 5}, {"{\"ttl\":300}", 300}, {"{\"ttl\":3600}", 300}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(judge(&(struct site){.policy = cases[i].policy}, "", NOW).ttl, cases[i].ttl);
}

static void expired_registration_is_the_truth(void **state)
{
    (void)state;
    const struct site plain = {0};
    assert_int_equal(judge(&plain, "", SITE_EXPIRES - 1).outcome, STEER_MIRRORS);
    struct steer_decision d = judge(&plain, "", SITE_EXPIRES);
    assert_int_equal(d.outcome, STEER_TRUTH);
    assert_int_equal(d.why, STEER_WHY_EXPIRED);
}

/* Down everywhere, or in the client's country: not picked by anyone it concerns. */
static void published_health_counts(void **state)
{
    (void)state;
    const struct site down = {.m1 = {{"*", false}}, .m1_count = 1};
    const struct site down_there = {.m1 = {{"*", true}, {"RU", false}}, .m1_count = 2};
    const struct site up_there = {.m1 = {{"*", false}, {"RU", true}}, .m1_count = 2};
    const struct {
        const struct site *site;
        const char *country;
        bool m1;
    } cases[] = {{&down, "", false},         {&down, "RU", false},   {&down_there, "", true},
                 {&down_there, "RU", false}, {&up_there, "", false}, {&up_there, "RU", true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct site s = *cases[i].site;
        s.blocked[0] = (struct blocked){"RU", BLOCK_IP};
        s.blocked_count = 1;
        struct view *v = build(&s);
        bool m1 = false;
        for (unsigned n = 0; n < 64; n++) {
            char ip[16];
            snprintf(ip, sizeof ip, "192.0.%u.1", n);
            struct steer_decision d = decide(v, "news.example", DNS_A, ip, cases[i].country, NOW);
            assert_int_equal(d.outcome, STEER_MIRRORS);
            m1 |= d.mirror[0]->id[1] == '1';
        }
        assert_int_equal(m1, cases[i].m1);
        view_free(&v);
    }
}

static void expired_list_voids_its_health(void **state)
{
    (void)state;
    const struct site all_down = {.m1 = {{"*", false}}, .m1_count = 1, .m2 = {{"*", false}}, .m2_count = 1};
    assert_int_equal(judge(&all_down, "", LIST_EXPIRES - 1).why, STEER_WHY_ALL_DOWN);
    assert_int_equal(judge(&all_down, "", LIST_EXPIRES).why, STEER_WHY_PICKED);
}

static void all_down_does_what_the_policy_says(void **state)
{
    (void)state;
    const struct {
        const char *policy;
        enum steer_outcome outcome;
        unsigned mirrors;
    } cases[] = {{"{}", STEER_TRUTH, 0},
                 {"{\"all_down\":\"origin\"}", STEER_TRUTH, 0},
                 {"{\"all_down\":\"nodata\"}", STEER_NODATA, 0},
                 {"{\"all_down\":\"mirrors\",\"answers\":2}", STEER_MIRRORS, 2}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct site s = {.policy = cases[i].policy,
                         .m1 = {{"*", false}},
                         .m1_count = 1,
                         .m2 = {{"*", false}},
                         .m2_count = 1};
        struct steer_decision d = judge(&s, "", NOW);
        assert_int_equal(d.why, STEER_WHY_ALL_DOWN);
        assert_int_equal(d.outcome, cases[i].outcome);
        assert_int_equal(d.mirror_count, cases[i].mirrors);
    }
}

static void a_mirror_blocked_in_the_country_is_not_for_it(void **state)
{
    (void)state;
    struct site s = {.mirrors = "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"],\"blocked_in\":[\"RU\"]}]",
                     .blocked = {{"RU", BLOCK_IP}, {"BY", BLOCK_IP}},
                     .blocked_count = 2};
    assert_int_equal(judge(&s, "RU", NOW).why, STEER_WHY_ALL_DOWN);
    assert_int_equal(judge(&s, "BY", NOW).why, STEER_WHY_PICKED);
    assert_int_equal(judge(&s, "", NOW).why, STEER_WHY_PICKED);
}

static void scope_follows_the_country(void **state)
{
    (void)state;
    const struct {
        struct blocked blocked[2];
        unsigned count;
        const char *country;
        enum steer_why why;
    } cases[] = {
        {{{"RU", BLOCK_IP}}, 1, "RU", STEER_WHY_PICKED},
        {{{"RU", BLOCK_IP}}, 1, "DE", STEER_WHY_OUT_OF_SCOPE},
        {{{"RU", BLOCK_IP}}, 1, "", STEER_WHY_PICKED},
        {{{"RU", BLOCK_DNS}}, 1, "RU", STEER_WHY_DNS_ONLY},
        {{{"RU", BLOCK_DNS}}, 1, "", STEER_WHY_DNS_ONLY},
        {{{"RU", BLOCK_DNS}, {"BY", BLOCK_IP}}, 2, "RU", STEER_WHY_DNS_ONLY},
        {{{"RU", BLOCK_DNS}, {"BY", BLOCK_IP}}, 2, "", STEER_WHY_PICKED},
        {{{"RU", BLOCK_DNS | BLOCK_IP}}, 1, "RU", STEER_WHY_PICKED},
        {{{"RU", BLOCK_SNI}}, 1, "RU", STEER_WHY_NO_ECH},
        {{{"RU", BLOCK_SNI}}, 1, "", STEER_WHY_NO_ECH},
        {{{"RU", BLOCK_SNI}, {"BY", BLOCK_IP}}, 2, "", STEER_WHY_PICKED},
        {{{"RU", BLOCK_SNI}, {"BY", BLOCK_IP}}, 2, "BY", STEER_WHY_PICKED},
        {{{"RU", BLOCK_DNS | BLOCK_SNI}, {"BY", BLOCK_IP | BLOCK_SNI}}, 2, "", STEER_WHY_NO_ECH},
        {{{"", 0}}, 0, "", STEER_WHY_PICKED},
        {{{"", 0}}, 0, "RU", STEER_WHY_OUT_OF_SCOPE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct site s = {.blocked_count = cases[i].count};
        memcpy(s.blocked, cases[i].blocked, sizeof cases[i].blocked);
        struct steer_decision d = judge(&s, cases[i].country, NOW);
        if (d.why != cases[i].why)
            fail_msg("case %zu: %d, not %d", i, d.why, cases[i].why);
        assert_int_equal(d.outcome, d.why == STEER_WHY_PICKED ? STEER_MIRRORS : STEER_TRUTH);
    }
}

/* Where SNI is read only mirrors with ECH help, and two mirrors with different keys never share an answer. */
static void ech_narrows_the_choice(void **state)
{
    (void)state;
    struct site s = {.mirrors = "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]},"
                                "{\"id\":\"m2\",\"addresses\":[\"198.51.100.2\"]," ECH "}]",
                     .policy = "{\"answers\":2,\"all_down\":\"mirrors\"}",
                     .blocked = {{"RU", BLOCK_SNI}},
                     .blocked_count = 1};
    struct view *v = build(&s);
    for (unsigned n = 0; n < 32; n++) {
        char ip[16];
        snprintf(ip, sizeof ip, "192.0.%u.1", n);
        struct steer_decision d = decide(v, "news.example", DNS_A, ip, "RU", NOW);
        assert_int_equal(d.mirror_count, 1);
        assert_string_equal(d.mirror[0]->id, "m2");
    }
    view_free(&v);
    s.m2[0] = (struct list_region){"*", false};
    s.m2_count = 1;
    struct steer_decision down = judge(&s, "RU", NOW);
    assert_int_equal(down.why, STEER_WHY_ALL_DOWN);
    assert_int_equal(down.mirror_count, 1);
    s.blocked[0].flags = BLOCK_IP;
    s.m2_count = 0;
    assert_int_equal(judge(&s, "RU", NOW).mirror_count, 1);
}

static void day_secret_is_stable_for_a_day(void **state)
{
    (void)state;
    const uint8_t master[32] = "master", other[32] = "another";
    uint8_t a[32], b[32];
    int64_t midnight = NOW - NOW % 86400;
    steer_day_secret(master, midnight, a);
    steer_day_secret(master, midnight + 86399, b);
    assert_memory_equal(a, b, 32);
    steer_day_secret(master, midnight + 86400, b);
    assert_memory_not_equal(a, b, 32);
    steer_day_secret(other, midnight, b);
    assert_memory_not_equal(a, b, 32);
}

/* ---- answers ---- */

struct shown {
    struct dns_rr rr[8];
    unsigned count, answers;
    uint8_t block[4096];
    struct answer answer;
};

static void ask(const struct view *v, const char *name, uint16_t type, struct shown *out)
{
    uint8_t message[DNS_HEADER + DNS_QUESTION_MAX + 16];
    struct writer w = writer_of(message, sizeof message);
    struct dns_name n = name_of(name);
    struct dns_query q;
    query_write(&w, 1, DNS_RD, &n, type, 0, false);
    assert_int_equal(query_parse(writer_done(&w), &q), REASON_OK);
    struct steer_decision d = decide(v, name, type, "192.0.2.1", "", NOW);
    size_t len = steer_answer(&d, &q, NOW, out->block, sizeof out->block);
    assert_true(len > 0);
    assert_true(answer_open(bytes_of(out->block, len), true, &out->answer));
    assert_true(out->answer.head.flags & ANSWER_STEERED);
    struct msg_iter it;
    assert_true(msg_iter_init(&it, out->answer.wire));
    for (out->count = out->answers = 0; msg_next(&it, &out->rr[out->count]); out->count++)
        out->answers += out->rr[out->count].section == DNS_ANSWER;
    assert_false(it.malformed);
}

static void is_nodata(const struct shown *s, uint32_t ttl)
{
    assert_int_equal(s->answer.head.rcode, DNS_NOERROR);
    assert_true(s->answer.head.flags & ANSWER_NEGATIVE);
    assert_int_equal(s->answers, 0);
    assert_int_equal(s->count, 1);
    assert_int_equal(s->rr[0].type, DNS_SOA);
    assert_int_equal(s->answer.head.ttl, ttl);
}

static void addresses_are_answered(void **state)
{
    (void)state;
    struct shown s;
    struct view *v = build(&(struct site){.policy = "{\"answers\":2,\"ttl\":90}"});
    ask(v, "www.news.example", DNS_A, &s);
    assert_int_equal(s.answers, 2);
    assert_int_equal(s.answer.head.ttl, 90);
    assert_false(s.answer.head.flags & ANSWER_NEGATIVE);
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(s.rr[i].type, DNS_A);
        assert_memory_equal(s.rr[i].rdata.data, "\xc6\x33\x64", 3);
    }
    ask(v, "www.news.example", DNS_AAAA, &s);
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.rr[0].rdata.len, 16);
    view_free(&v);
}

/* No address of that family: an empty answer with a SOA, or the reader would go to the blocked origin by it.
 */
static void a_missing_family_is_nodata(void **state)
{
    (void)state;
    struct shown s;
    struct view *v = build(&(struct site){.mirrors = "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]}]"});
    ask(v, "news.example", DNS_AAAA, &s);
    is_nodata(&s, 60);
    view_free(&v);
    v = build(&(struct site){.mirrors = "[{\"id\":\"m1\",\"addresses\":[\"2001:db8::1\"]}]"});
    ask(v, "www.news.example", DNS_A, &s);
    is_nodata(&s, 60);
    view_free(&v);
}

static void all_down_nodata_is_empty_for_every_type(void **state)
{
    (void)state;
    struct shown s;
    struct view *v = build(&(struct site){.policy = "{\"all_down\":\"nodata\",\"ttl\":30}",
                                          .m1 = {{"*", false}},
                                          .m1_count = 1,
                                          .m2 = {{"*", false}},
                                          .m2_count = 1});
    const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_HTTPS};
    for (size_t i = 0; i < 3; i++) {
        ask(v, "news.example", types[i], &s);
        is_nodata(&s, 30);
    }
    view_free(&v);
}

static void https_is(const char *mirrors, const char *policy, struct bytes rdata)
{
    struct shown s;
    struct view *v = build(&(struct site){.mirrors = mirrors, .policy = policy});
    ask(v, "news.example", DNS_HTTPS, &s);
    assert_int_equal(s.answers, 1);
    assert_int_equal(s.rr[0].type, DNS_HTTPS);
    assert_int_equal(s.rr[0].rdata.len, rdata.len);
    assert_memory_equal(s.rr[0].rdata.data, rdata.data, rdata.len);
    view_free(&v);
}

/* RFC 9460 2.2: priority 1, target ".", then parameters: alpn 1, port 3, ipv4hint 4, ech 5, ipv6hint 6. */
static void https_describes_the_picked_mirror(void **state)
{
    (void)state;
    https_is("[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]}]", "{}",
             BYTES_LIT("\0\1\0\0\4\0\4\xc6\x33\x64\1"));
    https_is("[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"2001:db8::1\"],\"alpn\":[\"h2\"]," ECH "}]",
             "{}",
             BYTES_LIT("\0\1\0\0\1\0\3\2h2\0\4\0\4\xc6\x33\x64\1\0\5\0\r\0\x45\xfe\r\0\x41\0\0\x20\0\x20\0\0"
                       "\0\6\0\x10\x20\1\r\xb8\0\0\0\0\0\0\0\0\0\0\0\1"));
    /* Two mirrors: what both speak. Both have the same first address, so that the order does not matter. */
    https_is("[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"],\"alpn\":[\"h3\",\"h2\"]},"
             "{\"id\":\"m2\",\"addresses\":[\"198.51.100.1\"],\"alpn\":[\"h2\"]}]",
             "{\"answers\":2}", BYTES_LIT("\0\1\0\0\1\0\3\2h2\0\4\0\x08\xc6\x33\x64\1\xc6\x33\x64\1"));
}

static void a_block_too_small_is_refused(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){0});
    struct dns_query q = {.type = DNS_A, .class = DNS_CLASS_IN, .name = name_of("news.example")};
    struct steer_decision d = decide(v, "news.example", DNS_A, "192.0.2.1", "", NOW);
    uint8_t block[256];
    assert_int_equal(steer_answer(&d, &q, NOW, block, 180), 0);
    view_free(&v);
}

static void note_names_list_and_version(void **state)
{
    (void)state;
    char note[96];
    struct view *v = build(&(struct site){0});
    struct steer_decision d = decide(v, "news.example", DNS_A, "192.0.2.1", "", NOW);
    steer_note(&d, note);
    assert_string_equal(note, "list demo version 7");
    view_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_registered_names_and_types_are_ours),
        cmocka_unit_test(type_and_name_do_not_change_the_pick),
        cmocka_unit_test(addresses_are_the_first_of_each_family),
        cmocka_unit_test(ttl_is_the_policys_within_bounds),
        cmocka_unit_test(expired_registration_is_the_truth),
        cmocka_unit_test(published_health_counts),
        cmocka_unit_test(expired_list_voids_its_health),
        cmocka_unit_test(all_down_does_what_the_policy_says),
        cmocka_unit_test(a_mirror_blocked_in_the_country_is_not_for_it),
        cmocka_unit_test(scope_follows_the_country),
        cmocka_unit_test(ech_narrows_the_choice),
        cmocka_unit_test(day_secret_is_stable_for_a_day),
        cmocka_unit_test(addresses_are_answered),
        cmocka_unit_test(a_missing_family_is_nodata),
        cmocka_unit_test(all_down_nodata_is_empty_for_every_type),
        cmocka_unit_test(https_describes_the_picked_mirror),
        cmocka_unit_test(a_block_too_small_is_refused),
        cmocka_unit_test(note_names_list_and_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
