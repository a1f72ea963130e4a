/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The four documents and their envelope: what is printed is read again as the same, and bounds hold. */
#include "../../steering/signing.h"

struct fixture {
    struct world w;
    struct refusal why;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    world_init(&f->w);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    world_fini(&f->w);
    free(f);
    return 0;
}

static void an_envelope_carries_its_text_exactly(void **state)
{
    struct fixture *f = *state;
    const char *text = "{\"a\":\t\"\\u00e9 \xd0\xbf\\\\\"}\r\n ";
    struct bytes file = SEAL(&f->w, text, &f->w.outlet, &f->w.publisher);
    struct envelope e;
    assert_true(envelope_parse(file, 65536, &f->w.arena, &e, NULL));
    assert_true(bytes_equal(e.text, bytes_str(text)));
    const struct minisign_public *keys[] = {&f->w.outlet.public, &f->w.outlet.public, &f->w.publisher.public,
                                            &f->w.maintainer.public};
    assert_int_equal(envelope_signers(&e, keys, 4), 2);
    assert_true(envelope_verify(&e, keys, 4, 2, NULL));
    assert_false(envelope_verify(&e, keys, 4, 3, &f->why));
    assert_int_equal(f->why.why, REFUSAL_FEW_SIGNATURES);
    assert_false(envelope_verify(&e, keys, 4, 0, NULL));
    assert_true(envelope_add(&e, e.signatures[0], NULL));
    assert_int_equal(e.count, 2);
}

static void envelopes_have_bounds(void **state)
{
    struct fixture *f = *state;
    struct envelope e;
    static const struct {
        const char *file;
        enum refusal_why why;
    } bad[] = {
        {"", REFUSAL_BAD_JSON},
        {"[]", REFUSAL_BAD_JSON},
        {"{\"signed\":\"x\"}", REFUSAL_BAD_FIELD},
        {"{\"signed\":7,\"signatures\":[]}", REFUSAL_BAD_FIELD},
        {"{\"signed\":\"a\\u0000b\",\"signatures\":[]}", REFUSAL_BAD_JSON},
        {"{\"signed\":\"x\",\"signatures\":[{}]}", REFUSAL_BAD_FIELD},
        {"{\"signed\":\"x\",\"signatures\":[]} {}", REFUSAL_BAD_JSON},
        {"{\"signed\":\"x\",\"signatures\":[\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\",\"\","
         "\"\",\"\","
         "\"\",\"\"]}",
         REFUSAL_TOO_MANY},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_false(envelope_parse(bytes_str(bad[i].file), 4096, &f->w.arena, &e, &f->why));
        assert_string_equal(refusal_name(f->why.why), refusal_name(bad[i].why));
    }
    assert_false(
        envelope_parse(BYTES_LIT("{\"signed\":\"x\",\"signatures\":[]}"), 8, &f->w.arena, &e, &f->why));
    assert_int_equal(f->why.why, REFUSAL_TOO_LARGE);
}

static void roots_print_what_was_read(void **state)
{
    struct fixture *f = *state;
    struct root a, b;
    assert_true(root_parse(bytes_str(root_text(&f->w, 4, NOW)), &f->w.arena, &a, NULL));
    struct bytes text = root_print(&a, &f->w.arena);
    assert_true(root_parse(text, &f->w.arena, &b, NULL));
    assert_true(bytes_equal(text, root_print(&b, &f->w.arena)));
    assert_int_equal(b.version, 4);
    assert_int_equal(b.expires, NOW);
    assert_int_equal(b.roles[ROOT_ROLE_ROOT].threshold, 2);
    assert_int_equal(b.roles[ROOT_ROLE_VANTAGE].count, 0);
}

