/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The snapshot: what goes in comes out, and a damaged block is never opened. */
#include "signing.h"

#include "steering/view_layout.h"

static const struct delegation delegation = {
    .domain = "outlet.example",
    .blocked = (struct blocked[]){{"RU", BLOCK_DNS}, {"BY", BLOCK_IP | BLOCK_SNI}},
    .blocked_count = 2,
};

static struct registration parse(struct world *w, const char *domain, const char *names, const char *fields)
{
    struct registration reg;
    const char *text = registration_text(w, domain, 7, names, "\"192.0.2.1\",\"2001:db8::1\"", fields);
    assert_true(registration_parse(bytes_str(text), &w->arena, &reg, NULL));
    return reg;
}

static struct list_doc parse_list(struct world *w, unsigned version)
{
    struct list_doc l;
    assert_true(list_parse(bytes_str(list_text(w, version, BYTES_LIT("x"), "")), &w->arena, &l, NULL, NULL));
    return l;
}

static const struct hash_key key = {1, 2};

struct fixture {
    struct world w;
    struct registration reg[2];
    struct list_doc list[2];
    uint8_t *block;
    size_t len;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    world_init(&f->w);
    f->reg[0] =
        parse(&f->w, "outlet.example", "\"@\",\"www\"",
              ",\"policy\":{\"answers\":2,\"ttl\":90,\"all_down\":\"nodata\",\"probe\":{\"path\":\"/p\","
              "\"contains\":\"mark\"}}");
    f->reg[1] = parse(&f->w, "outlet.example", "\"@\",\"later\"", "");
    f->list[0] = parse_list(&f->w, 5);
    f->list[1] = parse_list(&f->w, 6);
    struct view_source_site site[2] = {{&f->reg[0], &delegation}, {&f->reg[1], &delegation}};
    struct view_source sources[2] = {{"first", &f->list[0], &site[0], 1, VIEW_SIGNED},
                                     {"second", &f->list[1], &site[1], 1, VIEW_SIGNED}};
    f->block = view_compile(sources, 2, &key, &f->len);
    assert_non_null(f->block);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    free(f->block);
    world_fini(&f->w);
    free(f);
    return 0;
}

static struct view *open_copy(const struct fixture *f, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);
    memcpy(copy, f->block, len);
    struct view *v = view_open(copy, len);
    if (!v)
        free(copy);
    return v;
}

static const struct view_site *find(const struct view *v, const char *text)
{
    struct dns_name name;
    assert_true(name_from_text(bytes_str(text), &name));
    return view_find(v, &name);
}

static void what_goes_in_comes_out(void **state)
{
    struct fixture *f = *state;
    struct view *v = open_copy(f, f->len);
    assert_non_null(v);
    size_t lists;
    assert_string_equal(view_lists(v, &lists)->name, "first");
    assert_int_equal(lists, 2);
    const struct view_site *s = find(v, "www.outlet.example");
    assert_non_null(s);
    assert_int_equal(s->seq, 7);
    assert_int_equal(s->ttl, 90);
    assert_int_equal(s->answers, 2);
    assert_int_equal(s->all_down, VIEW_NODATA);
    assert_int_equal(s->mirror_count, 1);
    assert_true(name_equal(&s->domain, &f->reg[0].name));
    assert_true(bytes_equal(view_site_path(s), BYTES_LIT("/p")));
    assert_true(bytes_equal(view_site_contains(s), BYTES_LIT("mark")));
    assert_int_equal(view_site_list(s)->version, 5);
    assert_ptr_equal(view_list_sites(view_site_list(s)), s);
    const struct view_mirror *m = view_site_mirrors(s);
    assert_string_equal(m->id, "m1");
    assert_int_equal(m->weight, 100);
    assert_int_equal(m->port, 443);
    assert_int_equal(m->address_count, 2);
    assert_int_equal(view_mirror_addresses(m)[1].len, 16);
    view_free(&v);
}

