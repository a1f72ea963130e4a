/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet cache: what it finds, how long, in how much memory, and whom SIEVE spares. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "resolver/pcache.h"

enum { KIB = 1024, MIB = 1024 * KIB, NOW = 1800000000 };

static const struct hash_key hash = {1, 2};

static struct answer_key key_of(unsigned i)
{
    struct answer_key k;
    k.len = (uint16_t)snprintf((char *)k.data, sizeof k.data, "%u.example", i);
    return k;
}

/* A block that carries its number and lives for ttl seconds from `stored`; wire_len at least 16. */
static struct bytes block_at(unsigned i, uint32_t stored, uint32_t ttl, size_t wire_len)
{
    static uint8_t block[ANSWER_BLOCK_MAX];
    struct answer_head head = {
        .version = ANSWER_VERSION, .stored = stored, .ttl = ttl, .wire_len = (uint16_t)wire_len};
    memcpy(block, &head, sizeof head);
    memset(block + sizeof head, 0, wire_len);
    memcpy(block + sizeof head + 12, &i, sizeof i);
    return bytes_of(block, sizeof head + wire_len);
}

static void put(struct pcache *c, unsigned i, size_t wire_len)
{
    struct answer_key k = key_of(i);
    pcache_put(c, &k, block_at(i, NOW, 60, wire_len), true);
}

/* Whether i is there; what is there must be i's. */
static bool has_at(struct pcache *c, unsigned i, uint32_t now)
{
    struct answer_key k = key_of(i);
    struct answer a;
    unsigned found;
    if (pcache_get(c, &k, now, &a) < PCACHE_ALIVE)
        return false;
    memcpy(&found, a.wire.data + 12, sizeof found);
    assert_int_equal(found, i);
    return true;
}

static bool has(struct pcache *c, unsigned i)
{
    return has_at(c, i, NOW);
}

static void finds_what_was_put(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(MIB, &hash);
    assert_false(has(c, 1));
    put(c, 1, 100);
    put(c, 2, 50);
    assert_true(has(c, 1) && has(c, 2) && !has(c, 3));
    struct answer_key k = key_of(1);
    struct answer a;
    pcache_put(c, &k, block_at(1, NOW, 60, 200), true);
    assert_int_equal(pcache_get(c, &k, NOW, &a), PCACHE_ALIVE);
    assert_int_equal(a.wire.len, 200);
    pcache_free(&c);
    assert_null(c);
}

static void tells_what_is_over(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(MIB, &hash);
    struct answer_key k = key_of(1);
    struct answer a;
    put(c, 1, 100);
    assert_true(has_at(c, 1, NOW + 59));
    assert_int_equal(pcache_get(c, &k, NOW + 60, &a), PCACHE_OVER);
    assert_int_equal(a.wire.len, 100);
    assert_int_equal(pcache_get(c, &k, NOW + 1000000, &a), PCACHE_OVER);
    /* Another one takes its place. */
    pcache_put(c, &k, block_at(1, NOW + 100, 60, 100), true);
    assert_true(has_at(c, 1, NOW + 100));
    pcache_free(&c);
}

static void gives_up_first_what_is_over(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(64 * KIB, &hash);
    for (unsigned i = 0; i < 40; i++) {
        struct answer_key k = key_of(i);
        pcache_put(c, &k, block_at(i, NOW, i < 20 ? 10 : 1000, 1000), true);
    }
    for (unsigned i = 0; i < 40; i++)
        assert_true(has(c, i));
    for (unsigned i = 100; i < 120; i++) {
        assert_false(has_at(c, i, NOW + 500));
        struct answer_key k = key_of(i);
        pcache_put(c, &k, block_at(i, NOW + 500, 1000, 1000), true);
    }
    for (unsigned i = 20; i < 40; i++)
        assert_true(has_at(c, i, NOW + 500));
    pcache_free(&c);
}

static enum pcache_found look(struct pcache *c, unsigned i, uint32_t at)
{
    struct answer_key k = key_of(i);
    struct answer a;
    return pcache_get(c, &k, NOW + at, &a);
}

static void put_for(struct pcache *c, unsigned i, uint32_t ttl, bool asked)
{
    struct answer_key k = key_of(i);
    pcache_put(c, &k, block_at(i, NOW, ttl, 100), asked);
}

static void tells_once_what_is_due(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(MIB, &hash);
    /* The question that brought it counts: one more makes two. */
    put_for(c, 1, 300, true);
    assert_int_equal(look(c, 1, 269), PCACHE_ALIVE);
    assert_int_equal(look(c, 1, 270), PCACHE_DUE);
    assert_int_equal(look(c, 1, 270), PCACHE_ALIVE);
    assert_int_equal(look(c, 1, 299), PCACHE_ALIVE);
    assert_int_equal(look(c, 1, 300), PCACHE_OVER);
    /* Nobody waited for it: two must ask. */
    put_for(c, 1, 300, false);
    assert_int_equal(look(c, 1, 280), PCACHE_ALIVE);
    assert_int_equal(look(c, 1, 281), PCACHE_DUE);
    put_for(c, 2, 300, false);
    assert_int_equal(look(c, 2, 10), PCACHE_ALIVE);
    assert_int_equal(look(c, 2, 20), PCACHE_ALIVE);
    assert_int_equal(look(c, 2, 275), PCACHE_DUE);
    /* Short lives: the last second; a single second is no time to renew in. */
    put_for(c, 3, 5, true);
    assert_int_equal(look(c, 3, 3), PCACHE_ALIVE);
    assert_int_equal(look(c, 3, 4), PCACHE_DUE);
    put_for(c, 4, 1, true);
    assert_int_equal(look(c, 4, 0), PCACHE_ALIVE);
    pcache_free(&c);
}