static void expect_root_refused(struct fixture *f, const char *from, const char *to, enum refusal_why why)
{
    struct root r;
    char *text = (char *)root_text(&f->w, 1, NOW);
    char *at = strstr(text, from);
    assert_non_null(at);
    text = arena_printf(&f->w.arena, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
    assert_false(root_parse(bytes_str(text), &f->w.arena, &r, &f->why));
    assert_string_equal(refusal_name(f->why.why), refusal_name(why));
}

static void bad_roots_are_refused(void **state)
{
    struct fixture *f = *state;
    expect_root_refused(f, "\"threshold\":2", "\"threshold\":4", REFUSAL_BAD_FIELD);
    expect_root_refused(f, "\"threshold\":2", "\"threshold\":0", REFUSAL_BAD_FIELD);
    expect_root_refused(f, "\"threshold\":2", "\"threshold\":2.0", REFUSAL_BAD_FIELD);
    expect_root_refused(f, "[\"a\",\"b\",\"c\"]", "[\"a\",\"b\",\"b\"]", REFUSAL_DUPLICATE);
    expect_root_refused(f, "[\"a\",\"b\",\"c\"]", "[\"a\",\"b\",\"x\"]", REFUSAL_BAD_FIELD);
    expect_root_refused(f, "\"publisher\"", "\"printer\"", REFUSAL_BAD_FIELD);
    expect_root_refused(f, public_text(&f->w, &f->w.root[0]), public_text(&f->w, &f->w.root[1]),
                        REFUSAL_DUPLICATE);
    expect_root_refused(f, public_text(&f->w, &f->w.root[0]), "RWQ", REFUSAL_BAD_KEY);
    expect_root_refused(f, "\"version\":1", "\"version\":0", REFUSAL_BAD_FIELD);
    expect_root_refused(f, "polynya-root/1", "polynya-root/2", REFUSAL_BAD_TYPE);
}

static void registrations_print_what_was_read(void **state)
{
    struct fixture *f = *state;
    struct registration a, b;
    const char *text =
        "{\"type\":\"polynya-registration/1\",\"domain\":\"Outlet.Example\",\"seq\":1,"
        "\"issued\":\"2026-11-23T20:00:00Z\",\"expires\":\"2026-12-20T00:00:00Z\",\"future\":[1],"
        "\"names\":[\"@\",\"WWW\"],\"mirrors\":[{\"id\":\"m\",\"addresses\":[\"1.2.3.4\"],\"weight\":5,"
        "\"kind\":\"passthrough\",\"alpn\":[\"h2\",\"h3\"],\"ech\":\"AEX+DQ==\",\"blocked_in\":[\"RU\"],"
        "\"port\":444},{\"id\":\"n\",\"addresses\":[\"2001:db8::7\"],\"ech\":null}]}";
    assert_true(registration_parse(bytes_str(text), &f->w.arena, &a, NULL));
    assert_string_equal(a.domain, "outlet.example");
    assert_string_equal(a.names[1], "www");
    assert_int_equal(name_labels(&a.full[1]), 3);
    assert_int_equal(a.mirrors[0].kind, MIRROR_PASSTHROUGH);
    assert_int_equal(a.mirrors[0].ech.len, 4);
    assert_int_equal(a.mirrors[1].weight, 100);
    assert_int_equal(a.mirrors[1].port, 443);
    assert_int_equal(a.policy.ttl, 60);
    assert_string_equal(a.policy.probe_path, "/");
    struct bytes printed = registration_print(&a, &f->w.arena);
    assert_true(registration_parse(printed, &f->w.arena, &b, NULL));
    assert_true(bytes_equal(printed, registration_print(&b, &f->w.arena)));
}

static void registrations_have_bounds(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct registration r;
    struct writer names = writer_of(arena_alloc(&w->arena, 4096), 4096);
    for (int i = 0; i < 65; i++)
        writer_printf(&names, "%s\"n%d\"", i ? "," : "", i);
    writer_u8(&names, 0);
    const struct {
        const char *names, *addresses, *fields;
        enum refusal_why why;
    } bad[] = {
        {(const char *)names.data, "\"1.2.3.4\"", "", REFUSAL_TOO_MANY},
        {"\"@\"",
         "\"1.1.1.1\",\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\",\"1.1.1.5\",\"1.1.1.6\",\"1.1.1.7\",\"1.1.1.8\","
         "\"1.1.1.9\"",
         "", REFUSAL_TOO_MANY},
        {"\"@\"", "", "", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"policy\":{\"answers\":3}", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"policy\":{\"ttl\":4}", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"policy\":{\"all_down\":\"maybe\"}", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"policy\":{\"probe\":{\"path\":\"x\"}}", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"policy\":{\"probe\":{\"path\":\"/a\\r\\nb\"}}", REFUSAL_BAD_FIELD},
        {"\"@\"", "\"1.2.3.4\"", ",\"seq\":8", REFUSAL_BAD_JSON},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text =
            registration_text(w, "outlet.example", 7, bad[i].names, bad[i].addresses, bad[i].fields);
        assert_false(registration_parse(bytes_str(text), &w->arena, &r, &f->why));
        assert_string_equal(refusal_name(f->why.why), refusal_name(bad[i].why));
    }
}

static void lists_and_delegations_print_what_was_read(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    struct delegations d, again;
    struct list_doc l, twice;
    const char *text = delegations_text(w, 2, site_text(w, "outlet.example", &w->outlet));
    assert_true(delegations_parse(bytes_str(text), &w->arena, &d, NULL));
    assert_true(delegations_parse(delegations_print(&d, &w->arena), &w->arena, &again, NULL));
    assert_non_null(delegations_find(&again, "outlet.example"));
    assert_null(delegations_find(&again, "www.outlet.example"));
    struct bytes reg = SEAL(w, "any \"text\"", &w->outlet);
    text = list_text(w, 2, BYTES_LIT("x"), (const char *)reg.data);
    assert_true(list_parse(bytes_str(text), &w->arena, &l, NULL, NULL));
    assert_true(list_parse(list_print(&l, &w->arena), &w->arena, &twice, NULL, NULL));
    assert_true(bytes_equal(twice.registrations[0].text, BYTES_LIT("any \"text\"")));
    assert_non_null(list_health(&twice, "outlet.example", "m1"));
    assert_null(list_health(&twice, "outlet.example", "m2"));
    text = delegations_text(w, 2,
                            arena_printf(&w->arena, "%s,%s", site_text(w, "a.example", &w->outlet),
                                         site_text(w, "A.example", &w->outlet)));
    assert_false(delegations_parse(bytes_str(text), &w->arena, &d, &f->why));
    assert_int_equal(f->why.why, REFUSAL_DUPLICATE);
}

static void a_place_is_fit_to_be_logged(void **state)
{
    (void)state;
    struct refusal r;
    char longer[400];
    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    assert_false(refuse(&r, REFUSAL_BAD_FIELD, "a\"b\nc\\%s", "\xff"));
    assert_string_equal(r.where, "a?b?c??");
    refusal_within(&r, "sites[%d]", 3);
    assert_string_equal(r.where, "sites[3]: a?b?c??");
    refusal_within(&r, "%s", longer);
    assert_int_equal(strlen(r.where), sizeof r.where - 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_envelope_carries_its_text_exactly),
        T(envelopes_have_bounds),
        T(roots_print_what_was_read),
        T(bad_roots_are_refused),
        T(registrations_print_what_was_read),
        T(registrations_have_bounds),
        T(lists_and_delegations_print_what_was_read),
        cmocka_unit_test(a_place_is_fit_to_be_logged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
