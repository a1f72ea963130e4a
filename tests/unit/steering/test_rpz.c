/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The policy zone: which names stand in it, what it says of them, and when its serial moves. */
#include "signing.h"
#include "table.h"

#include "steering/rpz.h"

#define MIRRORS                                                                                              \
    ",\"mirrors\":[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"2001:db8::1\"],\"alpn\":[\"h2\"],"       \
    "\"weight\":1},{\"id\":\"m2\",\"addresses\":[\"198.51.100.2\"],\"alpn\":[\"h2\",\"http/"                 \
    "1.1\"],\"weight\":9}]"

struct fixture {
    struct world w;
    struct dns_name origin;
    struct view *view;
    unsigned version;
    uint8_t flags;         /* how the site is blocked in RU */
    const char *policy;    /* JSON */
    const char *names;     /* JSON */
    struct list_region m2; /* health */
    bool m1_down;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    world_init(&f->w);
    assert_true(name_from_text(BYTES_LIT("rpz.example"), &f->origin));
    f->version = 42;
    f->flags = BLOCK_IP;
    f->policy = "{}";
    f->names = "\"@\",\"www\"";
    f->m2 = (struct list_region){"*", true};
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    view_free(&f->view);
    world_fini(&f->w);
    free(f);
    return 0;
}

static void compile(struct fixture *f)
{
    struct registration reg;
    struct refusal why = {0};
    struct blocked blocked = {"RU", f->flags};
    struct delegation d = {.domain = "news.example", .blocked = &blocked, .blocked_count = 1};
    struct list_region down = {"*", false}, up = {"*", true};
    struct list_mirror_health mirrors[] = {{"m1", f->m1_down ? &down : &up, 1}, {"m2", &f->m2, 1}};
    struct list_site_health health = {.domain = "news.example", .mirrors = mirrors, .mirror_count = 2};
    struct list_doc list = {.version = f->version,
                            .issued = NOW - 60,
                            .expires = NOW + 20 * HOUR,
                            .health = &health,
                            .health_count = 1};
    const char *text = arena_printf(
        &f->w.arena,
        "{\"type\":\"polynya-registration/1\",\"domain\":\"news.example\",\"seq\":1,\"issued\":\"%s\","
        "\"expires\":\"%s\",\"names\":[%s]" MIRRORS ",\"policy\":%s}",
        time_text(&f->w, NOW - HOUR), time_text(&f->w, NOW + 20 * DAY), f->names, f->policy);
    if (!registration_parse(bytes_str(text), &f->w.arena, &reg, &why))
        fail_msg("%s", why.where);
    struct view_source_site site = {&reg, &d};
    struct view_source source = {"demo", &list, &site, 1, VIEW_SIGNED};
    struct hash_key key = {1, 2};
    size_t len;
    uint8_t *block = view_compile(&source, 1, &key, &len);
    assert_non_null(block);
    view_free(&f->view);
    f->view = view_open(block, len);
    assert_non_null(f->view);
}

static struct rpz_zone choose(struct fixture *f, const char *country)
{
    struct rpz_zone z;
    size_t lists;
    compile(f);
    struct health *h = table_of(f->view, (struct health_head){.published = 1, .stored = NOW}, NULL, 0);
    const struct view_list *list = view_lists(f->view, &lists);
    assert_true(rpz_choose(f->view, h, list, &f->origin, country, NOW, &f->w.arena, &z));
    health_free(&h);
    return z;
}

/* The zone as text; NULL if it is the same as old. */
static const char *print(struct fixture *f, const struct rpz_zone *z, const struct rpz_old *old)
{
    struct bytes text;
    bool same;
    assert_true(rpz_print(z, old, &f->w.arena, &text, &same));
    assert_int_equal(same, text.len == 0);
    return same ? NULL : arena_text(&f->w.arena, text);
}

static const char *zone_text(struct fixture *f, const char *country)
{
    struct rpz_zone z = choose(f, country);
    return print(f, &z, NULL);
}

static void a_whole_zone(void **state)
{
    assert_string_equal(zone_text(*state, ""), "; polynya-rpz/1 list=demo version=42\n"
                                               "$ORIGIN rpz.example.\n"
                                               "@ 60 IN SOA localhost. nobody.invalid. 42 300 60 72000 60\n"
                                               "@ 60 IN NS localhost.\n"
                                               "news.example 60 IN A 198.51.100.2\n"
                                               "news.example 60 IN TYPE65 \\# 27 "
                                               "0001000001000c02683208687474702f312e3100040004c6336402\n"
                                               "www.news.example 60 IN A 198.51.100.2\n"
                                               "www.news.example 60 IN TYPE65 \\# 27 "
                                               "0001000001000c02683208687474702f312e3100040004c6336402\n");
}

