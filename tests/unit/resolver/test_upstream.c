/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking upstream, against servers that lose, delay, truncate, forge and garble. */
#include "tests/unit/resolver/fake_dns.h"

#include "data/base/hash.h"
#include "resolver/upstream.h"

enum { SERVERS = 3 };

struct bench {
    struct ev_loop *loop;
    struct fake fake[SERVERS];
    struct conf_server servers[SERVERS];
    struct conf conf;
    struct upstream *upstream;
};

struct outcome {
    unsigned done;
    enum reason why;
    uint8_t reply[1024];
    size_t len;
};

static int setup(void **state)
{
    struct bench *b = test_calloc(1, sizeof *b);
    b->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    metric_use_page(NULL);
    memset(metric_page, 0, sizeof *metric_page);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    upstream_free(&b->upstream);
    for (int i = 0; i < SERVERS; i++)
        if (b->fake[i].loop)
            fake_fini(&b->fake[i]);
    ev_loop_destroy(b->loop);
    test_free(b);
    return 0;
}

static void open_bench(struct bench *b, unsigned count, const enum fake_way *ways)
{
    for (unsigned i = 0; i < count; i++) {
        fake_init(&b->fake[i], b->loop, ways[i]);
        b->servers[i].address = b->fake[i].address;
    }
    fake_conf(&b->conf, b->servers, count);
}

static void open_one_with(struct bench *b, enum fake_way way, uint64_t try_timeout, uint64_t total_timeout)
{
    open_bench(b, 1, &way);
    b->conf.upstream.try_timeout = try_timeout;
    b->conf.upstream.total_timeout = total_timeout;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    assert_non_null(b->upstream);
}

static void open_one(struct bench *b, enum fake_way way)
{
    open_one_with(b, way, 5000, 15000);
}

static void on_done(void *self, enum reason why, struct bytes reply)
{
    struct outcome *o = self;
    o->done++;
    o->why = why;
    o->len = reply.len;
    assert_true(reply.len <= sizeof o->reply);
    if (reply.len)
        memcpy(o->reply, reply.data, reply.len);
}

static void begin(struct bench *b, const char *name, struct outcome *o)
{
    struct dns_query q;
    fake_query(&q, name);
    memset(o, 0, sizeof *o);
    assert_non_null(upstream_ask(b->upstream, &q, NULL, on_done, o));
    assert_int_equal(o->done, 0);
}

static enum reason ask(struct bench *b, const char *name, struct outcome *o)
{
    begin(b, name, o);
    fake_run(b->loop, &o->done, 1);
    assert_int_equal(o->done, 1);
    return o->why;
}

/* The true answer, not the forged one, with the name as the client's key has it. */
static void assert_truth(const struct outcome *o)
{
    static const char name[] = "\3www\7example\3com";
    assert_int_equal(o->done, 1);
    assert_int_equal(o->why, REASON_OK);
    assert_memory_equal(o->reply + DNS_HEADER, name, sizeof name);
    assert_int_equal(o->reply[o->len - 1], 1);
}

static uint64_t counted(enum metric m)
{
    return metric_page->value[m];
}

static void test_answers(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_GOOD);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(counted(METRIC_UPSTREAM_QUERIES_UDP), 1);
    assert_int_equal(counted(METRIC_UPSTREAM_REPLIES), 1);
}

static void test_sends_what_was_asked(void **state)
{
    struct bench *b = *state;
    struct outcome o = {0};
    struct dns_query q;
    open_one(b, FAKE_GOOD);
    fake_query(&q, "www.example.com");
    q.flags = DNS_CD;
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true, .udp_size = 4096};
    assert_non_null(upstream_ask(b->upstream, &q, NULL, on_done, &o));
    fake_run(b->loop, &o.done, 1);
    const uint8_t *sent = b->fake[0].last;
    static const uint8_t opt[] = {0, 0, 41, 1232 >> 8, 1232 & 255, 0, 0, 0x80, 0, 0, 0};
    assert_int_equal(get_u16(sent + 2), DNS_RD | DNS_CD);
    assert_int_equal(get_u16(sent + 10), 1);
    assert_int_equal(b->fake[0].last_len, DNS_HEADER + 17 + 4 + sizeof opt);
    assert_memory_equal(sent + b->fake[0].last_len - sizeof opt, opt, sizeof opt);
}

