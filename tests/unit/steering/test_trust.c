/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verification: each way a document can be bad is refused under its own name, and costs no more than it must.
 */
#include "signing.h"

#include "steering/trust.h"

#define ADDRESS "\"93.184.216.34\""

struct fixture {
    struct world w;
    struct guard *guard;
    struct root root;
    struct bytes delegations;
    struct trust_input in;
    struct trust_result out;
    struct refusal why;
    struct refusal site; /* the last registration refused */
};

static void on_refused(void *self, const char *domain, const struct refusal *why)
{
    struct fixture *f = self;
    (void)domain;
    f->site = *why;
}

static const char *registration(struct fixture *f, const char *names, const char *addresses,
                                const char *fields)
{
    const char *text = registration_text(&f->w, "outlet.example", 7, names, addresses, fields);
    return (const char *)SEAL(&f->w, text, &f->w.outlet).data;
}

static void set_list(struct fixture *f, const char *text)
{
    f->in.list = SEAL(&f->w, text, &f->w.publisher);
}

static bool judge(struct fixture *f)
{
    f->why = f->site = (struct refusal){.why = REFUSAL_NONE};
    return trust_list(&f->in, &f->w.arena, &f->out, &f->why);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    world_init(&f->w);
    f->guard = guard_new(NULL, 0);
    assert_non_null(f->guard);
    struct bytes root = SEAL(&f->w, root_text(&f->w, 1, NOW + 300 * DAY), &f->w.root[0], &f->w.root[1]);
    assert_true(trust_pin(root, &f->w.arena, &f->root, &f->why));
    f->delegations = SEAL(&f->w, delegations_text(&f->w, 1, site_text(&f->w, "outlet.example", &f->w.outlet)),
                          &f->w.maintainer);
    f->in = (struct trust_input){.root = &f->root,
                                 .delegations = f->delegations,
                                 .guard = f->guard,
                                 .now = NOW,
                                 .refused = on_refused,
                                 .self = f};
    set_list(f, list_text(&f->w, 3, f->delegations, registration(f, "\"@\",\"www\"", ADDRESS, "")));
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    guard_free(&f->guard);
    world_fini(&f->w);
    free(f);
    return 0;
}

static void a_sound_list_is_accepted(void **state)
{
    struct fixture *f = *state;
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 1);
    assert_int_equal(f->out.refused, 0);
    assert_string_equal(f->out.sites[0].registration->domain, "outlet.example");
    assert_int_equal(f->out.sites[0].delegation->blocked[0].flags, BLOCK_DNS | BLOCK_SNI);
    assert_int_equal(f->out.floor.list_version, 3);
    assert_int_equal(f->out.floor.delegations_version, 1);
    const struct list_mirror_health *h = list_health(&f->out.list, "outlet.example", "m1");
    assert_non_null(h);
    assert_int_equal(h->region_count, 2);
}

static void the_same_list_again_is_quiet(void **state)
{
    struct fixture *f = *state;
    assert_true(judge(f));
    f->in.floor = f->out.floor;
    assert_true(judge(f));
    assert_true(f->out.unchanged);
    f->in.recheck = true;
    assert_true(judge(f));
    assert_false(f->out.unchanged);
    assert_int_equal(f->out.site_count, 1);
}

/* What verified before is not verified again; anything that differs by a byte is. */
static void known_signatures_are_not_checked_twice(void **state)
{
    struct fixture *f = *state;
    assert_true(judge(f));
    struct trust_verified known = f->out.verified[0];
    f->in.verified = &known;
    f->in.verified_count = 1;
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 1);
    assert_memory_equal(&known, &f->out.verified[0], sizeof known);
    const char *text = registration_text(&f->w, "outlet.example", 8, "\"@\"", ADDRESS, "");
    const char *forged = (const char *)SEAL(&f->w, text, &f->w.publisher).data;
    set_list(f, list_text(&f->w, 4, f->delegations, forged));
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 0);
    assert_int_equal(f->site.why, REFUSAL_BAD_SIGNATURE);
}

