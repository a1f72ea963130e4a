/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every address with its site's names, and what goes over from one snapshot to the next. */
#include "sites.h"

#include "steering/addresses.h"

#define M1 "{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"2001:db8::1\"]}"
#define M2 "{\"id\":\"m2\",\"addresses\":[\"198.51.100.2\"]}"
#define M3 "{\"id\":\"m3\",\"addresses\":[\"198.51.100.1\"]}"

static struct addresses *addresses_for(const char *mirrors)
{
    struct addresses *r = addresses_new(build(&(struct site){.mirrors = mirrors}));
    assert_non_null(r);
    return r;
}

static void every_address_has_its_sites_names(void **state)
{
    (void)state;
    struct addresses *r = addresses_for("[" M1 "," M2 "]");
    assert_int_equal(r->count, 3);
    assert_int_equal(r->probed, 3);
    assert_int_equal(r->sites, 1);
    const char *const ids[] = {"m1", "m1", "m2"};
    for (uint32_t i = 0; i < 3; i++) {
        assert_string_equal(r->entry[i].mirror->id, ids[i]);
        assert_int_equal(r->entry[i].name_count, 2);
        assert_int_equal(r->record[i].state, HEALTH_UNKNOWN);
    }
    assert_int_equal(r->entry[1].address, 1);
    struct bytes apex = BYTES_LIT("\4news\7example"), www = BYTES_LIT("\3www\4news\7example");
    apex.len++, www.len++; /* the root */
    const struct bytes *names = &r->name[r->entry[0].name_first];
    assert_true((bytes_equal(names[0], apex) && bytes_equal(names[1], www)) ||
                (bytes_equal(names[1], apex) && bytes_equal(names[0], www)));
    addresses_free(&r);
    assert_null(r);
}

static void what_is_the_same_goes_over(void **state)
{
    (void)state;
    struct addresses *old = addresses_for("[" M1 "," M2 "]"), *r = addresses_for("[" M2 "," M3 "," M1 "]");
    uint32_t from[4];
    for (uint8_t i = 0; i < 3; i++)
        old->record[i].failures = i;
    old->head->uplink = HEALTH_UPLINK_DEAD;
    assert_true(addresses_match(r, old, from));
    const uint32_t want[] = {2, ADDRESS_NONE, 0, 1}; /* m3 has an address of m1's, but is another mirror */
    assert_memory_equal(from, want, sizeof want);
    addresses_inherit(r, old, from);
    assert_int_equal(r->head->uplink, HEALTH_UPLINK_DEAD);
    assert_int_equal(r->record[0].failures, 2);
    assert_int_equal(r->record[1].failures, 0);
    assert_int_equal(r->record[3].failures, 1);
    addresses_free(&r);
    addresses_free(&old);
}

static void nothing_comes_of_nothing(void **state)
{
    (void)state;
    size_t len;
    const struct hash_key key = {1, 2};
    uint8_t *block = view_compile(NULL, 0, &key, &len);
    struct addresses *empty = addresses_new(view_open(block, len)), *r = addresses_for("[" M1 "]");
    uint32_t from[2] = {0, 0};
    assert_non_null(empty);
    assert_int_equal(empty->count, 0);
    assert_true(addresses_match(r, empty, from));
    assert_int_equal(from[0], ADDRESS_NONE);
    assert_true(addresses_match(empty, r, from));
    addresses_free(&r);
    addresses_free(&empty);
}

/* How much of a stored table counts after a restart: see health_resume. */
static void a_stored_table_is_resumed(void **state)
{
    (void)state;
    struct view *v = build(&(struct site){.mirrors = "[" M1 "]"});
    const struct health_record up = {.state = HEALTH_UP, .last_good = HEALTH_UP, .proved = 1};
    struct health *h = health_of(v, (struct health_head){.uplink = HEALTH_UPLINK_WORKS}, &up, 1);
    const struct {
        int64_t now;
        enum health_state state;
        enum health_uplink uplink;
    } cases[] = {{NOW + HEALTH_KEEP - 1, HEALTH_UP, HEALTH_UPLINK_WORKS},
                 {NOW + HEALTH_KEEP, HEALTH_UNKNOWN, HEALTH_UPLINK_UNKNOWN},
                 {NOW - HEALTH_KEEP, HEALTH_UNKNOWN, HEALTH_UPLINK_UNKNOWN}};
    struct addresses *r = addresses_new(v);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        r->head->uplink = HEALTH_UPLINK_UNKNOWN;
        addresses_resume(r, h, cases[i].now);
        assert_int_equal(r->record[0].state, cases[i].state);
        assert_int_equal(r->record[0].last_good, HEALTH_UP);
        assert_int_equal(r->record[1].proved, 0);
        assert_int_equal(r->head->uplink, cases[i].uplink);
    }
    health_free(&h);
    addresses_free(&r);
}

static void a_sealed_table_opens(void **state)
{
    (void)state;
    struct addresses *r = addresses_for("[" M1 "," M2 "]");
    r->record[2].state = HEALTH_DOWN;
    struct bytes table = addresses_seal(r);
    uint8_t *copy = malloc(table.len);
    memcpy(copy, table.data, table.len);
    struct health *h = health_open(copy, table.len);
    assert_non_null(h);
    assert_int_equal(health_head(h)->view, view_checksum(r->view));
    assert_int_equal(health_at(h, 2)->state, HEALTH_DOWN);
    health_free(&h);
    addresses_free(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_address_has_its_sites_names), cmocka_unit_test(what_is_the_same_goes_over),
        cmocka_unit_test(nothing_comes_of_nothing), cmocka_unit_test(a_stored_table_is_resumed),
        cmocka_unit_test(a_sealed_table_opens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