static unsigned distinct(const uint16_t *v, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned j = 0;
        while (j < i && v[j] != v[i])
            j++;
        count += j == i;
    }
    return count;
}

static void test_port_id_and_case_are_fresh(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    unsigned upper = 0;
    open_one(b, FAKE_GOOD);
    for (int i = 0; i < 40; i++) {
        ask(b, "www.example.com", &o);
        for (size_t k = DNS_HEADER; k < DNS_HEADER + 17; k++)
            upper += b->fake[0].last[k] >= 'A' && b->fake[0].last[k] <= 'Z';
    }
    assert_true(distinct(b->fake[0].ports, 40) > 35);
    assert_true(distinct(b->fake[0].ids, 40) > 35);
    /* 13 letters in 40 queries, each upper case by a fair coin. */
    assert_in_range(upper, 130, 390);
}

static void check_forged(void **state, enum fake_way way, enum metric m)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, way);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(counted(m), 1);
    assert_int_equal(b->fake[0].udp_queries, 1);
}

static void test_wrong_id(void **state)
{
    check_forged(state, FAKE_WRONG_ID, METRIC_UPSTREAM_BAD_ID);
}

static void test_wrong_question(void **state)
{
    check_forged(state, FAKE_WRONG_QUESTION, METRIC_UPSTREAM_BAD_SOURCE);
}

static void test_wrong_case(void **state)
{
    check_forged(state, FAKE_WRONG_CASE, METRIC_UPSTREAM_BAD_CASE);
}

static void test_garbled_then_good(void **state)
{
    check_forged(state, FAKE_GARBLES_FIRST, METRIC_UPSTREAM_GARBLED);
}

static void test_wrong_source(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_WRONG_SOURCE);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
}

static void test_garbled_always(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one_with(b, FAKE_GARBLES, 1000, 1000);
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_BOGUS);
    assert_int_equal(o.len, 0);
}

static void test_truncated_goes_tcp(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_TRUNCATES);
    for (unsigned i = 1; i <= 3; i++) {
        ask(b, "www.example.com", &o);
        assert_truth(&o);
        assert_int_equal(b->fake[0].tcp_queries, i);
    }
    assert_int_equal(b->fake[0].connections, 1);
    assert_int_equal(counted(METRIC_UPSTREAM_TRUNCATED), 3);
    /* The server ends the idle connection: the next query gets a fresh one. */
    fake_conn_close(&b->fake[0].conn[0]);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].connections, 2);
}

static void test_flood_goes_tcp(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_FLOODS);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(counted(METRIC_UPSTREAM_BAD_ID), 16);
    assert_int_equal(b->fake[0].tcp_queries, 1);
}

static void test_lowering_server(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one_with(b, FAKE_LOWERS, 1000, 15000);
    /* Forty letters: the chance that all are drawn small is none. */
    const char *name = "abcdefghijklmnopqrst.abcdefghijklmnopqrst.test";
    assert_int_equal(ask(b, name, &o), REASON_OK);
    assert_int_equal(b->fake[0].udp_queries, 1);
    assert_int_equal(b->fake[0].tcp_queries, 1);
    assert_int_equal(counted(METRIC_UPSTREAM_TIMEOUTS), 0);
    /* It is known now, and asked over TCP at once. */
    assert_int_equal(ask(b, name, &o), REASON_OK);
    assert_int_equal(b->fake[0].udp_queries, 1);
    assert_int_equal(b->fake[0].tcp_queries, 2);
}

static void test_no_edns(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_NO_EDNS);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].udp_queries, 2);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].udp_queries, 3);
    assert_int_equal(b->fake[0].plain_queries, 2);
}

/* Signatures come with EDNS alone: that one question was refused with it must not take them from all others.
 */