static void expect_refused(struct fixture *f, enum refusal_why why)
{
    assert_false(judge(f));
    assert_string_equal(refusal_name(f->why.why), refusal_name(why));
}

static void older_versions_are_refused(void **state)
{
    struct fixture *f = *state;
    assert_true(judge(f));
    f->in.floor = f->out.floor;
    set_list(f, list_text(&f->w, 2, f->delegations, ""));
    expect_refused(f, REFUSAL_ROLLED_BACK);
    set_list(f, list_text(&f->w, 3, f->delegations, ""));
    expect_refused(f, REFUSAL_SAME_VERSION);
    f->in.floor.delegations_version = 2;
    set_list(f, list_text(&f->w, 4, f->delegations, ""));
    expect_refused(f, REFUSAL_ROLLED_BACK);
    assert_non_null(strstr(f->why.where, "delegations.json"));
}

static void times_are_checked(void **state)
{
    struct fixture *f = *state;
    set_list(f, list_text_at(&f->w, 3, NOW - DAY, NOW - 1, 1, f->delegations, "", "{}"));
    expect_refused(f, REFUSAL_EXPIRED);
    f->in.mode = TRUST_STORED;
    assert_true(judge(f));
    f->in.mode = TRUST_FRESH;
    set_list(f, list_text_at(&f->w, 3, NOW, NOW + DAY + 1, 1, f->delegations, "", "{}"));
    expect_refused(f, REFUSAL_LONG_LIFE);
    set_list(f, list_text_at(&f->w, 3, NOW + 301, NOW + HOUR, 1, f->delegations, "", "{}"));
    expect_refused(f, REFUSAL_FUTURE);
    set_list(f, list_text_at(&f->w, 3, NOW + 300, NOW + HOUR, 1, f->delegations, "", "{}"));
    assert_true(judge(f));
    f->root.expires = NOW;
    expect_refused(f, REFUSAL_EXPIRED);
}

static void signatures_are_counted(void **state)
{
    struct fixture *f = *state;
    const char *text = list_text(&f->w, 3, f->delegations, "");
    f->in.list = SEAL(&f->w, text, &f->w.maintainer);
    expect_refused(f, REFUSAL_FEW_SIGNATURES);
    /* one character of the text, behind the signature's back */
    set_list(f, text);
    uint8_t *at = (uint8_t *)strstr((char *)f->in.list.data, "polynya-list");
    at[0] = 'P';
    expect_refused(f, REFUSAL_FEW_SIGNATURES);
    f->in.delegations = SEAL(&f->w, delegations_text(&f->w, 1, ""), &f->w.publisher);
    set_list(f, list_text(&f->w, 3, f->in.delegations, ""));
    expect_refused(f, REFUSAL_FEW_SIGNATURES);
}

static void broken_files_are_refused(void **state)
{
    struct fixture *f = *state;
    struct bytes whole = f->in.list;
    f->in.list.len /= 2;
    expect_refused(f, REFUSAL_BAD_JSON);
    f->in.list = whole;
    f->in.delegations.len--;
    expect_refused(f, REFUSAL_WRONG_HASH);
    f->in.delegations.len++;
    uint8_t *big = calloc(1, LIST_SIZE_MAX + 1);
    f->in.list = bytes_of(big, LIST_SIZE_MAX + 1);
    expect_refused(f, REFUSAL_TOO_LARGE);
    memset(big, '[', LIST_SIZE_MAX);
    f->in.list = bytes_of(big, LIST_SIZE_MAX);
    expect_refused(f, REFUSAL_TOO_MANY);
    free(big);
    set_list(f, "{\"type\":\"polynya-root/1\"}");
    expect_refused(f, REFUSAL_BAD_TYPE);
    set_list(f, "{\"type\":\"polynya-list/1\",\"type\":\"polynya-list/1\"}");
    expect_refused(f, REFUSAL_BAD_JSON);
    set_list(f, "{\"type\":\"polynya-list/1\",\"version\":\"3\"}");
    expect_refused(f, REFUSAL_BAD_FIELD);
    set_list(f, list_text_at(&f->w, 3, NOW, NOW + HOUR, 2, f->delegations, "", "{}"));
    expect_refused(f, REFUSAL_WRONG_VERSION);
}

