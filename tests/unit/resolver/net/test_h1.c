/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/1 over a socket pair: what is understood, what is refused and how, order, and the timeouts. */
#include "rig.h"

static char text[400000];

static size_t converse(struct rig *r, const char *request, bool *eof)
{
    rig_send(r, request, strlen(request));
    rig_turn(r);
    return rig_read(r, text, sizeof text, eof);
}

static unsigned occurrences(const char *needle)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, needle)); p++)
        n++;
    return n;
}

#define HOST    "Host: a\r\n"
#define CHUNKED "POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n"

static const struct exchange {
    const char *request, *status, *contains;
    bool closes;
} exchanges[] = {
    {"GET /a?b=c HTTP/1.1\r\n" HOST "\r\n", "200", "GET /a?b=c type= body=", false},
    {"\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "200", "GET /?", false},
    {"GET /a HTTP/1.1\r\n" HOST "Connection: x, Close\r\n\r\n", "200", "connection: close", true},
    {"GET /a HTTP/1.0\r\n\r\n", "200", "connection: close", true},
    {"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", "200", "connection: keep-alive", false},
    {"GET http://x.example/p?q HTTP/1.1\r\n" HOST "\r\n", "200", "GET /p?q type", false},
    {"GET HTTPS://x.example?q HTTP/1.1\r\n" HOST "\r\n", "200", "GET /?q type", false},
    {"GET https://x.example HTTP/1.1\r\n" HOST "\r\n", "200", "GET /? type", false},
    {"OPTIONS * HTTP/1.1\r\n" HOST "\r\n", "405", "allow: GET, HEAD, POST", false},
    {"PUT /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc", "405", "", false},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Type: t/u\r\nContent-Length: 3\r\n\r\nabc", "200",
     "POST /a? type=t/u body=abc", false},
    {"POST /a HTTP/1.1\r\n" HOST "content-length:0\r\n\r\n", "200", "body=", false},
    {"POST /a HTTP/1.1\r\n" HOST
     "Transfer-Encoding: Chunked\r\n\r\n3\r\nabc\r\n2;x=\"y\"\r\nde\r\n0\r\nT: v\r\n\r\n",
     "200", "body=abcde", false},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nabc", "200", "body=abc",
     false},
    {CHUNKED "3 ;x\r\nabc\r\n0 ;\r\nT: v\r\nU:\r\n\r\n", "200", "body=abc", false},
    {CHUNKED "0000000A\r\nabcdefghij\r\n00\r\n\r\n", "200", "body=abcdefghij", false},
    /* refused */
    {"\r\n\r\n\r\nGET / HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST HOST "\r\n", "400", "", true},
    {"GET /a HTTP/1.1\n" HOST "\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\nHost: a\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST "X: a\rb\r\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST "X : a\r\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST ": a\r\n\r\n", "400", "", true},
    {"GET /a HTTP/1.1\r\n" HOST "X\r\n\r\n", "400", "", true},
    {"GET  /a HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a  HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a#f HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /\x80 HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a\r\n" HOST "\r\n", "400", "", true},
    {"G@T /a HTTP/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a http/1.1\r\n" HOST "\r\n", "400", "", true},
    {"GET /a HTTP/1.12\r\n" HOST "\r\n", "400", "", true},
    {"GET /a HTTP/2.0\r\n" HOST "\r\n", "505", "", true},
    {"GET /a HTTP/1.2\r\n" HOST "\r\n", "505", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3, 3\r\n\r\nabc", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: +3\r\n\r\nabc", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\nabc", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 65536\r\n\r\n", "413", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 99999999999999999999999\r\n\r\n", "413", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400",
     "", true},
    {"POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", "501", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "400",
     "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nx\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n 1\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\nx\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", "400", "", true},
    {"POST /a HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n123456789\r\n", "400", "", true},
    {CHUNKED "00000000000000003\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "100000003\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "+3\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "-3\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "0x3\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3h\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3 \r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3\t3\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3;x\ny\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3;x\ry\r\nabc\r\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\n0\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc0\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\r\n0\r\nGET /b HTTP/1.1\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\r\n0\r\nT: v\r\n folded: w\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\r\n0\r\nT : v\r\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\r\n0\r\nT: v\n\r\n", "400", "", true},
    {CHUNKED "3\r\nabc\r\n0\r\nT: v\rw\r\n\r\n", "400", "", true},
};

static void check_exchange(const struct exchange *e, bool eof)
{
    char line[32];
    snprintf(line, sizeof line, "HTTP/1.1 %s ", e->status);
    if (strncmp(text, line, strlen(line)) != 0 || !strstr(text, e->contains) || eof != e->closes)
        fail_msg("asked:\n%s\ngot (closed: %d):\n%s", e->request, eof, text);
}

static void each_request_gets_its_answer(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
        struct rig *r = rig_new(60);
        bool eof;
        converse(r, exchanges[i].request, &eof);
        check_exchange(&exchanges[i], eof);
        rig_free(r);
    }
}