static void test_signatures_are_asked_for_again(void **state)
{
    struct bench *b = *state;
    struct outcome o = {0};
    struct dns_query q;
    open_one(b, FAKE_NO_EDNS);
    fake_query(&q, "www.example.com");
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    for (unsigned i = 1; i <= 2; i++) {
        assert_non_null(upstream_ask(b->upstream, &q, NULL, on_done, &o));
        fake_run(b->loop, &o.done, i);
        assert_int_equal(b->fake[0].udp_queries, 2 * i);
    }
    b->fake[0].way = FAKE_GOOD;
    assert_non_null(upstream_ask(b->upstream, &q, NULL, on_done, &o));
    fake_run(b->loop, &o.done, 3);
    assert_int_equal(b->fake[0].udp_queries, 5);
    assert_int_equal(b->fake[0].plain_queries, 2);
}

static void test_pipelined_out_of_order(void **state)
{
    struct bench *b = *state;
    struct outcome o[5];
    unsigned total = 0;
    open_one(b, FAKE_TRUNCATES);
    b->fake[0].tcp_way = FAKE_TCP_BACKWARDS;
    b->fake[0].backwards = 5;
    for (int i = 0; i < 5; i++)
        begin(b, "www.example.com", &o[i]);
    for (int i = 0; i < 5; i++) {
        fake_run(b->loop, &o[i].done, 1);
        assert_truth(&o[i]);
        total += o[i].done;
    }
    assert_int_equal(total, 5);
    assert_int_equal(b->fake[0].connections, 1);
}

static void test_tcp_closed_midway(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_TRUNCATES);
    b->fake[0].tcp_way = FAKE_TCP_CLOSES_ONCE;
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].connections, 2);
}

/* The other end has vanished: nothing comes, not even a reset. */
static void test_tcp_silent_connection_is_replaced(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one(b, FAKE_TRUNCATES);
    b->fake[0].tcp_way = FAKE_TCP_SILENT_ONCE;
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].connections, 2);
}

static void check_tcp_useless(struct bench *b, enum fake_tcp way)
{
    struct outcome o;
    open_bench(b, 2, (enum fake_way[]){FAKE_TRUNCATES, FAKE_SILENT});
    b->fake[0].tcp_way = way;
    b->conf.upstream.count = 1;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    assert_int_not_equal(ask(b, "www.example.com", &o), REASON_OK);
    /* Once more on a fresh connection, then no more. */
    assert_int_equal(b->fake[0].connections, 2);
    assert_int_equal(b->fake[0].udp_queries, 1);
}

static void test_tcp_always_closed(void **state)
{
    check_tcp_useless(*state, FAKE_TCP_CLOSES);
}

static void test_tcp_cut_frame(void **state)
{
    check_tcp_useless(*state, FAKE_TCP_CUTS);
}

static void test_error_moves_on(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 3, (enum fake_way[]){FAKE_SERVFAIL, FAKE_REFUSED, FAKE_GOOD});
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    for (int i = 0; i < 10; i++) {
        ask(b, "www.example.com", &o);
        assert_truth(&o);
    }
    assert_int_equal(counted(METRIC_UPSTREAM_TIMEOUTS), 0);
}

static void test_all_fail(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 2, (enum fake_way[]){FAKE_SERVFAIL, FAKE_REFUSED});
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_SERVFAIL);
    /* Each was asked once: an error is not asked for twice. */
    assert_int_equal(b->fake[0].udp_queries + b->fake[1].udp_queries, 2 + counted(METRIC_UPSTREAM_EXPLORED));
    b->fake[0].way = FAKE_REFUSED;
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_REFUSED);
}

static void test_silent_moves_on(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 2, (enum fake_way[]){FAKE_SILENT, FAKE_GOOD});
    b->conf.upstream.try_timeout = 50;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    for (int i = 0; i < 3; i++) {
        ask(b, "www.example.com", &o);
        assert_truth(&o);
    }
    assert_true(b->fake[0].udp_queries >= 1);
}