/* The list stays; the sound registration beside the bad one stays. */
static void expect_site_refused(struct fixture *f, const char *envelope, enum refusal_why why)
{
    const char *other = registration_text(&f->w, "other.example", 1, "\"@\"", ADDRESS, "");
    const char *both = arena_printf(&f->w.arena, "%s,%s", envelope, SEAL(&f->w, other, &f->w.outlet).data);
    const char *sites =
        arena_printf(&f->w.arena, "%s,%s,%s", site_text(&f->w, "outlet.example", &f->w.outlet),
                     site_text(&f->w, "other.example", &f->w.outlet), site_text(&f->w, "com", &f->w.outlet));
    f->in.delegations = SEAL(&f->w, delegations_text(&f->w, 1, sites), &f->w.maintainer);
    set_list(f, list_text(&f->w, 3, f->in.delegations, both));
    assert_true(judge(f));
    assert_int_equal(f->out.refused, 1);
    assert_string_equal(refusal_name(f->site.why), refusal_name(why));
    assert_int_equal(f->out.site_count, 1);
    assert_string_equal(f->out.sites[0].registration->domain, "other.example");
}

static void bad_registrations_cost_their_site_only(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const struct {
        const char *names, *addresses;
        enum refusal_why why;
    } bad[] = {
        {"\"@\"", "\"10.1.2.3\"", REFUSAL_SPECIAL_USE},
        {"\"@\"", "\"::ffff:127.0.0.1\"", REFUSAL_SPECIAL_USE},
        {"\"@\"", "\"64:ff9b::7f00:1\"", REFUSAL_SPECIAL_USE},
        {"\"@\"", "\"127.0.0.1.\"", REFUSAL_BAD_ADDRESS},
        {"\"@\"", "\"9.9.9.9\",\"9.9.9.9\"", REFUSAL_DUPLICATE},
        {"\"@\",\"_dmarc\"", ADDRESS, REFUSAL_BAD_NAME},
        {"\"a._b\"", ADDRESS, REFUSAL_BAD_NAME},
        {"\"www\",\"WWW\"", ADDRESS, REFUSAL_DUPLICATE},
        {"\"*\"", ADDRESS, REFUSAL_BAD_NAME},
        {"\"\"", ADDRESS, REFUSAL_BAD_NAME},
        {"", ADDRESS, REFUSAL_BAD_FIELD},
        {"7", ADDRESS, REFUSAL_BAD_FIELD},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        expect_site_refused(f, registration(f, bad[i].names, bad[i].addresses, ""), bad[i].why);
    expect_site_refused(f, "{}", REFUSAL_BAD_FIELD);
    expect_site_refused(f, "7", REFUSAL_BAD_FIELD);
    const char *text = registration_text(w, "outlet.example", 7, "\"@\"", ADDRESS, "");
    expect_site_refused(f, (const char *)SEAL(w, text, &w->publisher).data, REFUSAL_BAD_SIGNATURE);
    text = registration_text(w, "third.example", 7, "\"@\"", ADDRESS, "");
    expect_site_refused(f, (const char *)SEAL(w, text, &w->outlet).data, REFUSAL_NOT_DELEGATED);
    text = registration_text(w, "other.example", 7, "\"www\"", ADDRESS, "");
    expect_site_refused(f, (const char *)SEAL(w, text, &w->root[0]).data, REFUSAL_BAD_SIGNATURE);
    text = registration_text(w, "com", 7, "\"@\"", ADDRESS, "");
    expect_site_refused(f, (const char *)SEAL(w, text, &w->outlet).data, REFUSAL_PUBLIC_SUFFIX);
}

static void registrations_times_and_seqs(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    static const struct {
        int64_t issued, expires;
        enum refusal_why why;
    } bad[] = {
        {NOW - 2 * DAY, NOW, REFUSAL_EXPIRED},
        {NOW - 1, NOW + 30 * DAY, REFUSAL_LONG_LIFE},
        {NOW + 301, NOW + DAY, REFUSAL_FUTURE},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        const char *text = arena_printf(
            &w->arena,
            "{\"type\":\"polynya-registration/1\",\"domain\":\"outlet.example\",\"seq\":7,\"issued\":\"%s\","
            "\"expires\":\"%s\",\"names\":[\"@\"],\"mirrors\":[{\"id\":\"m1\",\"addresses\":[" ADDRESS "]}]}",
            time_text(w, bad[i].issued), time_text(w, bad[i].expires));
        expect_site_refused(f, (const char *)SEAL(w, text, &w->outlet).data, bad[i].why);
    }
    struct trust_seq seq = {.domain = "outlet.example", .value.seq = 8};
    memcpy(seq.value.key, w->outlet.public.key, 32);
    f->in.seqs = &seq;
    f->in.seq_count = 1;
    expect_site_refused(f, registration(f, "\"@\"", ADDRESS, ""), REFUSAL_ROLLED_BACK);
    seq.value.key[0] ^= 1; /* the domain got another key since: its seqs begin anew */
    set_list(f, list_text(w, 3, f->in.delegations, registration(f, "\"@\"", ADDRESS, "")));
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 1);
}