static void a_byte_at_a_time_makes_no_difference(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof exchanges / sizeof *exchanges; i++) {
        struct rig *r = rig_new(60);
        for (const char *p = exchanges[i].request; *p; p++) {
            send(r->fd, p, 1, MSG_NOSIGNAL);
            ev_run(r->loop, EVRUN_NOWAIT);
        }
        rig_turn(r);
        bool eof;
        rig_read(r, text, sizeof text, &eof);
        /* Told to go on with its body, since that was not there yet. */
        const char *after = strstr(text, "100 Continue\r\n\r\n");
        if (after)
            memmove(text, after + 16, strlen(after + 16) + 1);
        check_exchange(&exchanges[i], eof);
        rig_free(r);
    }
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    converse(r,
             "GET /1 HTTP/1.1\r\n" HOST "\r\nPOST /2 HTTP/1.1\r\n" HOST
             "Content-Length: 1\r\n\r\nxHEAD /3 HTTP/1.1\r\n" HOST "\r\nGET /4 HTTP/1.1\r\n" HOST "\r\n",
             &eof);
    assert_false(eof);
    assert_int_equal(occurrences("HTTP/1.1 200 OK"), 4);
    assert_true(strstr(text, "GET /1") < strstr(text, "POST /2"));
    assert_true(strstr(text, "POST /2") < strstr(text, "GET /4"));
    assert_null(strstr(text, "HEAD /3"));
    rig_free(r);
}

