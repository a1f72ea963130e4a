/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lookups whose servers' state is set by hand: probes of servers on hold, and habits remembered. */
#include "tests/unit/resolver/fake_dns.h"

#include "data/base/clock.h"
#include "resolver/explore.h"
#include "resolver/tcp.h"

enum { VARIES = 250 /* ms until a hedge */ };

struct bench {
    struct ev_loop *loop;
    struct fake fake[2];
    struct server server[2];
    struct server_group group;
    struct exchange exchange;
    unsigned done;
    enum reason why;
};

static void on_failed(void *self, enum dial_end why)
{
    (void)self, (void)why;
}

static int setup(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    b->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    for (int i = 0; i < 2; i++) {
        fake_init(&b->fake[i], b->loop, FAKE_GOOD);
        server_init(&b->server[i], &b->fake[i].address);
        b->server[i].stream = tcp_new(
            &(struct stream_env){.loop = b->loop, .server = &b->server[i].address, .failed = on_failed});
        assert_non_null(b->server[i].stream);
        /* Known to be fast: nothing to explore, and the first is the first choice. But they vary, so that a
         * machine that is slow itself is not taken for a late server. */
        b->server[i].path[OVER_UDP] =
            (struct path){.srtt = 8 + (unsigned)i, .var = VARIES, .replied = clock_mono_ms()};
        b->group.server[b->group.count++] = &b->server[i];
    }
    udp_init(&b->exchange.env.udp, b->loop, 100);
    b->exchange.servers = b->server;
    b->exchange.server_count = 2;
    b->exchange.tries = 4;
    b->exchange.try_timeout = 5000;
    b->exchange.total_timeout = 15000;
    link_init(&b->exchange.lookups);
    link_init(&b->exchange.env.late);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    exchange_end_all(&b->exchange, REASON_UPSTREAM_DEAD);
    for (int i = 0; i < 2; i++) {
        stream_free(&b->server[i].stream);
        fake_fini(&b->fake[i]);
    }
    udp_fini(&b->exchange.env.udp);
    pool_fini(&b->exchange.pool);
    ev_loop_destroy(b->loop);
    test_free(b);
    return 0;
}

static void on_done(void *self, enum reason why, struct bytes reply)
{
    struct bench *b = self;
    assert_int_equal(why == REASON_OK, reply.len > 0);
    b->done++;
    b->why = why;
}

static void begin(struct bench *b)
{
    struct dns_query q;
    fake_query(&q, "www.example.com");
    assert_non_null(exchange_start(&b->exchange, &b->group, &q, NULL, on_done, b));
}

/* With what is asked beside it, now and then by chance. */
static void begin_all(struct bench *b)
{
    struct dns_query q;
    fake_query(&q, "www.example.com");
    explore_beside(&b->exchange, &b->group, &q);
    begin(b);
}

/* On hold, and due for a probe. */
static void hold(struct server *s)
{
    s->on_hold = true;
    s->probe_step = SERVER_PROBE_MIN;
    s->probe_at = 0;
}

/* Each time another server, who is then told to have been heard, until there is none. */
static void test_who_was_heard_is_not_asked_again(void **state)
{
    struct bench *b = *state;
    struct dns_query q;
    struct hearing hearing = {0};
    fake_query(&q, "www.example.com");
    for (unsigned i = 0; i < 2; i++) {
        assert_non_null(exchange_start(&b->exchange, &b->group, &q, &hearing, on_done, b));
        fake_run(b->loop, &b->done, i + 1);
        assert_int_equal(b->why, REASON_OK);
        assert_int_equal(hearing.heard, i == 0 ? 1 : 3);
        assert_int_equal(hearing.disbelieved, i);
        assert_int_equal(b->fake[i].udp_queries, 1);
    }
    assert_null(exchange_start(&b->exchange, &b->group, &q, &hearing, on_done, b));
    assert_true(link_empty(&b->exchange.lookups));
    assert_int_equal(b->done, 2);
}