static void test_timeout(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one_with(b, FAKE_SILENT, 20, 1000);
    b->fake[0].tcp_way = FAKE_TCP_SILENT_ONCE;
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_TIMEOUT);
    assert_int_equal(b->fake[0].udp_queries, 3);
    assert_int_equal(b->fake[0].tcp_queries, 1);
    /* Every try counts once, the last one too. */
    assert_int_equal(counted(METRIC_UPSTREAM_TIMEOUTS), 4);
}

static void test_udp_blocked(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one_with(b, FAKE_SILENT, 20, 15000);
    ask(b, "www.example.com", &o);
    assert_truth(&o);
    assert_int_equal(b->fake[0].tcp_queries, 1);
}

/* With one socket allowed, the second lookup takes that of the first, whose time is over. */
static void test_sockets_are_bounded(void **state)
{
    struct bench *b = *state;
    struct outcome o[2];
    open_bench(b, 1, (enum fake_way[]){FAKE_SILENT});
    b->conf.upstream.try_timeout = 20;
    b->conf.upstream.total_timeout = 1000;
    b->conf.upstream.tries = 1;
    b->conf.upstream.lookups = 1;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    begin(b, "www.example.com", &o[0]);
    begin(b, "www.example.com", &o[1]);
    fake_run(b->loop, &o[1].done, 1);
    assert_int_equal(o[1].why, REASON_UPSTREAM_DEAD);
    while (counted(METRIC_UPSTREAM_TIMEOUTS) == 0)
        ev_run(b->loop, EVRUN_ONCE);
    assert_int_equal(o[0].done, 0);
    b->fake[0].way = FAKE_GOOD;
    ask(b, "www.example.com", &o[1]);
    assert_truth(&o[1]);
    fake_run(b->loop, &o[0].done, 1);
    assert_int_equal(o[0].why, REASON_UPSTREAM_TIMEOUT);
}

static void test_late_answer_counts(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_one_with(b, FAKE_LATE, 50, 15000);
    begin(b, "www.example.com", &o);
    fake_run(b->loop, &b->fake[0].udp_queries, 2);
    assert_int_equal(o.done, 0);
    /* Only the first try's answer comes, while the second waits. */
    b->fake[0].held_count = 1;
    fake_release(&b->fake[0]);
    fake_run(b->loop, &o.done, 1);
    assert_truth(&o);
}

static void test_refusing_port_moves_on(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 2, (enum fake_way[]){FAKE_GOOD, FAKE_GOOD});
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    fake_fini(&b->fake[0]);
    for (int i = 0; i < 4; i++) {
        ask(b, "www.example.com", &o);
        assert_truth(&o);
    }
    assert_int_equal(counted(METRIC_UPSTREAM_TIMEOUTS), 0);
}

static void test_nothing_reachable(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 2, (enum fake_way[]){FAKE_GOOD, FAKE_GOOD});
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    fake_fini(&b->fake[0]);
    fake_fini(&b->fake[1]);
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_DEAD);
}

static void test_no_servers(void **state)
{
    struct bench *b = *state;
    struct outcome o;
    open_bench(b, 0, NULL);
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    assert_int_equal(ask(b, "www.example.com", &o), REASON_UPSTREAM_DEAD);
}

static void test_held_server_comes_back(void **state)
{
    struct bench *b = *state;
    struct outcome o[12];
    struct upstream_state s;
    char name[32];
    open_bench(b, 1, (enum fake_way[]){FAKE_SILENT});
    b->conf.upstream.try_timeout = 20;
    b->conf.upstream.total_timeout = 600;
    b->conf.upstream.tries = 1;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    for (int i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "n%d.example.com", i);
        begin(b, name, &o[i]);
    }
    for (int i = 0; i < 12; i++)
        fake_run(b->loop, &o[i].done, 1);
    assert_int_equal(upstream_states(b->upstream, &s, 1), 1);
    assert_true(s.on_hold);
    assert_int_equal(counted(METRIC_UPSTREAM_DEAD), 1);
    /* All are on hold, so it is asked all the same, and its answer clears it. */
    b->fake[0].way = FAKE_GOOD;
    assert_int_equal(ask(b, "www.example.com", &o[0]), REASON_OK);
    upstream_states(b->upstream, &s, 1);
    assert_false(s.on_hold);
    assert_true(s.rtt_ms > 0);
}