static void special_use_is_lifted_on_demand_only(void **state)
{
    struct fixture *f = *state;
    const char *text =
        arena_printf(&f->w.arena,
                     "{\"type\":\"polynya-registration/"
                     "1\",\"domain\":\"outlet.example\",\"seq\":7,\"issued\":\"%s\",\"expires\":\"%s\","
                     "\"names\":[\"@\"],\"mirrors\":[{\"id\":\"m1\",\"port\":8443,\"addresses\":[\"127.0.0."
                     "2\",\"::1\"]}]}",
                     time_text(&f->w, NOW), time_text(&f->w, NOW + DAY));
    const char *envelope = (const char *)SEAL(&f->w, text, &f->w.outlet).data;
    expect_site_refused(f, envelope, REFUSAL_BAD_PORT);
    f->in.allow_special_use = true;
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 2);
    struct ip_net denied = {{4, {127, 0, 0, 2}}, 32};
    guard_free(&f->guard);
    f->guard = guard_new(&denied, 1);
    f->in.guard = f->guard;
    expect_site_refused(f, envelope, REFUSAL_DENIED);
}

static void a_second_registration_of_a_domain_is_refused(void **state)
{
    struct fixture *f = *state;
    const char *one = registration(f, "\"@\"", ADDRESS, "");
    set_list(f, list_text(&f->w, 3, f->delegations, arena_printf(&f->w.arena, "%s,%s", one, one)));
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 1);
    assert_int_equal(f->site.why, REFUSAL_DUPLICATE);
}

/* Maintainers gave a domain below the outlet's to somebody else: from there on it is no longer the outlet's
 * to register, in whichever order the list has the two. */
