/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions in flight: joined, bounded, told once, remembered when they fail. */
#include "tests/unit/resolver/fake_dns.h"

#include "data/base/clock.h"
#include "resolver/pending.h"
#include "resolver/upstream.h"

enum { WAITERS = 50 };

struct bench {
    struct ev_loop *loop;
    struct fake fake;
    struct conf_server server;
    struct conf conf;
    struct upstream *upstream;
    struct pending *pending;
    unsigned stored;
    bool wanted; /* the last one stored */
    uint8_t stored_block[2048];
    size_t stored_len;
};

struct asker {
    struct pending_waiter waiter;
    struct bench *bench;
    unsigned done;
    unsigned *total;
    enum pending_patience patience;
    enum reason why;
    uint32_t ttl;
    size_t wire_len;
    const char *then; /* asked from within done */
    struct asker *next;
};

static void store(void *self, const struct answer_key *key, struct bytes block, const struct answer *answer,
                  bool wanted)
{
    struct bench *b = self;
    assert_true(key->len > 0);
    assert_int_equal(answer->head.ttl, 300);
    assert_true(block.len <= sizeof b->stored_block);
    memcpy(b->stored_block, block.data, block.len);
    b->stored_len = block.len;
    b->wanted = wanted;
    b->stored++;
}

static int setup(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    b->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    metric_use_page(NULL);
    memset(metric_page, 0, sizeof *metric_page);
    fake_init(&b->fake, b->loop, FAKE_GOOD);
    b->server.address = b->fake.address;
    fake_conf(&b->conf, &b->server, 1);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    pending_free(&b->pending);
    upstream_free(&b->upstream);
    fake_fini(&b->fake);
    assert_int_equal(metric_page->value[METRIC_LOOKUPS], 0);
    ev_loop_destroy(b->loop);
    test_free(b);
    return 0;
}

static void open_pending(struct bench *b, enum fake_way way)
{
    b->fake.way = way;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    struct pending_options options = {.conf = &b->conf, .store = store, .self = b};
    b->pending = pending_new(b->loop, b->upstream, &options);
    assert_non_null(b->pending);
}

static void ask(struct bench *b, const char *name, struct asker *a);

static void on_done(struct pending_waiter *w, enum reason why, const struct answer *answer)
{
    struct asker *a = (struct asker *)(void *)w; /* its first member */
    assert_int_equal(why == REASON_OK, answer != NULL);
    a->done++;
    if (a->total)
        ++*a->total;
    a->why = why;
    if (answer) {
        a->ttl = answer->head.ttl;
        a->wire_len = answer->wire.len;
    }
    if (a->then)
        ask(a->bench, a->then, a->next);
}

static void ask(struct bench *b, const char *name, struct asker *a)
{
    struct dns_query q;
    struct answer_key key;
    fake_query(&q, name);
    answer_key(&q, &key);
    a->bench = b;
    a->waiter.done = on_done;
    pending_ask(b->pending, &q, &key, a->patience, &a->waiter);
}

static void test_equal_questions_are_asked_once(void **state)
{
    struct bench *b = *state;
    struct asker a[WAITERS] = {0};
    unsigned total = 0;
    open_pending(b, FAKE_GOOD);
    for (int i = 0; i < WAITERS; i++) {
        a[i].total = &total;
        ask(b, "www.example.com", &a[i]);
    }
    assert_int_equal(pending_count(b->pending), 1);
    assert_int_equal(metric_page->value[METRIC_LOOKUPS], 1);
    fake_run(b->loop, &total, WAITERS);
    for (int i = 0; i < WAITERS; i++) {
        assert_int_equal(a[i].done, 1);
        assert_int_equal(a[i].why, REASON_OK);
        assert_int_equal(a[i].ttl, 300);
        assert_true(a[i].wire_len > DNS_HEADER);
    }
    assert_int_equal(b->fake.udp_queries, 1);
    assert_int_equal(b->stored, 1);
    assert_int_equal(pending_count(b->pending), 0);
    assert_int_equal(metric_page->value[METRIC_LOOKUPS_JOINED], WAITERS - 1);
    struct answer answer;
    assert_true(answer_open(bytes_of(b->stored_block, b->stored_len), true, &answer));
}

static void test_unequal_questions_are_apart(void **state)
{
    struct bench *b = *state;
    struct asker a[3] = {0};
    unsigned total = 0;
    const char *name[] = {"www.example.com", "www.example.org", "example.com"};
    open_pending(b, FAKE_GOOD);
    for (int i = 0; i < 3; i++) {
        a[i].total = &total;
        ask(b, name[i], &a[i]);
    }
    assert_int_equal(pending_count(b->pending), 3);
    fake_run(b->loop, &total, 3);
    assert_int_equal(b->fake.udp_queries, 3);
    assert_int_equal(b->stored, 3);
}