static void change_ways(struct fake *f)
{
    /* LATE would need to be released. */
    do
        f->way = (enum fake_way)random_below(FAKE_NO_EDNS + 1);
    while (f->way == FAKE_LATE);
    f->tcp_way = (enum fake_tcp)random_below(FAKE_TCP_CUTS + 1);
    f->backwards = 2;
}

/* Everything goes wrong in every order: each lookup ends once, no forged answer gets through, nothing leaks.
 */
static void test_storm(void **state)
{
    enum { LOOKUPS = 400, AT_ONCE = 40 };
    struct bench *b = *state;
    struct outcome *o = test_calloc(LOOKUPS, sizeof *o);
    unsigned answered = 0;
    open_bench(b, 3, (enum fake_way[]){FAKE_GOOD, FAKE_GOOD, FAKE_GOOD});
    for (int i = 0; i < 3; i++)
        b->fake[i].before = change_ways;
    b->conf.upstream.try_timeout = 10;
    b->conf.upstream.total_timeout = 300;
    b->conf.upstream.lookups = 50;
    b->upstream = upstream_new(b->loop, &b->conf, NULL);
    for (int i = 0; i < LOOKUPS; i++) {
        begin(b, "www.example.com", &o[i]);
        if (i >= AT_ONCE)
            fake_run(b->loop, &o[i - AT_ONCE].done, 1);
    }
    for (int i = 0; i < LOOKUPS; i++) {
        fake_run(b->loop, &o[i].done, 1);
        if (o[i].why == REASON_OK)
            assert_truth(&o[i]);
        answered += o[i].why == REASON_OK;
    }
    assert_true(answered > 0);
    upstream_free(&b->upstream);
    for (int i = 0; i < LOOKUPS; i++)
        assert_int_equal(o[i].done, 1);
    test_free(o);
}

static void test_free_ends_lookups(void **state)
{
    struct bench *b = *state;
    struct outcome o[3];
    open_one(b, FAKE_SILENT);
    for (int i = 0; i < 3; i++)
        begin(b, "www.example.com", &o[i]);
    upstream_free(&b->upstream);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(o[i].done, 1);
        assert_int_equal(o[i].why, REASON_UPSTREAM_DEAD);
    }
}

static void test_cancel(void **state)
{
    struct bench *b = *state;
    struct outcome o = {0};
    struct dns_query q;
    open_one(b, FAKE_GOOD);
    fake_query(&q, "www.example.com");
    struct upstream_lookup *l = upstream_ask(b->upstream, &q, NULL, on_done, &o);
    upstream_cancel(&l);
    assert_null(l);
    struct outcome other;
    ask(b, "www.example.com", &other);
    assert_truth(&other);
    assert_int_equal(o.done, 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_answers),
        T(test_sends_what_was_asked),
        T(test_port_id_and_case_are_fresh),
        T(test_wrong_id),
        T(test_wrong_question),
        T(test_wrong_case),
        T(test_wrong_source),
        T(test_garbled_then_good),
        T(test_garbled_always),
        T(test_truncated_goes_tcp),
        T(test_flood_goes_tcp),
        T(test_lowering_server),
        T(test_no_edns),
        T(test_signatures_are_asked_for_again),
        T(test_pipelined_out_of_order),
        T(test_tcp_closed_midway),
        T(test_tcp_always_closed),
        T(test_tcp_cut_frame),
        T(test_error_moves_on),
        T(test_all_fail),
        T(test_silent_moves_on),
        T(test_timeout),
        T(test_late_answer_counts),
        T(test_refusing_port_moves_on),
        T(test_nothing_reachable),
        T(test_no_servers),
        T(test_held_server_comes_back),
        T(test_free_ends_lookups),
        T(test_tcp_silent_connection_is_replaced),
        T(test_cancel),
        T(test_udp_blocked),
        T(test_storm),
        T(test_sockets_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