static void names_of_another_delegation_are_its_own(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w;
    const struct minisign_secret *owners[] = {&w->outlet, &w->maintainer};
    const enum refusal_why wanted[] = {REFUSAL_NONE, REFUSAL_WRONG_DOMAIN};
    const char *const names[] = {"\"@\",\"blog\"", "\"@\",\"a.blog\""};
    for (unsigned i = 0; i < 4; i++) {
        const char *sites = arena_printf(&w->arena, "%s,%s", site_text(w, "outlet.example", &w->outlet),
                                         site_text(w, "blog.outlet.example", owners[i / 2]));
        f->in.delegations = SEAL(w, delegations_text(w, 1, sites), &w->maintainer);
        set_list(f, list_text(w, 3, f->in.delegations, registration(f, names[i % 2], ADDRESS, "")));
        assert_true(judge(f));
        assert_string_equal(refusal_name(f->site.why), refusal_name(wanted[i / 2]));
    }
    const char *blog = registration_text(w, "blog.outlet.example", 7, "\"@\"", ADDRESS, "");
    set_list(f, list_text(w, 3, f->in.delegations,
                          arena_printf(&w->arena, "%s,%s", registration(f, "\"@\",\"xblog\"", ADDRESS, ""),
                                       SEAL(w, blog, &w->maintainer).data)));
    assert_true(judge(f));
    assert_int_equal(f->out.site_count, 2);
}

static bool walk(struct fixture *f, struct bytes file, struct root *next)
{
    f->why.why = REFUSAL_NONE;
    return trust_next_root(&f->root, file, &f->w.arena, next, &f->why);
}

static void roots_are_walked_one_by_one(void **state)
{
    struct fixture *f = *state;
    struct world *w = &f->w, later;
    struct root next;
    const char *text = root_text(w, 2, NOW + 300 * DAY);
    assert_true(walk(f, SEAL(w, text, &w->root[1], &w->root[2]), &next));
    assert_int_equal(next.version, 2);
    assert_false(walk(f, SEAL(w, text, &w->root[1]), &next));
    assert_int_equal(f->why.why, REFUSAL_FEW_SIGNATURES);
    /* Two signatures by one key count once. */
    struct minisign_sign_options a = {.now = 1}, b = {.now = 2};
    struct envelope e = {.text = bytes_str(text)};
    envelope_add(&e, minisign_sign(&w->root[1], e.text, &a, &w->arena), NULL);
    envelope_add(&e, minisign_sign(&w->root[1], e.text, &b, &w->arena), NULL);
    assert_int_equal(e.count, 2);
    assert_false(walk(f, envelope_write(&e, &w->arena), &next));
    assert_int_equal(f->why.why, REFUSAL_FEW_SIGNATURES);
    assert_false(walk(f, SEAL(w, root_text(w, 3, NOW + DAY), &w->root[0], &w->root[1]), &next));
    assert_int_equal(f->why.why, REFUSAL_WRONG_VERSION);
    /* All new keys: signed by themselves alone, then by the old ones too. */
    world_init(&later);
    text = root_text(&later, 2, NOW + 300 * DAY);
    assert_false(walk(f, SEAL(w, text, &later.root[0], &later.root[1]), &next));
    assert_int_equal(f->why.why, REFUSAL_FEW_SIGNATURES);
    assert_false(walk(f, SEAL(w, text, &later.root[0], &later.root[1], &w->root[2]), &next));
    assert_true(walk(f, SEAL(w, text, &later.root[0], &later.root[1], &w->root[0], &w->root[2]), &next));
    assert_false(trust_role_continues(&f->root, &next, ROOT_ROLE_PUBLISHER));
    assert_true(trust_role_continues(&next, &next, ROOT_ROLE_PUBLISHER));
    world_fini(&later);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_sound_list_is_accepted),
        T(the_same_list_again_is_quiet),
        T(known_signatures_are_not_checked_twice),
        T(older_versions_are_refused),
        T(times_are_checked),
        T(signatures_are_counted),
        T(broken_files_are_refused),
        T(bad_registrations_cost_their_site_only),
        T(registrations_times_and_seqs),
        T(special_use_is_lifted_on_demand_only),
        T(a_second_registration_of_a_domain_is_refused),
        T(names_of_another_delegation_are_its_own),
        T(roots_are_walked_one_by_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