/* However many there are: they may all say the same. */
static void test_three_are_heard(void **state)
{
    struct bench *b = *state;
    struct dns_query q;
    static struct hearing hearing = {.heard = 0x70};
    fake_query(&q, "www.example.com");
    assert_null(exchange_start(&b->exchange, &b->group, &q, &hearing, on_done, b));
    hearing.heard = 0x30;
    assert_non_null(exchange_start(&b->exchange, &b->group, &q, &hearing, on_done, b));
}

static void test_held_server_is_probed_beside(void **state)
{
    struct bench *b = *state;
    hold(&b->server[0]);
    begin_all(b);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->why, REASON_OK);
    fake_run(b->loop, &b->fake[0].udp_queries, 1);
    /* The client's question went to the other; the probe tells nothing of it. */
    static const uint8_t root_ns[] = {0, 0, DNS_NS, 0, DNS_CLASS_IN};
    assert_int_equal(b->fake[1].udp_queries, 1);
    assert_memory_equal(b->fake[0].last + DNS_HEADER, root_ns, sizeof root_ns);
    while (!link_empty(&b->exchange.lookups))
        ev_run(b->loop, EVRUN_ONCE);
    assert_false(b->server[0].on_hold);
    assert_int_equal(b->done, 1);
}

static void test_silent_probe_leaves_it_held(void **state)
{
    struct bench *b = *state;
    b->fake[0].way = FAKE_SILENT;
    hold(&b->server[0]);
    begin_all(b);
    begin_all(b);
    fake_run(b->loop, &b->done, 2);
    fake_run(b->loop, &b->fake[0].udp_queries, 1);
    /* One probe for two lookups; its end tells nobody. */
    assert_int_equal(b->fake[0].udp_queries, 1);
    assert_true(b->server[0].on_hold);
    exchange_end_all(&b->exchange, REASON_UPSTREAM_DEAD);
    assert_int_equal(b->done, 2);
}

static void test_habits_end(void **state)
{
    struct bench *b = *state;
    b->group.count = 1;
    b->server[0].plain_until = b->server[0].tcp_until = clock_mono_ms() + SERVER_HABIT;
    begin(b);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->fake[0].tcp_queries, 1);
    assert_int_equal(b->fake[0].udp_queries, 0);
    b->server[0].tcp_until = 0;
    begin(b);
    fake_run(b->loop, &b->done, 2);
    assert_int_equal(b->fake[0].plain_queries, 1);
    b->server[0].plain_until = 0;
    begin(b);
    fake_run(b->loop, &b->done, 3);
    assert_int_equal(b->fake[0].udp_queries, 2);
    assert_int_equal(b->fake[0].plain_queries, 1);
}

static void test_a_late_server_is_hedged(void **state)
{
    struct bench *b = *state;
    uint64_t hedges = metric_load(metric_page, METRIC_UPSTREAM_HEDGED);
    b->fake[0].way = FAKE_SILENT;
    begin(b);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->why, REASON_OK);
    assert_int_equal(b->fake[0].udp_queries, 1);
    assert_int_equal(b->fake[1].udp_queries, 1);
    assert_int_equal(metric_load(metric_page, METRIC_UPSTREAM_HEDGED), hedges + 1);
    /* The try's time was not over: nothing was lost, but it was slow. */
    assert_int_equal(b->server[0].timeouts, 0);
    assert_true(path_rtt(&b->server[0].path[OVER_UDP]) > path_rtt(&b->server[1].path[OVER_UDP]));
    begin(b);
    fake_run(b->loop, &b->done, 2);
    assert_int_equal(b->fake[0].udp_queries, 1);
}

static void test_a_hedge_does_no_harm(void **state)
{
    struct bench *b = *state;
    b->fake[0].way = FAKE_LATE;
    b->fake[1].way = FAKE_SERVFAIL;
    begin(b);
    fake_run(b->loop, &b->fake[1].udp_queries, 1);
    /* The hedge fails; the first is still waited for. */
    while (b->exchange.env.udp.open > 1)
        ev_run(b->loop, EVRUN_ONCE);
    assert_int_equal(b->done, 0);
    fake_release(&b->fake[0]);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->why, REASON_OK);
    assert_int_equal(b->exchange.env.udp.open, 0);
}

static uint64_t hedges_at_first_query;