/* Every address of every mirror has one place in the count, in the order of the mirrors. */
static void addresses_are_counted_through(void **state)
{
    struct fixture *f = *state;
    struct view *v = open_copy(f, f->len);
    size_t lists;
    const struct view_list *l = view_lists(v, &lists);
    assert_int_equal(view_site_mirrors(view_list_sites(&l[0]))->address_first, 0);
    assert_int_equal(view_site_mirrors(view_list_sites(&l[1]))->address_first, 2);
    assert_int_equal(view_address_count(v), 4);
    uint64_t checksum;
    memcpy(&checksum, f->block, sizeof checksum);
    assert_true(view_checksum(v) == checksum);
    view_free(&v);
    /* A count out of order is no snapshot. */
    struct view_head head;
    memcpy(&head, f->block, sizeof head);
    struct view_mirror *m = (void *)(f->block + head.mirror_at);
    m[1].address_first--;
    view_seal(f->block, f->len);
    assert_null(open_copy(f, f->len));
}

static void names_are_exact_and_the_first_list_has_them(void **state)
{
    struct fixture *f = *state;
    struct view *v = open_copy(f, f->len);
    assert_int_equal(view_site_list(find(v, "outlet.example"))->version, 5);
    assert_int_equal(view_site_list(find(v, "later.outlet.example"))->version, 6);
    assert_null(find(v, "a.www.outlet.example"));
    assert_null(find(v, "example"));
    assert_null(find(v, "."));
    view_free(&v);
}

static void health_and_blocking_by_country(void **state)
{
    struct fixture *f = *state;
    struct view *v = open_copy(f, f->len);
    const struct view_site *s = find(v, "outlet.example");
    const struct view_mirror *m = view_site_mirrors(s);
    const struct view_list *l = view_site_list(s);
    assert_int_equal(view_mirror_health(m, l, "RU", NOW), VIEW_HEALTH_DOWN);
    assert_int_equal(view_mirror_health(m, l, "DE", NOW), VIEW_HEALTH_UP);
    assert_int_equal(view_mirror_health(m, l, "", NOW), VIEW_HEALTH_UP);
    assert_int_equal(view_mirror_health(m, l, "RU", l->expires), VIEW_HEALTH_UNKNOWN);
    assert_int_equal(view_site_blocked_in(s, "RU"), VIEW_BLOCK_DNS);
    assert_int_equal(view_site_blocked_in(s, "DE"), 0);
    assert_int_equal(view_site_blocked_in(s, ""), VIEW_BLOCK_DNS | VIEW_BLOCK_IP | VIEW_BLOCK_SNI);
    assert_false(view_mirror_blocked_in(m, "RU"));
    view_free(&v);
}

static void damage_is_noticed(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < f->len; i++) {
        f->block[i] ^= 0x40;
        assert_null(open_copy(f, f->len));
        f->block[i] ^= 0x40;
        assert_null(open_copy(f, i));
    }
}

static void offsets_out_of_the_block_are_refused_under_a_good_checksum(void **state)
{
    struct fixture *f = *state;
    unsigned refused = 0;
    for (size_t i = sizeof(uint64_t); i < f->len; i++) {
        uint8_t before = f->block[i];
        f->block[i] = 0xff;
        view_seal(f->block, f->len);
        struct view *v = open_copy(f, f->len);
        if (v) { /* then everything in it can be reached: ASan and UBSan watch */
            find(v, "www.outlet.example");
            find(v, "nothing.example");
            view_free(&v);
        } else {
            refused++;
        }
        f->block[i] = before;
    }
    assert_true(refused > 100);
}

static void an_empty_snapshot_has_nothing(void **state)
{
    (void)state;
    size_t len, count;
    uint8_t *block = view_compile(NULL, 0, &key, &len);
    struct view *v = view_open(block, len);
    assert_non_null(v);
    assert_null(find(v, "outlet.example"));
    view_lists(v, &count);
    assert_int_equal(count, 0);
    view_free(&v);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(what_goes_in_comes_out),
        T(addresses_are_counted_through),
        T(names_are_exact_and_the_first_list_has_them),
        T(health_and_blocking_by_country),
        T(damage_is_noticed),
        T(offsets_out_of_the_block_are_refused_under_a_good_checksum),
        cmocka_unit_test(an_empty_snapshot_has_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