static void refuses_what_is_no_block_or_too_large(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(64 * KIB, &hash);
    struct answer_key k = key_of(1);
    put(c, 1, 100);
    put(c, 1, 9000);
    assert_false(has(c, 1)); /* the old answer is not the answer any more */
    struct bytes block = block_at(1, NOW, 60, 100);
    block.len--;
    pcache_put(c, &k, block, true);
    assert_false(has(c, 1));
    pcache_put(c, &k, BYTES_NONE, true);
    assert_false(has(c, 1));
    pcache_free(&c);
}

/* A plain model of the table: whatever the cache has must be what was put last; nothing may get lost below
 * the bound. */
static void stays_true_through_many_changes(void **state)
{
    (void)state;
    enum { NAMES = 3000 };
    struct pcache *c = pcache_new(4 * MIB, &hash);
    size_t empty = pcache_used(c);
    static uint32_t until[NAMES];
    memset(until, 0, sizeof until);
    srandom(7);
    uint32_t now = NOW;
    for (unsigned step = 0; step < 200000; step++) {
        unsigned i = (unsigned)random() % NAMES;
        now += step % 100 == 0;
        if (random() % 3 == 0) {
            struct answer_key k = key_of(i);
            uint32_t ttl = 1 + (uint32_t)random() % 500;
            pcache_put(c, &k, block_at(i, now, ttl, 16 + (size_t)random() % 300), true);
            until[i] = now + ttl;
        } else {
            assert_int_equal(has_at(c, i, now), until[i] > now);
        }
    }
    for (unsigned i = 0; i < NAMES; i++) {
        struct answer_key k = key_of(i);
        pcache_put(c, &k, BYTES_NONE, true);
    }
    assert_int_equal(pcache_used(c), empty);
    pcache_free(&c);
}

static void stays_within_its_bytes(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(256 * KIB, &hash);
    srandom(3);
    unsigned found = 0;
    for (unsigned i = 0; i < 50000; i++) {
        put(c, i, 16 + (size_t)random() % (i % 50 ? 200 : 5000));
        assert_true(pcache_used(c) <= 256 * KIB);
        assert_true(has(c, i));
        found += i > 300 && has(c, i - 300);
    }
    assert_true(found > 0);
    pcache_free(&c);
    /* Not even a table's worth: keeps nothing, breaks nothing. */
    c = pcache_new(100, &hash);
    put(c, 1, 16);
    assert_false(has(c, 1));
    pcache_free(&c);
}

static void spares_what_is_asked_for(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(256 * KIB, &hash);
    for (unsigned i = 0; i < 20; i++)
        put(c, i, 100);
    /* A scan of names asked for once must not push out the twenty asked for again and again. */
    for (unsigned i = 1000; i < 20000; i++) {
        put(c, i, 100);
        if (i % 50 == 0)
            for (unsigned k = 0; k < 20; k++)
                assert_true(has(c, k));
    }
    assert_false(has(c, 1000));
    pcache_free(&c);
}

static void evicts_though_all_were_asked_for(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(256 * KIB, &hash);
    for (unsigned i = 0; i < 5000; i++) {
        put(c, i, 100);
        assert_true(has(c, i));
    }
    unsigned left = 0;
    for (unsigned i = 0; i < 5000; i++)
        left += has(c, i);
    assert_true(left > 500 && left < 2000);
    pcache_free(&c);
}

static void a_million_names_fit(void **state)
{
    (void)state;
    struct pcache *c = pcache_new(224 * (size_t)MIB, &hash);
    const unsigned million = 1000000;
    for (unsigned i = 0; i < million; i++)
        put(c, i, 80);
    unsigned found = 0;
    for (unsigned i = 0; i < million; i++)
        found += has(c, i);
    assert_int_equal(found, million);
    pcache_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_what_was_put),
        cmocka_unit_test(tells_what_is_over),
        cmocka_unit_test(gives_up_first_what_is_over),
        cmocka_unit_test(tells_once_what_is_due),
        cmocka_unit_test(refuses_what_is_no_block_or_too_large),
        cmocka_unit_test(stays_true_through_many_changes),
        cmocka_unit_test(stays_within_its_bytes),
        cmocka_unit_test(spares_what_is_asked_for),
        cmocka_unit_test(evicts_though_all_were_asked_for),
        cmocka_unit_test(a_million_names_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