static void a_late_answer_holds_back_those_behind_it(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    r->later = true;
    converse(r, "GET /1 HTTP/1.1\r\n" HOST "\r\nGET /2 HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_int_equal(r->requests, 1);
    assert_string_equal(text, "");
    rig_answer(r, 0);
    rig_turn(r);
    rig_read(r, text, sizeof text, &eof);
    assert_non_null(strstr(text, "GET /1"));
    assert_int_equal(r->requests, 2);
    rig_answer(r, 1);
    rig_turn(r);
    rig_read(r, text, sizeof text, &eof);
    assert_non_null(strstr(text, "GET /2"));
    rig_free(r);
}

static void a_flood_of_pipelined_requests_stays_in_the_socket(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    static const char request[] = "GET /1 HTTP/1.1\r\n" HOST "\r\n";
    r->later = true;
    size_t sent = 0;
    for (int stuck = 0; stuck < 3;) {
        ssize_t n = send(r->fd, request, sizeof request - 1, MSG_NOSIGNAL);
        if (n <= 0) {
            stuck++;
            rig_turn(r);
        } else {
            sent += (size_t)n;
            /* Were it all read, this would never end. */
            assert_true(sent < 4 * 1024 * 1024);
        }
    }
    assert_int_equal(r->requests, 1);
    rig_free(r);
}

static void head_has_the_length_but_not_the_body(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    converse(r, "HEAD /abc HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_non_null(strstr(text, "content-length: 22\r\n"));
    assert_string_equal(strstr(text, "\r\n\r\n"), "\r\n\r\n");
    rig_free(r);
}

static void a_client_that_asks_may_it_send_is_told_to(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    converse(r, "POST / HTTP/1.1\r\n" HOST "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n", &eof);
    assert_string_equal(text, "HTTP/1.1 100 Continue\r\n\r\n");
    converse(r, "hi", &eof);
    assert_non_null(strstr(text, "body=hi"));
    rig_free(r);
}

static void send_target(struct rig *r, size_t len)
{
    char *target = malloc(len);
    assert_non_null(target);
    memset(target, 'a', len);
    target[0] = '/';
    rig_send(r, "GET ", 4);
    rig_send(r, target, len);
    free(target);
}

static void targets_are_bounded(void **state)
{
    (void)state;
    bool eof;
    struct rig *r = rig_new(60);
    send_target(r, HTTP_TARGET_MAX);
    converse(r, " HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_non_null(strstr(text, "200 OK"));
    rig_free(r);
    r = rig_new(60);
    send_target(r, HTTP_TARGET_MAX + 1);
    converse(r, " HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_non_null(strstr(text, " 414 "));
    assert_true(eof);
    rig_free(r);
    r = rig_new(60);
    send_target(r, HTTP_TARGET_MAX + 100); /* and no end of the line */
    converse(r, "", &eof);
    assert_non_null(strstr(text, " 414 "));
    assert_true(eof);
    rig_free(r);
}

static void fields_are_bounded(void **state)
{
    (void)state;
    static char big[6000];
    bool eof;
    struct rig *r = rig_new(60);
    memset(big, 'v', sizeof big - 1);
    rig_send(r, "GET / HTTP/1.1\r\nX: ", 19);
    converse(r, big, &eof);
    assert_non_null(strstr(text, " 431 "));
    assert_true(eof);
    rig_free(r);
    r = rig_new(60);
    rig_send(r, "GET / HTTP/1.1\r\n" HOST, 25);
    for (int i = 0; i < 100; i++)
        rig_send(r, "X:\r\n", 4);
    converse(r, "\r\n", &eof);
    assert_non_null(strstr(text, " 431 "));
    assert_true(eof);
    rig_free(r);
}

static void bodies_are_bounded(void **state)
{
    (void)state;
    static char body[65536];
    bool eof;
    memset(body, 'b', sizeof body);
    struct rig *r = rig_new(60);
    r->big = 10;
    rig_send(r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 65535\r\n\r\n", 51);
    rig_send(r, body, 65535);
    converse(r, "", &eof);
    assert_non_null(strstr(text, "200 OK"));
    assert_int_equal(r->last_body, 65535);
    rig_free(r);
    r = rig_new(60);
    rig_send(r, "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n10000\r\n", 64);
    rig_send(r, body, 65536);
    converse(r, "\r\n0\r\n\r\n", &eof);
    assert_non_null(strstr(text, " 413 "));
    assert_true(eof);
    assert_int_equal(r->requests, 0);
    rig_free(r);
}

static void a_long_answer_arrives_whole(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    r->big = 250000;
    converse(r, "GET / HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_false(eof);
    const char *body = strstr(text, "\r\n\r\n");
    assert_non_null(body);
    assert_int_equal(strlen(body + 4), 250000);
    rig_free(r);
}

static void a_client_that_has_shut_its_side_still_gets_its_answer(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    r->later = true;
    rig_send(r, "GET / HTTP/1.1\r\n" HOST "\r\n", 27);
    shutdown(r->fd, SHUT_WR);
    rig_turn(r);
    rig_answer(r, 0);
    rig_turn(r);
    rig_read(r, text, sizeof text, &eof);
    assert_non_null(strstr(text, "200 OK"));
    assert_true(eof);
    assert_int_equal(r->ended, 1);
    rig_free(r);
}

static void an_answer_without_its_connection_is_thrown_away(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    r->later = true;
    rig_send(r, "GET / HTTP/1.1\r\n" HOST "\r\n", 27);
    rig_turn(r);
    conn_set_fini(&r->set);
    assert_int_equal(r->ended, 1);
    rig_free(r); /* answers, and checks that nothing is left */
}

static void until_ended(struct rig *r)
{
    while (r->ended == 0)
        ev_run(r->loop, EVRUN_ONCE);
}

static void half_a_request_times_out_with_408(void **state)
{
    (void)state;
    struct rig *r = rig_new(0.05);
    bool eof = false;
    text[0] = 0;
    rig_send(r, "POST / HTTP/1.1\r\n" HOST "Content-Length: 10\r\n\r\nabc", 50);
    while (!eof) {
        ev_run(r->loop, EVRUN_ONCE);
        rig_read(r, text + strlen(text), 1000, &eof);
    }
    assert_non_null(strstr(text, " 408 "));
    close(r->fd);
    r->fd = -1;
    until_ended(r);
    rig_free(r);
}

static void an_idle_connection_closes_without_a_word(void **state)
{
    (void)state;
    struct rig *r = rig_new(0.05);
    bool eof;
    converse(r, "GET / HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_false(eof);
    while (!eof) {
        ev_run(r->loop, EVRUN_ONCE);
        assert_int_equal(rig_read(r, text, sizeof text, &eof), 0);
    }
    rig_free(r);
}

static void a_client_that_does_not_read_is_dropped(void **state)
{
    (void)state;
    struct rig *r = rig_new(0.05);
    uint64_t before = metric_page->value[METRIC_CONN_TIMEOUT_WRITE];
    int small = 4096;
    setsockopt(r->fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
    r->big = 300000;
    for (int i = 0; i < 10; i++)
        rig_send(r, "GET / HTTP/1.1\r\n" HOST "\r\n", 27);
    until_ended(r);
    assert_int_equal(metric_page->value[METRIC_CONN_TIMEOUT_WRITE], before + 1);
    rig_free(r);
}

static void draining_closes_after_the_answer(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    conn_set_drain(&r->set, false);
    rig_turn(r);
    assert_int_equal(r->set.count, 1); /* it has not asked yet */
    converse(r, "GET / HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_non_null(strstr(text, "connection: close"));
    assert_true(eof);
    rig_free(r);
}

static void draining_ends_idle_connections(void **state)
{
    (void)state;
    struct rig *r = rig_new(60);
    bool eof;
    converse(r, "GET / HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_false(eof);
    conn_set_drain(&r->set, false);
    rig_turn(r);
    rig_read(r, text, sizeof text, &eof);
    assert_true(eof);
    rig_free(r);
}

/* Pipelined requests of two clients through one proxy; and what others write into the header. */
static void a_request_comes_from_whom_the_proxy_says(void **state)
{
    (void)state;
    static struct ip_net trusted;
    bool eof;
    assert_true(ip_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted));
    assert_true(ip_parse(BYTES_LIT("10.0.0.1"), &rig_peer));
    rig_proxies = (struct proxies){.trusted = &trusted, .trusted_count = 1};
    struct rig *r = rig_new(60);
    converse(r,
             "GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: 6.6.6.6\r\nForwarded: for=9.9.9.9\r\n"
             "x-forwarded-for: 192.0.2.1, 10.9.9.9\r\n\r\n",
             &eof);
    assert_string_equal(r->last_client, "192.0.2.1");
    converse(r, "GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: 2001:db8::1\r\n\r\n", &eof);
    assert_string_equal(r->last_client, "2001:db8::1");
    converse(r, "GET /a HTTP/1.1\r\n" HOST "\r\n", &eof);
    assert_string_equal(r->last_client, "");
    assert_int_equal(r->requests, 3);
    rig_free(r);

    assert_true(ip_parse(BYTES_LIT("192.0.2.77"), &rig_peer));
    uint64_t ignored = metric_page->value[METRIC_FORWARDED_IGNORED];
    r = rig_new(60);
    converse(r, "GET /a HTTP/1.1\r\n" HOST "X-Forwarded-For: 6.6.6.6\r\n\r\n", &eof);
    assert_string_equal(r->last_client, "192.0.2.77");
    assert_int_equal(metric_page->value[METRIC_FORWARDED_IGNORED], ignored + 1);
    rig_free(r);
    rig_peer = (struct ip){0};
    rig_proxies = (struct proxies){0};
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_gets_its_answer),
        cmocka_unit_test(a_byte_at_a_time_makes_no_difference),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_late_answer_holds_back_those_behind_it),
        cmocka_unit_test(a_flood_of_pipelined_requests_stays_in_the_socket),
        cmocka_unit_test(head_has_the_length_but_not_the_body),
        cmocka_unit_test(a_client_that_asks_may_it_send_is_told_to),
        cmocka_unit_test(a_request_comes_from_whom_the_proxy_says),
        cmocka_unit_test(targets_are_bounded),
        cmocka_unit_test(fields_are_bounded),
        cmocka_unit_test(bodies_are_bounded),
        cmocka_unit_test(a_long_answer_arrives_whole),
        cmocka_unit_test(a_client_that_has_shut_its_side_still_gets_its_answer),
        cmocka_unit_test(an_answer_without_its_connection_is_thrown_away),
        cmocka_unit_test(half_a_request_times_out_with_408),
        cmocka_unit_test(an_idle_connection_closes_without_a_word),
        cmocka_unit_test(a_client_that_does_not_read_is_dropped),
        cmocka_unit_test(draining_closes_after_the_answer),
        cmocka_unit_test(draining_ends_idle_connections),
    };
    return cmocka_run_group_tests_name("h1", tests, NULL, NULL);
}