static void test_waiters_and_lookups_are_bounded(void **state)
{
    struct bench *b = *state;
    struct asker a[5] = {0};
    b->conf.upstream.waiters = 2;
    b->conf.upstream.lookups = 2;
    open_pending(b, FAKE_SILENT);
    ask(b, "www.example.com", &a[0]);
    ask(b, "www.example.com", &a[1]);
    ask(b, "www.example.com", &a[2]);
    assert_int_equal(a[2].done, 1);
    assert_int_equal(a[2].why, REASON_OVERLOAD);
    ask(b, "www.example.org", &a[3]);
    ask(b, "www.example.net", &a[4]);
    assert_int_equal(a[4].done, 1);
    assert_int_equal(a[4].why, REASON_OVERLOAD);
    assert_int_equal(a[0].done + a[1].done + a[3].done, 0);
    pending_free(&b->pending);
    assert_int_equal(a[0].done + a[1].done + a[3].done, 3);
    assert_int_equal(a[0].why, REASON_UPSTREAM_DEAD);
}

static void test_lookup_outlives_its_waiters(void **state)
{
    struct bench *b = *state;
    struct asker a[2] = {0};
    b->conf.upstream.answer_timeout = 20;
    open_pending(b, FAKE_LATE);
    ask(b, "www.example.com", &a[0]);
    fake_run(b->loop, &a[0].done, 1);
    assert_int_equal(a[0].why, REASON_UPSTREAM_TIMEOUT);
    assert_int_equal(pending_count(b->pending), 1);
    /* One more may join, and is told in its own time. */
    ask(b, "www.example.com", &a[1]);
    fake_run(b->loop, &a[1].done, 1);
    assert_int_equal(a[1].why, REASON_UPSTREAM_TIMEOUT);
    fake_run(b->loop, &b->fake.udp_queries, 1);
    fake_release(&b->fake);
    fake_run(b->loop, &b->stored, 1);
    assert_int_equal(a[0].done + a[1].done, 2);
    assert_int_equal(b->fake.udp_queries, 1);
}

static void test_failure_is_remembered(void **state)
{
    struct bench *b = *state;
    struct asker a[3] = {0};
    b->conf.upstream.failure_min = b->conf.upstream.failure_max = 300000;
    open_pending(b, FAKE_SERVFAIL);
    ask(b, "www.example.com", &a[0]);
    fake_run(b->loop, &a[0].done, 1);
    assert_int_equal(a[0].why, REASON_UPSTREAM_SERVFAIL);
    unsigned asked = b->fake.udp_queries;
    ask(b, "www.example.com", &a[1]);
    assert_int_equal(a[1].done, 1);
    assert_int_equal(a[1].why, REASON_FAILURE_CACHED);
    assert_int_equal(pending_count(b->pending), 0);
    /* Only that question. */
    b->fake.way = FAKE_GOOD;
    ask(b, "www.example.org", &a[2]);
    fake_run(b->loop, &a[2].done, 1);
    assert_int_equal(a[2].why, REASON_OK);
    assert_int_equal(b->fake.udp_queries, asked + 1);
    assert_int_equal(b->stored, 1);
}

/* A waiter that asks again from within its callback, for the same name and the name's second waiter still
 * untold. */
static void test_asking_from_within(void **state)
{
    struct bench *b = *state;
    struct asker a[4] = {0};
    unsigned total = 0;
    open_pending(b, FAKE_GOOD);
    for (int i = 0; i < 4; i++)
        a[i].total = &total;
    a[0].then = "www.example.com", a[0].next = &a[2];
    a[1].then = "www.example.org", a[1].next = &a[3];
    ask(b, "www.example.com", &a[0]);
    ask(b, "www.example.com", &a[1]);
    fake_run(b->loop, &total, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(a[i].done, 1);
        assert_int_equal(a[i].why, REASON_OK);
    }
    assert_int_equal(b->stored, 3);
}

static void test_asking_while_it_ends(void **state)
{
    struct bench *b = *state;
    struct asker a[2] = {0};
    open_pending(b, FAKE_SILENT);
    a[0].then = "www.example.com", a[0].next = &a[1];
    ask(b, "www.example.com", &a[0]);
    pending_free(&b->pending);
    assert_int_equal(a[0].why, REASON_UPSTREAM_DEAD);
    assert_int_equal(a[1].done, 1);
    assert_int_equal(a[1].why, REASON_UPSTREAM_DEAD);
}

static void test_upstream_ends_first(void **state)
{
    struct bench *b = *state;
    struct asker a = {0};
    open_pending(b, FAKE_SILENT);
    ask(b, "www.example.com", &a);
    upstream_free(&b->upstream);
    assert_int_equal(a.done, 1);
    assert_int_equal(a.why, REASON_UPSTREAM_DEAD);
    assert_int_equal(pending_count(b->pending), 0);
}

