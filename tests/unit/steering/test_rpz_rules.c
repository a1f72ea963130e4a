/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which rules of a policy zone become sites, which are refused and why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/dns/zonefile.h"
#include "steering/rpz_rules.h"
#include "steering/steer.h"

#define SOA "@ 60 IN SOA localhost. root.localhost. 7 300 60 86400 5\n@ NS localhost.\n$TTL 60\n"

enum { NOW = 1795000000 };

struct fixture {
    struct arena arena;
    struct guard *guard;
    struct dns_name zone;
    struct rpz_judge judge;
    struct rpz_rules rules;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct ip_net denied;
    assert_true(ip_net_parse(BYTES_LIT("9.9.9.0/24"), &denied));
    f->guard = guard_new(&denied, 1);
    assert_true(name_from_text(BYTES_LIT("rpz.example"), &f->zone));
    f->judge = (struct rpz_judge){.zone = &f->zone, .guard = f->guard, .serial = 7, .now = NOW};
    arena_init(&f->arena, 64 << 20);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    guard_free(&f->guard);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static const struct rpz_rules *make(struct fixture *f, const char *text)
{
    struct zonefile_error error;
    struct soa soa;
    char *all = arena_printf(&f->arena, SOA "%s", text);
    struct records *records = zonefile_read(bytes_str(all), &f->zone, &soa, &error);
    if (!records)
        fail_msg("line %u: %s", error.line, error.what);
    assert_true(rpz_rules_make(records, &f->judge, &f->arena, &f->rules));
    records_free(&records);
    return &f->rules;
}

static void refused(struct fixture *f, const char *text, enum refusal_why why)
{
    const struct rpz_rules *r = make(f, text);
    if (r->refused[why] != 1 || r->refused_count != 1)
        fail_msg("%s: %zu refused, %zu of them %s", text, r->refused_count, r->refused[why],
                 refusal_name(why));
    assert_int_equal(r->first.why, why);
}

static const struct registration *site(const struct rpz_rules *r, const char *domain)
{
    for (size_t i = 0; i < r->site_count; i++)
        if (strcmp(r->sites[i].registration->domain, domain) == 0)
            return r->sites[i].registration;
    fail_msg("no site %s", domain);
    return NULL;
}

static bool has_address(const struct mirror *m, const char *text)
{
    struct ip ip;
    assert_true(ip_parse(bytes_str(text), &ip));
    for (unsigned i = 0; i < m->address_count; i++)
        if (ip_equal(&m->addresses[i], &ip))
            return true;
    return false;
}

static void addresses_become_mirrors(void **state)
{
    const struct rpz_rules *r = make(*state, "News.outlet.example A 1.1.1.1\n A 1.0.0.1\n AAAA 2620:fe::9\n"
                                             " HTTPS 1 . alpn=h2 ipv4hint=1.1.1.1\n"
                                             "six.example 3 AAAA 2620:fe::9\n");
    assert_int_equal(r->site_count, 2);
    assert_int_equal(r->refused_count, 0);
    const struct registration *reg = site(r, "news.outlet.example");
    assert_int_equal(reg->mirror_count, 2);
    assert_string_equal(reg->mirrors[0].id, "1.0.0.1");
    assert_true(has_address(&reg->mirrors[0], "1.0.0.1") && has_address(&reg->mirrors[0], "2620:fe::9"));
    assert_true(has_address(&reg->mirrors[1], "1.1.1.1") && has_address(&reg->mirrors[1], "2620:fe::9"));
    assert_int_equal(reg->mirrors[0].alpn_count, 0);
    assert_int_equal(reg->policy.ttl, 60);
    assert_int_equal(reg->mirrors[0].port, 443);
    reg = site(r, "six.example");
    assert_int_equal(reg->mirror_count, 1);
    assert_string_equal(reg->mirrors[0].id, "262000fe000000000000000000000009");
    assert_int_equal(reg->policy.ttl, POLICY_TTL_MIN);
}

static void names_pass_through(void **state)
{
    const struct rpz_rules *r = make(*state, "a.example CNAME rpz-passthru.\nb.example CNAME b.example.\n"
                                             "*.c.example CNAME rpz-passthru.\n");
    assert_int_equal(r->refused_count, 0);
    assert_int_equal(r->site_count, 0);
    assert_int_equal(r->passed_count, 3);
    assert_int_equal(r->passed[0]->wire[0], 1);
}

static void all_else_is_refused(void **state)
{
    struct fixture *f = *state;
    refused(f, "a.example CNAME .\n", REFUSAL_RPZ_ACTION);
    refused(f, "a.example CNAME *.\n", REFUSAL_RPZ_ACTION);
    refused(f, "a.example CNAME rpz-drop.\n", REFUSAL_RPZ_ACTION);
    refused(f, "a.example CNAME rpz-tcp-only.\n", REFUSAL_RPZ_ACTION);
    refused(f, "a.example CNAME rpz-new.\n", REFUSAL_RPZ_ACTION);
    refused(f, "a.example CNAME *.garden.example.\n", REFUSAL_RPZ_ACTION);
    refused(f, "*.a.example CNAME .\n", REFUSAL_RPZ_ACTION);
    refused(f, "*.a.example A 1.1.1.1\n", REFUSAL_RPZ_WILDCARD);
    refused(f, "*.a.example CNAME mirror.example.\n", REFUSAL_RPZ_WILDCARD);
    refused(f, "24.0.2.0.192.rpz-client-ip CNAME .\n", REFUSAL_RPZ_TRIGGER);
    refused(f, "32.1.1.1.1.rpz-ip A 1.1.1.1\n", REFUSAL_RPZ_TRIGGER);
    refused(f, "ns.bad.example.rpz-nsdname CNAME .\n", REFUSAL_RPZ_TRIGGER);
    refused(f, "24.0.2.0.192.rpz-nsip CNAME rpz-passthru.\n", REFUSAL_RPZ_TRIGGER);
    refused(f, "a.example TXT no\n", REFUSAL_RPZ_RECORD);
    refused(f, "a.example HTTPS 1 . alpn=h2\n", REFUSAL_RPZ_RECORD);
    refused(f, "a.example HTTPS 0 mirror.example.\n", REFUSAL_RPZ_RECORD);
    refused(f, "a.example HTTPS 1 mirror.example. alpn=h2\n", REFUSAL_RPZ_RECORD);
    refused(f, "a.example HTTPS 1 . ipv4hint=10.0.0.1\n", REFUSAL_SPECIAL_USE);
    refused(f, "a.example HTTPS 1 . port=8443\n", REFUSAL_BAD_PORT);
    refused(f, "a.example A 10.1.2.3\n", REFUSAL_SPECIAL_USE);
    refused(f, "a.example AAAA ::ffff:127.0.0.1\n", REFUSAL_SPECIAL_USE);
    refused(f, "a.example A 9.9.9.9\n", REFUSAL_DENIED);
    refused(f, "com A 1.1.1.1\n", REFUSAL_PUBLIC_SUFFIX);
    refused(f, "co.uk A 1.1.1.1\n", REFUSAL_PUBLIC_SUFFIX);
    refused(f, "_dmarc.a.example A 1.1.1.1\n", REFUSAL_BAD_NAME);
    refused(f, "a\\.b.example A 1.1.1.1\n", REFUSAL_BAD_NAME);
    refused(f, "a.example CNAME mirror.example.\n", REFUSAL_RPZ_TARGET);
    refused(f, "a.example CNAME mirror.example.\na.example A 1.1.1.1\n", REFUSAL_RPZ_RECORD);
    assert_int_equal(f->rules.site_count, 0);
}

static void what_is_refused_costs_nothing_else(void **state)
{
    const struct rpz_rules *r = make(*state, "a.example A 10.0.0.1\na.example A 1.1.1.1\n"
                                             "a.example TXT x\nb.example CNAME .\n");
    assert_int_equal(r->refused_count, 3);
    assert_int_equal(site(r, "a.example")->mirror_count, 1);
}

static void furniture_is_no_rule(void **state)
{
    const struct rpz_rules *r =
        make(*state,
             "a.example NS localhost.\nb.example RRSIG A 8 3 60 20300101000000 20200101000000 1 rpz.example. "
             "AAAA\n@ TXT hello\n@ A 1.1.1.1\n");
    assert_int_equal(r->refused_count, 0);
    assert_int_equal(r->site_count, 0);
}

static bool resolve(void *self, const struct dns_name *target, struct ip *out, unsigned *count)
{
    char text[DNS_NAME_TEXT_MAX];
    const char *known = self;
    name_to_text(target, text);
    assert_string_equal(text, "mirror.example");
    *count = 0;
    if (!known)
        return false;
    if (!*known)
        return true;
    assert_true(ip_parse(bytes_str(known), &out[0]));
    *count = 1;
    return true;
}

static void targets_are_asked_for(void **state)
{
    struct fixture *f = *state;
    static char good[] = "1.1.1.1", private[] = "192.168.1.1", empty[] = "";
    f->judge.resolve = resolve;
    f->judge.self = good;
    const struct rpz_rules *r = make(f, "a.example CNAME Mirror.example.\n");
    assert_int_equal(r->target_count, 1);
    assert_true(has_address(site(r, "a.example")->mirrors, "1.1.1.1"));
    f->judge.self = NULL;
    r = make(f, "a.example CNAME mirror.example.\n");
    assert_int_equal(r->target_count, 1);
    assert_int_equal(r->waiting, 1);
    assert_int_equal(r->refused_count + r->site_count, 0);
    f->judge.self = empty;
    refused(f, "a.example CNAME mirror.example.\n", REFUSAL_RPZ_TARGET);
    f->judge.self = private;
    refused(f, "a.example CNAME mirror.example.\n", REFUSAL_SPECIAL_USE);
    /* Names whose rules are refused are not asked for. */
    make(f, "com CNAME mirror.example.\n*.a.example CNAME mirror.example.\n");
    assert_int_equal(f->rules.target_count, 0);
}

static void special_use_can_be_allowed(void **state)
{
    struct fixture *f = *state;
    f->judge.allow_special_use = true;
    const struct rpz_rules *r = make(f, "a.example A 127.0.0.2\na.example HTTPS 1 . port=8443\n");
    assert_int_equal(r->refused_count, 0);
    assert_int_equal(site(r, "a.example")->mirrors[0].port, 8443);
}

static void a_site_has_a_limit(void **state)
{
    struct fixture *f = *state;
    struct writer w = writer_of(arena_alloc(&f->arena, 1 << 16), 1 << 16);
    for (unsigned i = 0; i < 70; i++)
        writer_printf(&w, "a.example A 1.1.2.%u\n", i);
    writer_u8(&w, 0);
    const struct rpz_rules *r = make(f, (const char *)w.data);
    assert_int_equal(r->refused[REFUSAL_TOO_MANY], 6);
    assert_int_equal(site(r, "a.example")->mirror_count, 64);
}

static struct view *view_of(const struct rpz_rules *r)
{
    size_t len;
    const struct view_source source = {"zone", &r->list, r->sites, r->site_count, VIEW_POLICY};
    uint8_t *block = view_compile(&source, 1, &(struct hash_key){1, 2}, &len);
    struct view *v = block ? view_open(block, len) : NULL;
    assert_non_null(v);
    return v;
}

/* Whatever a table says that believes published health: without a proof of our own, the truth. */
static void only_our_own_proof_counts(void **state)
{
    struct view *v = view_of(make(*state, "a.example A 1.1.1.1\n"));
    struct dns_name name;
    struct steer_decision d;
    const uint8_t secret[32] = {0};
    assert_true(name_from_text(BYTES_LIT("a.example"), &name));
    const struct steer_client client = {.ip = {.len = 4, .addr = {1, 2, 3, 4}}, .country = "RU"};
    assert_int_equal(view_site_blocked_in(view_find(v, &name), "RU"), VIEW_BLOCK_IP);
    assert_int_equal(view_site_blocked_in(view_find(v, &name), ""), VIEW_BLOCK_IP);
    steer_decide(v, NULL, &name, 1, &client, secret, NOW, &d);
    assert_int_equal(d.outcome, STEER_TRUTH);
    for (int published = 0; published < 2; published++)
        for (int up = 0; up < 2; up++) {
            uint8_t *block = calloc(1, sizeof(struct health_head) + sizeof(struct health_record));
            *(struct health_head *)(void *)block = (struct health_head){.count = 1,
                                                                        .view = view_checksum(v),
                                                                        .stored = NOW,
                                                                        .interval = 30,
                                                                        .published = (uint8_t)published};
            if (up)
                health_count((void *)(block + sizeof(struct health_head)), true, NOW);
            health_seal(block);
            struct health *h = health_open(block, sizeof(struct health_head) + sizeof(struct health_record));
            assert_non_null(h);
            steer_decide(v, h, &name, 1, &client, secret, NOW, &d);
            assert_int_equal(d.outcome, up ? STEER_MIRRORS : STEER_TRUTH);
            health_free(&h);
        }
    view_free(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(addresses_become_mirrors, set_up, tear_down),
        cmocka_unit_test_setup_teardown(names_pass_through, set_up, tear_down),
        cmocka_unit_test_setup_teardown(all_else_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_refused_costs_nothing_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(furniture_is_no_rule, set_up, tear_down),
        cmocka_unit_test_setup_teardown(targets_are_asked_for, set_up, tear_down),
        cmocka_unit_test_setup_teardown(special_use_can_be_allowed, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_site_has_a_limit, set_up, tear_down),
        cmocka_unit_test_setup_teardown(only_our_own_proof_counts, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("steering rpz_rules", tests, NULL, NULL);
}