/* The heaviest first, and no more than the outlet wants. */
static void the_best_that_are_up(void **state)
{
    struct fixture *f = *state;
    f->policy = "{\"answers\":2}";
    const char *text = zone_text(f, "");
    assert_non_null(strstr(text, "news.example 60 IN A 198.51.100.2\nnews.example 60 IN A 198.51.100.1\n"
                                 "news.example 60 IN AAAA 2001:db8::1\n"));
    f->m2.up = false;
    text = zone_text(f, "");
    assert_null(strstr(text, "198.51.100.2"));
    assert_non_null(strstr(text, "news.example 60 IN A 198.51.100.1\nnews.example 60 IN AAAA"));
}

static void what_is_not_steered_is_not_there(void **state)
{
    struct fixture *f = *state;
    f->m1_down = true;
    f->m2.up = false;
    assert_null(strstr(zone_text(f, ""), "news.example"));
    f->policy = "{\"all_down\":\"mirrors\"}";
    assert_non_null(strstr(zone_text(f, ""), "news.example 60 IN A 198.51.100.2\n"));
    f->policy = "{\"all_down\":\"nodata\"}";
    assert_non_null(strstr(zone_text(f, ""), "\nnews.example 60 IN CNAME *.\n"));
    f->m2.up = true;
    assert_null(strstr(zone_text(f, "BY"), "news.example"));
    assert_non_null(strstr(zone_text(f, "RU"), "news.example"));
    f->flags = BLOCK_DNS;
    assert_null(strstr(zone_text(f, ""), "news.example"));
    f->flags = BLOCK_SNI;
    assert_null(strstr(zone_text(f, "RU"), "news.example"));
}

static void a_name_too_long_for_the_zone_is_counted(void **state)
{
    struct fixture *f = *state;
#define LABEL "a234567890123456789012345678901234567890123456789012345678901"
    f->names = "\"@\",\"" LABEL "." LABEL "." LABEL ".abcdefghijklmnopqrstuvwxyz23456789012345678\"";
    struct rpz_zone z = choose(f, "");
    assert_int_equal(z.count, 1);
    assert_int_equal(z.too_long, 1);
}

static const char *copied(uint16_t type, struct bytes rdata)
{
    static char text[40000];
    struct writer w = writer_of(text, sizeof text - 1);
    if (!rpz_copy(&w, "news.example", type, rdata)) {
        assert_int_equal(w.len, 0);
        return NULL;
    }
    text[w.len] = '\0';
    return text;
}

static void copies_of_other_records(void **state)
{
    (void)state;
    static const uint8_t big[RPZ_COPY_RDATA_MAX + 1];
    assert_string_equal(copied(DNS_MX, BYTES_LIT("\0\12\4mail\4news\7example\0")),
                        "news.example 60 IN MX 10 mail.news.example.\n");
    assert_string_equal(copied(DNS_MX, BYTES_LIT("\0\0\0")), "news.example 60 IN MX 0 .\n");
    /* Nothing in a TXT ends its line or its quotes, or begins a comment. */
    assert_string_equal(copied(DNS_TXT, BYTES_LIT("\6v=spf1\0\11a\"b\\;\n(\377$")),
                        "news.example 60 IN TXT \"v=spf1\" \"\" \"a\\034b\\092\\059\\010\\040\\255$\"\n");
    assert_string_equal(copied(257, BYTES_LIT("\200\5issueca.test; x=1")),
                        "news.example 60 IN CAA 128 issue \"ca.test\\059 x=1\"\n");
    assert_null(copied(257, BYTES_LIT("\0\5is ueca.test")));
    assert_null(copied(257, BYTES_LIT("\0\0ca.test")));
    assert_null(copied(257, BYTES_LIT("\0\12issue")));
    assert_null(copied(DNS_TXT, BYTES_LIT("\7v=spf1")));
    assert_null(copied(DNS_TXT, BYTES_NONE));
    assert_null(copied(DNS_TXT, bytes_of(big, sizeof big)));
    assert_null(copied(DNS_MX, BYTES_LIT("\0\12\4mail\4news")));
    assert_null(copied(DNS_A, BYTES_LIT("abcd")));
}

