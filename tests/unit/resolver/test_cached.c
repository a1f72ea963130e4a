/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two caches as one: what is fresh, due, stale or of no use, and what another worker has stored. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/metric.h"
#include "resolver/cached.h"

enum { NOW = 1800000000, MIB = 1 << 20 };

struct bench {
    char dir[64];
    struct conf conf;
    struct shm shm;
    struct rebinding *rebinding;
    struct cached *a, *b; /* two workers */
    int64_t ms;
};

static struct dns_query query_of(const char *name)
{
    struct dns_query q = {.type = DNS_A, .class = DNS_CLASS_IN};
    assert_true(name_from_text(bytes_str(name), &q.name));
    return q;
}

static struct answer_key key_of(const char *name)
{
    struct dns_query q = query_of(name);
    struct answer_key key;
    answer_key(&q, &key);
    return key;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof *b);
    snprintf(b->dir, sizeof b->dir, "/tmp/polynya-cached-XXXXXX");
    assert_non_null(mkdtemp(b->dir));
    metric_use_page(NULL);
    memset(metric_page, 0, sizeof *metric_page);
    b->conf = (struct conf){.state_dir = b->dir,
                            .cache = {.size = 16 * MIB,
                                      .memory = MIB,
                                      .ttl_max = 86400000,
                                      .negative_max = 3600000,
                                      .stale_for = 3600000},
                            .dnssec = {.mode = CONF_VALIDATION_OFF},
                            .rebinding = {.protect = true}};
    b->rebinding = rebinding_new(&b->conf);
    b->a = cached_new(&b->conf, &b->shm, b->rebinding);
    b->b = cached_new(&b->conf, &b->shm, b->rebinding);
    assert_true(b->rebinding && b->a && b->b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    char command[128];
    cached_free(&b->a, false);
    cached_free(&b->b, false);
    rebinding_free(&b->rebinding);
    snprintf(command, sizeof command, "rm -r %s", b->dir);
    assert_int_equal(system(command), 0);
    free(b);
    return 0;
}

/* Keeps name's answer, an address that ends in `number`, stored at NOW + at. */
static void keep_as(struct cached *c, const char *name, uint32_t at, uint32_t ttl, const char address[4],
                    bool wanted)
{
    struct dns_query q = query_of(name);
    struct answer_key key = key_of(name);
    struct answer_builder build;
    struct answer answer;
    uint8_t block[2048];
    answer_begin(&build, &q, DNS_NOERROR, 0, block, sizeof block);
    answer_add(&build, DNS_ANSWER, NULL, DNS_A, ttl, bytes_of(address, 4));
    size_t n = answer_end(&build, NOW + at);
    assert_true(n && answer_open(bytes_of(block, n), false, &answer));
    cached_keep(c, &key, bytes_of(block, n), &answer, wanted);
}

static void keep(struct cached *c, const char *name, uint32_t at, uint32_t ttl)
{
    keep_as(c, name, at, ttl, "\300\0\2\1", true);
}

/* When the answer found was stored, counted from NOW. */
static uint32_t found_at;

static enum cached_state find(struct cached *c, const char *name, uint32_t at)
{
    struct answer_key key = key_of(name);
    struct answer a;
    enum cached_state state = cached_find(c, &key, NOW + at, &a);
    found_at = state ? a.head.stored - NOW : UINT32_MAX;
    return state;
}

/* What both have queued is on disk, and a new turn begins. */
static void turn(struct bench *b)
{
    for (int i = 0; i < 20; i++) {
        b->ms += 200;
        cached_tick(b->a, b->ms);
        cached_tick(b->b, b->ms);
    }
}

static void fresh_then_stale_then_of_no_use(void **state)
{
    struct bench *b = *state;
    assert_int_equal(find(b->a, "www.example", 0), CACHED_NONE);
    keep(b->a, "www.example", 0, 60);
    assert_int_equal(find(b->a, "www.example", 10), CACHED_FRESH);
    assert_int_equal(find(b->a, "www.example", 60), CACHED_STALE);
    assert_int_equal(find(b->a, "www.example", 60 + 3599), CACHED_STALE);
    assert_int_equal(find(b->a, "www.example", 60 + 3600), CACHED_NONE);
    assert_int_equal(metric_page->value[METRIC_CACHE_HIT_PACKET], 1);
    assert_int_equal(metric_page->value[METRIC_CACHE_MISS], 4);
}

static void stale_is_off(void **state)
{
    struct bench *b = *state;
    cached_free(&b->a, false);
    b->conf.cache.stale_for = 0;
    b->a = cached_new(&b->conf, &b->shm, b->rebinding);
    keep(b->a, "www.example", 0, 60);
    assert_int_equal(find(b->a, "www.example", 60), CACHED_NONE);
}

static void another_workers_answers(void **state)
{
    struct bench *b = *state;
    keep(b->a, "www.example", 0, 60);
    keep(b->a, "old.example", 0, 10);
    turn(b);
    assert_int_equal(find(b->b, "www.example", 5), CACHED_FRESH);
    assert_int_equal(metric_page->value[METRIC_CACHE_HIT_STORE], 1);
    assert_int_equal(find(b->b, "www.example", 5), CACHED_FRESH);
    assert_int_equal(metric_page->value[METRIC_CACHE_HIT_PACKET], 1);
    assert_int_equal(find(b->b, "old.example", 10), CACHED_STALE);
    /* Renewed by one, found by the other whose own is over. */
    keep(b->b, "www.example", 70, 60);
    turn(b);
    assert_int_equal(find(b->a, "www.example", 75), CACHED_FRESH);
    assert_int_equal(found_at, 70);
}

static void due_unless_another_has_renewed_it(void **state)
{
    struct bench *b = *state;
    keep(b->a, "www.example", 0, 300);
    turn(b);
    assert_int_equal(find(b->b, "www.example", 100), CACHED_FRESH);
    assert_int_equal(find(b->a, "www.example", 280), CACHED_DUE);
    assert_int_equal(find(b->a, "www.example", 280), CACHED_FRESH);
    keep_as(b->a, "www.example", 281, 300, "\300\0\2\2", false);
    turn(b);
    assert_int_equal(find(b->b, "www.example", 282), CACHED_FRESH);
    assert_int_equal(found_at, 281);
}

static void what_has_no_lifetime_is_not_kept(void **state)
{
    struct bench *b = *state;
    keep(b->a, "www.example", 0, 60);
    keep(b->a, "www.example", 100, 0);
    assert_int_equal(find(b->a, "www.example", 100), CACHED_STALE);
    assert_int_equal(found_at, 0);
}

static void rules_in_force_decide(void **state)
{
    struct bench *b = *state;
    keep_as(b->a, "in.example", 0, 60, "\12\0\0\1", true);
    keep(b->a, "out.example", 0, 60);
    turn(b);
    assert_int_equal(find(b->b, "in.example", 1), CACHED_NONE);
    assert_int_equal(find(b->b, "in.example", 100), CACHED_NONE);
    assert_int_equal(find(b->b, "out.example", 1), CACHED_FRESH);
    cached_free(&b->b, false);
    b->conf.dnssec.mode = CONF_VALIDATE;
    b->b = cached_new(&b->conf, &b->shm, b->rebinding);
    assert_int_equal(find(b->b, "out.example", 1), CACHED_NONE);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(fresh_then_stale_then_of_no_use),  T(stale_is_off),
        T(another_workers_answers),          T(due_unless_another_has_renewed_it),
        T(what_has_no_lifetime_is_not_kept), T(rules_in_force_decide),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