static void note_hedges(struct fake *f)
{
    (void)f;
    hedges_at_first_query = metric_load(metric_page, METRIC_UPSTREAM_HEDGED);
}

/* Two servers die at once: the one hedge goes to the third as well, for nothing proves the second to be
 * there. */
static void test_a_hedge_goes_on_to_one_that_is_there(void **state)
{
    struct bench *b = *state;
    struct fake third;
    struct server s;
    uint64_t hedges = metric_load(metric_page, METRIC_UPSTREAM_HEDGED);
    fake_init(&third, b->loop, FAKE_GOOD);
    server_init(&s, &third.address);
    s.path[OVER_UDP] = (struct path){.srtt = 800, .var = VARIES, .replied = clock_mono_ms()};
    b->group.server[b->group.count++] = &s;
    b->fake[0].way = b->fake[1].way = FAKE_SILENT;
    b->fake[1].before = note_hedges;
    b->server[1].path[OVER_UDP].replied = clock_mono_ms() - 1;
    begin(b);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->why, REASON_OK);
    assert_int_equal(third.udp_queries, 1);
    assert_int_equal(hedges_at_first_query, hedges + 2);
    fake_fini(&third);
}

/* One that has answered others meanwhile is there: it alone is asked. */
static void test_a_hedge_asks_one_that_answers(void **state)
{
    struct bench *b = *state;
    struct fake third;
    struct server s;
    fake_init(&third, b->loop, FAKE_GOOD);
    server_init(&s, &third.address);
    s.path[OVER_UDP] = (struct path){.srtt = 800, .var = VARIES, .replied = clock_mono_ms()};
    b->group.server[b->group.count++] = &s;
    b->fake[0].way = FAKE_SILENT;
    begin(b);
    b->server[1].path[OVER_UDP].replied = INT64_MAX;
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->fake[1].udp_queries, 1);
    assert_int_equal(third.udp_queries, 0);
    fake_fini(&third);
}

static void test_all_held_fail_soon_and_are_asked(void **state)
{
    struct bench *b = *state;
    b->exchange.try_timeout = 50;
    b->fake[0].way = b->fake[1].way = FAKE_SILENT;
    b->server[0].on_hold = b->server[1].on_hold = true;
    b->server[0].probe_at = b->server[1].probe_at = INT64_MAX;
    begin(b);
    fake_run(b->loop, &b->done, 1);
    assert_int_equal(b->why, REASON_UPSTREAM_DEAD);
    fake_run(b->loop, &b->fake[0].udp_queries, 1);
    fake_run(b->loop, &b->fake[1].udp_queries, 1);
    b->exchange.try_timeout = 5000;
    b->fake[1].way = FAKE_GOOD;
    begin(b);
    fake_run(b->loop, &b->done, 2);
    assert_int_equal(b->why, REASON_OK);
    assert_false(b->server[1].on_hold);
}

static void test_exploration_beside(void **state)
{
    struct bench *b = *state;
    b->server[1].path[OVER_UDP] = (struct path){0};
    b->fake[1].way = FAKE_LATE;
    begin_all(b);
    begin_all(b);
    fake_run(b->loop, &b->done, 2);
    fake_run(b->loop, &b->fake[1].held_count, 1);
    fake_release(&b->fake[1]);
    while (!link_empty(&b->exchange.lookups))
        ev_run(b->loop, EVRUN_ONCE);
    /* One at a time, however many lookups there are; nobody is told, but the server is measured. */
    assert_int_equal(b->fake[1].udp_queries, 1);
    assert_int_equal(b->done, 2);
    assert_true(path_rtt(&b->server[1].path[OVER_UDP]) > 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_who_was_heard_is_not_asked_again),
        T(test_three_are_heard),
        T(test_held_server_is_probed_beside),
        T(test_silent_probe_leaves_it_held),
        T(test_habits_end),
        T(test_a_late_server_is_hedged),
        T(test_a_hedge_does_no_harm),
        T(test_a_hedge_goes_on_to_one_that_is_there),
        T(test_a_hedge_asks_one_that_answers),
        T(test_all_held_fail_soon_and_are_asked),
        T(test_exploration_beside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