static void copies_are_found_again(void **state)
{
    struct fixture *f = *state;
    struct rpz_old old;
    struct rpz_zone z = choose(f, "");
    const char *mx = "news.example 60 IN MX 10 a.example.\nnews.example 60 IN MX 20 b.example.\n";
    const char *txt = "news.example 60 IN TXT \"x y\"\n";
    z.entry[0].copies = arena_printf(&f->w.arena, "%s%s", mx, txt);
    const char *text = print(f, &z, NULL);
    assert_true(rpz_old_read(bytes_str(text), &old));
    assert_int_equal(rpz_old_copies(&old, "9.example", DNS_MX).len, 0);
    assert_true(bytes_equal(rpz_old_copies(&old, "news.example", DNS_TXT), bytes_str(txt)));
    assert_true(bytes_equal(rpz_old_copies(&old, "news.example", DNS_MX), bytes_str(mx)));
    assert_int_equal(rpz_old_copies(&old, "news.example", 257).len, 0);
    assert_int_equal(rpz_old_copies(&old, "news.examplf", DNS_MX).len, 0);
    assert_int_equal(rpz_old_copies(&old, "www.news.example", DNS_MX).len, 0);
}

/* With copies, NODATA for all else needs no record of its own. */
static void nodata_beside_copies(void **state)
{
    struct fixture *f = *state;
    f->m1_down = true;
    f->m2.up = false;
    f->policy = "{\"all_down\":\"nodata\"}";
    struct rpz_zone z = choose(f, "");
    z.entry[0].copies = "news.example 60 IN TXT \"x\"\n";
    const char *text = print(f, &z, NULL);
    assert_non_null(strstr(text, "\nnews.example 60 IN TXT \"x\"\nwww.news.example 60 IN CNAME *.\n"));
}

static uint32_t serial(const char *text)
{
    struct rpz_old old;
    assert_true(rpz_old_read(bytes_str(text), &old));
    return old.serial;
}

/* Prints what f says over the zone before. */
static const char *again(struct fixture *f, const char *before)
{
    struct rpz_old old;
    assert_true(rpz_old_read(bytes_str(before), &old));
    struct rpz_zone z = choose(f, "");
    return print(f, &z, &old);
}

static void the_serial_only_grows(void **state)
{
    struct fixture *f = *state;
    const char *first = zone_text(f, "");
    assert_int_equal(serial(first), 42);
    assert_null(again(f, first));
    f->m2.up = false; /* health alone */
    const char *second = again(f, first);
    assert_int_equal(serial(second), 43);
    f->version = 43; /* as high as the serial already is */
    const char *third = again(f, second);
    assert_int_equal(serial(third), 44);
    f->version = 50;
    assert_int_equal(serial(again(f, third)), 50);
    f->version = 1; /* another publisher began anew */
    assert_int_equal(serial(again(f, third)), 45);
}

static void the_serial_goes_round(void **state)
{
    struct fixture *f = *state;
    f->version = UINT32_MAX;
    const char *last = zone_text(f, "");
    f->m2.up = false;
    const char *first = again(f, last);
    assert_int_equal(serial(first), 1);
}

static void another_zone_is_printed_anew(void **state)
{
    struct fixture *f = *state;
    const char *first = zone_text(f, "");
    assert_true(name_from_text(BYTES_LIT("other.example"), &f->origin));
    assert_int_equal(serial(again(f, first)), 43);
}

static void foreign_files_are_known_as_such(void **state)
{
    (void)state;
    struct rpz_old old;
    const char *const foreign[] = {
        "",
        "$ORIGIN rpz.example.\n@ 60 IN SOA localhost. nobody.invalid. 1 300 60 72000 60\n",
        "; polynya-rpz/1 ",
        "; polynya-rpz/1 list=x version=1\n",
        "; polynya-rpz/1 list=x version=1\n$ORIGIN a.\n",
        "; polynya-rpz/1 list=x version=1\n$ORIGIN a.\n@ 60 IN SOA l. n. \n@ NS l.\n",
        "; polynya-rpz/1 list=x version=1\n$ORIGIN a.\n@ 60 IN SOA l. n. x 1 1 1 1\n@ NS l.\n",
        "; polynya-rpz/1 list=x version=1\n$ORIGIN a.\n@ 60 IN SOA l. n. 4294967296 1 1 1 1\n@ NS l.\n",
        "; polynya-rpz/1 list=x version=1\n$ORIGIN a.\n@ 60 IN SOA l. n. 1 1 1 1 1\n",
    };
    for (size_t i = 0; i < sizeof foreign / sizeof *foreign; i++)
        assert_false(rpz_old_read(bytes_str(foreign[i]), &old));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_whole_zone, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_best_that_are_up, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_not_steered_is_not_there, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_name_too_long_for_the_zone_is_counted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_of_other_records, set_up, tear_down),
        cmocka_unit_test_setup_teardown(copies_are_found_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nodata_beside_copies, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_serial_only_grows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_serial_goes_round, set_up, tear_down),
        cmocka_unit_test_setup_teardown(another_zone_is_printed_anew, set_up, tear_down),
        cmocka_unit_test_setup_teardown(foreign_files_are_known_as_such, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