static void test_waiters_are_told_in_time_whatever_is_asked(void **state)
{
    struct bench *b = *state;
    struct asker a[20] = {0};
    unsigned total = 0;
    char name[32];
    b->conf.upstream.answer_timeout = 30;
    open_pending(b, FAKE_SILENT);
    for (int i = 0; i < 20; i++) {
        a[i].total = &total;
        snprintf(name, sizeof name, "n%d.example.com", i / 3);
        ask(b, name, &a[i]);
    }
    fake_run(b->loop, &total, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(a[i].done, 1);
        assert_int_equal(a[i].why, REASON_UPSTREAM_TIMEOUT);
    }
    assert_int_equal(pending_count(b->pending), 7);
}

static void renew(struct bench *b, const char *name, bool wanted)
{
    static const struct ip client = {.len = 4};
    struct dns_query q;
    struct answer_key key;
    fake_query(&q, name);
    answer_key(&q, &key);
    pending_renew(b->pending, &q, &key, &client, wanted);
}

/* Who has something older is told early; the other one waits on for the same answer. */
static void test_the_hasty_are_told_first(void **state)
{
    struct bench *b = *state;
    struct asker a[3] = {[1] = {.patience = PENDING_HASTY}, [2] = {.patience = PENDING_HASTY}};
    b->conf.upstream.answer_timeout = 10000;
    b->conf.cache.stale_after = 20;
    open_pending(b, FAKE_LATE);
    for (int i = 0; i < 3; i++)
        ask(b, "www.example.com", &a[i]);
    fake_run(b->loop, &a[2].done, 1);
    assert_int_equal(a[1].why, REASON_UPSTREAM_TIMEOUT);
    assert_int_equal(a[0].done, 0);
    fake_run(b->loop, &b->fake.udp_queries, 1);
    fake_release(&b->fake);
    fake_run(b->loop, &a[0].done, 1);
    assert_int_equal(a[0].why, REASON_OK);
    assert_true(b->wanted);
}

static void test_renewed_once_and_for_nobody(void **state)
{
    struct bench *b = *state;
    b->conf.cache.prefetch = 2;
    open_pending(b, FAKE_GOOD);
    for (int i = 0; i < 5; i++)
        renew(b, "www.example.com", false);
    assert_int_equal(pending_count(b->pending), 1);
    fake_run(b->loop, &b->stored, 1);
    assert_false(b->wanted);
    assert_int_equal(b->fake.udp_queries, 1);
    assert_int_equal(metric_page->value[METRIC_PREFETCHES], 1);
    assert_int_equal(metric_page->value[METRIC_LOOKUPS_JOINED], 0);
    /* Somebody joins: it is wanted after all. */
    struct asker a = {0};
    renew(b, "www.example.com", false);
    ask(b, "www.example.com", &a);
    fake_run(b->loop, &a.done, 1);
    assert_true(b->wanted);
    assert_int_equal(b->fake.udp_queries, 2);
}

static void test_prefetches_are_bounded(void **state)
{
    struct bench *b = *state;
    struct asker a = {0};
    b->conf.cache.prefetch = 2;
    open_pending(b, FAKE_SILENT);
    renew(b, "a.example.com", false);
    renew(b, "b.example.com", false);
    renew(b, "c.example.com", false);
    assert_int_equal(pending_count(b->pending), 2);
    assert_int_equal(metric_page->value[METRIC_PREFETCH_SKIPPED], 1);
    renew(b, "d.example.com", true);
    assert_int_equal(pending_count(b->pending), 3);
    ask(b, "e.example.com", &a);
    assert_int_equal(pending_count(b->pending), 4);
    /* Their places are free again when they have ended. */
    pending_free(&b->pending);
    upstream_free(&b->upstream);
    open_pending(b, FAKE_GOOD);
    for (int i = 1; i <= 3; i++) {
        renew(b, "a.example.com", false);
        fake_run(b->loop, &b->stored, (unsigned)i);
    }
}

static void test_a_failed_renewal_is_not_repeated_at_once(void **state)
{
    struct bench *b = *state;
    struct asker a = {0};
    b->conf.cache.prefetch = 2;
    b->conf.upstream.failure_min = b->conf.upstream.failure_max = 300000;
    open_pending(b, FAKE_SERVFAIL);
    renew(b, "www.example.com", false);
    ask(b, "www.example.com", &a);
    fake_run(b->loop, &a.done, 1);
    assert_int_equal(a.why, REASON_UPSTREAM_SERVFAIL);
    renew(b, "www.example.com", true);
    assert_int_equal(pending_count(b->pending), 0);
    assert_int_equal(b->stored, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_equal_questions_are_asked_once),
        T(test_unequal_questions_are_apart),
        T(test_waiters_and_lookups_are_bounded),
        T(test_lookup_outlives_its_waiters),
        T(test_failure_is_remembered),
        T(test_asking_from_within),
        T(test_asking_while_it_ends),
        T(test_upstream_ends_first),
        T(test_waiters_are_told_in_time_whatever_is_asked),
        T(test_the_hasty_are_told_first),
        T(test_renewed_once_and_for_nobody),
        T(test_prefetches_are_bounded),
        T(test_a_failed_renewal_is_not_repeated_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
