/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fronts on real sockets: limits, running out of descriptors, draining; and the sockets and counters beneath.
 */
#include "rig.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "resolver/net/census.h"
#include "resolver/net/listener.h"
#include "resolver/net/sock.h"

struct scene {
    struct ev_loop *loop;
    struct front *front;
    struct http_handler handler;
    union sock_addr address;
    int listener;
    bool drained;
    struct http_stream *waiting;
    bool later;
};

static void on_request(void *self, struct http_stream *s, const struct http_request *r)
{
    (void)r;
    struct scene *t = self;
    if (t->later)
        t->waiting = s;
    else
        http_fail(s, REASON_HTTP_NOT_FOUND, NULL);
}

static struct scene *scene_limited(const char *address, const struct front_limits *limits)
{
    struct scene *t = calloc(1, sizeof *t);
    t->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    t->handler = (struct http_handler){.self = t, .request = on_request};
    assert_true(sock_addr_parse(bytes_str(address), 1, &t->address));
    t->address.in.sin_port = 0;
    t->listener = sock_listen(&t->address, true);
    assert_true(t->listener >= 0);
    socklen_t len = sizeof t->address;
    assert_int_equal(getsockname(t->listener, &t->address.sa, &len), 0);
    t->front = front_new(t->loop, limits);
    assert_non_null(t->front);
    assert_true(front_listen(t->front, t->listener, &(struct http_service){.handler = &t->handler}));
    return t;
}

static struct front_limits limits_of(unsigned connections, unsigned per_prefix)
{
    return (struct front_limits){.streams = 10,
                                 .header_list = 4096,
                                 .idle_timeout = 60,
                                 .read_timeout = 60,
                                 .write_timeout = 60,
                                 .connections = connections,
                                 .connections_per_prefix = per_prefix};
}

static struct scene *scene_new(const char *address, unsigned connections, unsigned per_prefix)
{
    struct front_limits limits = limits_of(connections, per_prefix);
    return scene_limited(address, &limits);
}

static void scene_free(struct scene *t)
{
    front_free(&t->front);
    assert_null(t->front);
    close(t->listener);
    ev_loop_destroy(t->loop);
    free(t);
}

static int dial_from(struct scene *t, const char *source)
{
    int fd = socket(t->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    union sock_addr from;
    assert_true(sock_addr_parse(bytes_str(source), 1, &from));
    from.in.sin_port = 0;
    assert_int_equal(bind(fd, &from.sa, sock_addr_len(&from)), 0);
    assert_int_equal(connect(fd, &t->address.sa, sock_addr_len(&t->address)), 0);
    return fd;
}

static void turn(struct scene *t)
{
    for (int i = 0; i < 8; i++)
        ev_run(t->loop, EVRUN_NOWAIT);
}

/* Refused connections are closed without a word. */
static bool refused(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) == 0 || errno == ECONNRESET;
}

static void one_prefix_cannot_take_all(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 5, 2);
    uint64_t before = metric_page->value[METRIC_CONN_REFUSED_PREFIX];
    int fd[4];
    for (int i = 0; i < 3; i++)
        fd[i] = dial_from(t, "127.0.0.2");
    fd[3] = dial_from(t, "127.0.0.3");
    turn(t);
    assert_int_equal(front_connections(t->front), 3);
    assert_false(refused(fd[0]));
    assert_true(refused(fd[2]));
    assert_false(refused(fd[3]));
    assert_int_equal(metric_page->value[METRIC_CONN_REFUSED_PREFIX], before + 1);
    /* A place that is left can be taken again. */
    close(fd[0]);
    turn(t);
    fd[0] = dial_from(t, "127.0.0.2");
    turn(t);
    assert_int_equal(front_connections(t->front), 3);
    for (int i = 0; i < 4; i++)
        close(fd[i]);
    turn(t);
    assert_int_equal(front_connections(t->front), 0);
    scene_free(t);
}

static void a_trusted_proxy_is_not_one_client(void **state)
{
    (void)state;
    struct front_limits limits = limits_of(100, 2);
    struct ip_net trusted;
    limits.connection_rate = 1;
    assert_true(ip_net_parse(BYTES_LIT("127.0.0.2"), &trusted));
    struct scene *t = scene_limited("127.0.0.1", &limits);
    front_trust(t->front, &(struct proxies){.trusted = &trusted, .trusted_count = 1});
    int fd[20];
    for (int i = 0; i < 20; i++)
        fd[i] = dial_from(t, "127.0.0.2");
    turn(t);
    assert_int_equal(front_connections(t->front), 20);
    for (int i = 0; i < 20; i++)
        close(fd[i]);
    turn(t);
    for (int i = 0; i < 3; i++)
        fd[i] = dial_from(t, "127.0.0.3");
    turn(t);
    assert_int_equal(front_connections(t->front), 2);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    scene_free(t);
}

static void the_oldest_idle_one_makes_room(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 2, 10);
    uint64_t before = metric_page->value[METRIC_CONN_EVICTED];
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = dial_from(t, "127.0.0.1");
        turn(t);
    }
    assert_int_equal(front_connections(t->front), 2);
    assert_int_equal(metric_page->value[METRIC_CONN_EVICTED], before + 1);
    assert_true(refused(fd[0]));
    assert_false(refused(fd[1]));
    assert_false(refused(fd[2]));
    scene_free(t);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
}

static void ask(int fd)
{
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 0), 27);
}

/* Whoever waits for us is not idle, and is not thrown out for a newcomer. */
static void all_together_are_bounded(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 1, 10);
    uint64_t before = metric_page->value[METRIC_CONN_REFUSED_CAP];
    t->later = true;
    int first = dial_from(t, "127.0.0.1");
    ask(first);
    while (!t->waiting)
        ev_run(t->loop, EVRUN_ONCE);
    int second = dial_from(t, "127.0.0.1");
    turn(t);
    assert_int_equal(front_connections(t->front), 1);
    assert_int_equal(metric_page->value[METRIC_CONN_REFUSED_CAP], before + 1);
    assert_true(refused(second));
    assert_false(refused(first));
    http_fail(t->waiting, REASON_HTTP_NOT_FOUND, NULL);
    scene_free(t);
    close(first);
    close(second);
}

/* A slow request is worth less than a newcomer where nobody is idle. */
static void a_slow_one_makes_room_where_none_is_idle(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 1, 10);
    int slow = dial_from(t, "127.0.0.1");
    assert_int_equal(send(slow, "GET / HT", 8, 0), 8);
    turn(t);
    int other = dial_from(t, "127.0.0.1");
    turn(t);
    assert_int_equal(front_connections(t->front), 1);
    assert_false(refused(other));
    scene_free(t);
    close(slow);
    close(other);
}

static void connections_have_a_rate(void **state)
{
    (void)state;
    struct front_limits limits = limits_of(100, 100);
    limits.connection_rate = 1; /* so ten at once */
    struct scene *t = scene_limited("127.0.0.1", &limits);
    uint64_t before = metric_page->value[METRIC_CONN_REFUSED_RATE];
    int fd[12];
    for (int i = 0; i < 12; i++)
        fd[i] = dial_from(t, i < 11 ? "127.0.0.2" : "127.0.0.3");
    turn(t);
    assert_int_equal(front_connections(t->front), 11);
    assert_int_equal(metric_page->value[METRIC_CONN_REFUSED_RATE], before + 1);
    assert_false(refused(fd[11]));
    for (int i = 0; i < 12; i++)
        close(fd[i]);
    scene_free(t);
}

/* The answer to a request, as text. */
static void answer_of(struct scene *t, int fd, char text[500])
{
    ssize_t n;
    ask(fd);
    while ((n = recv(fd, text, 499, MSG_DONTWAIT)) < 0)
        ev_run(t->loop, EVRUN_ONCE);
    text[n] = 0;
}

static void requests_have_a_rate(void **state)
{
    (void)state;
    struct front_limits limits = limits_of(10, 10);
    limits.query_rate = 1;
    struct scene *t = scene_limited("127.0.0.1", &limits);
    int fd = dial_from(t, "127.0.0.2"), other = dial_from(t, "127.0.0.3");
    char text[500];
    for (int i = 0; i < 10; i++) {
        answer_of(t, fd, text);
        assert_non_null(strstr(text, "HTTP/1.1 404 "));
    }
    answer_of(t, fd, text);
    assert_non_null(strstr(text, "HTTP/1.1 429 Too Many Requests\r\n"));
    assert_non_null(strstr(text, "\r\nretry-after: 5\r\n"));
    answer_of(t, other, text);
    assert_non_null(strstr(text, "HTTP/1.1 404 "));
    close(fd);
    close(other);
    scene_free(t);
}

static void connections_are_spent(void **state)
{
    (void)state;
    struct front_limits limits = limits_of(10, 10);
    limits.requests = 3;
    struct scene *t = scene_limited("127.0.0.1", &limits);
    uint64_t before = metric_page->value[METRIC_CONN_SPENT];
    int fd = dial_from(t, "127.0.0.1");
    char text[500];
    for (int i = 1; i <= 3; i++) {
        answer_of(t, fd, text);
        assert_int_equal(strstr(text, "connection: close") != NULL, i == 3);
    }
    assert_int_equal(metric_page->value[METRIC_CONN_SPENT], before + 1);
    close(fd);
    turn(t);
    scene_free(t);
}

/* With more than nine in ten places taken, each connection is good for one request. */
static void short_places_are_given_up_sooner(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 10, 10);
    int fd[10];
    char text[500];
    for (int i = 0; i < 10; i++) {
        fd[i] = dial_from(t, "127.0.0.1");
        if (i == 8) {
            answer_of(t, fd[0], text);
            assert_non_null(strstr(text, "connection: keep-alive"));
        }
    }
    turn(t);
    answer_of(t, fd[0], text);
    assert_non_null(strstr(text, "connection: close"));
    for (int i = 0; i < 10; i++)
        close(fd[i]);
    turn(t);
    scene_free(t);
}

static void running_out_of_descriptors_only_delays(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 10, 10);
    struct rlimit was, low;
    int fd = dial_from(t, "127.0.0.1");
    getrlimit(RLIMIT_NOFILE, &was);
    low = was;
    low.rlim_cur = (rlim_t)fd + 1;
    int filler[64], fillers = 0;
    setrlimit(RLIMIT_NOFILE, &low);
    while (fillers < 64 && (filler[fillers] = dup(fd)) >= 0)
        fillers++;
    turn(t);
    assert_int_equal(front_connections(t->front), 0);
    setrlimit(RLIMIT_NOFILE, &was);
    while (front_connections(t->front) == 0)
        ev_run(t->loop, EVRUN_ONCE);
    while (fillers)
        close(filler[--fillers]);
    close(fd);
    scene_free(t);
}

static void on_drained(void *self)
{
    struct scene *t = self;
    t->drained = true;
    front_free(&t->front); /* which must be allowed here */
}

static void draining_an_empty_front_is_told_from_the_loop(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 10, 10);
    front_drain(t->front, on_drained, t);
    assert_false(t->drained);
    turn(t);
    assert_true(t->drained);
    scene_free(t);
}

static void draining_waits_for_answers_and_accepts_no_more(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 10, 10);
    char text[500];
    t->later = true;
    int fd = dial_from(t, "127.0.0.1");
    assert_int_equal(send(fd, "GET / HTTP/1.1\r\nHost: a\r\n\r\n", 27, 0), 27);
    while (!t->waiting)
        ev_run(t->loop, EVRUN_ONCE);
    front_drain(t->front, on_drained, t);
    int late = dial_from(t, "127.0.0.1");
    turn(t);
    assert_int_equal(front_connections(t->front), 1);
    assert_false(t->drained);
    http_fail(t->waiting, REASON_HTTP_NOT_FOUND, NULL);
    turn(t);
    ssize_t n = recv(fd, text, sizeof text - 1, 0);
    assert_true(n > 0);
    text[n] = 0;
    assert_non_null(strstr(text, "connection: close"));
    close(fd);
    while (!t->drained)
        ev_run(t->loop, EVRUN_ONCE);
    close(late);
    scene_free(t);
}

static void a_silent_client_cannot_hold_up_draining(void **state)
{
    (void)state;
    struct scene *t = scene_new("127.0.0.1", 10, 10);
    int fd = dial_from(t, "127.0.0.1");
    assert_int_equal(send(fd, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33, 0), 33);
    turn(t);
    front_drain(t->front, on_drained, t);
    while (!t->drained)
        ev_run(t->loop, EVRUN_ONCE);
    close(fd);
    scene_free(t);
}

static void unix_sockets_have_no_prefix(void **state)
{
    (void)state;
    char dir[] = "/tmp/polynya-front-XXXXXX";
    assert_non_null(mkdtemp(dir));
    union sock_addr a = {.un.sun_family = AF_UNIX};
    snprintf(a.un.sun_path, sizeof a.un.sun_path, "%s/s", dir);
    struct scene *t = scene_new("127.0.0.1", 10, 1);
    int listener = sock_listen(&a, false);
    assert_true(listener >= 0);
    struct stat st;
    assert_int_equal(stat(a.un.sun_path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_true(front_listen(t->front, listener, &(struct http_service){.handler = &t->handler}));
    int fd[3];
    for (int i = 0; i < 3; i++) {
        fd[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(fd[i], &a.sa, sock_addr_len(&a)), 0);
    }
    turn(t);
    assert_int_equal(front_connections(t->front), 3);
    /* A live socket is not replaced, a dead one is. */
    assert_int_equal(sock_listen(&a, false), -1);
    assert_int_equal(errno, EADDRINUSE);
    scene_free(t);
    close(listener);
    for (int i = 0; i < 3; i++)
        close(fd[i]);
    listener = sock_listen(&a, false);
    assert_true(listener >= 0);
    close(listener);
    unlink(a.un.sun_path);
    rmdir(dir);
}

static void prefixes_are_what_they_should_be(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        bool same;
    } rows[] = {{"192.0.2.1", "192.0.2.1", true},          {"192.0.2.1", "192.0.2.2", false},
                {"2001:db8::1", "2001:db8::ffff:1", true}, {"2001:db8:0:1::1", "2001:db8:0:2::1", false},
                {"192.0.2.1", "::ffff:192.0.2.1", true},   {"0.0.0.1", "0:1::", false}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct census *c = census_new(10);
        union sock_addr a, b;
        assert_true(sock_addr_parse(bytes_str(rows[i].a), 1, &a));
        assert_true(sock_addr_parse(bytes_str(rows[i].b), 1, &b));
        struct ip ip_a = sock_addr_ip(&a), ip_b = sock_addr_ip(&b);
        struct census_entry *first = census_enter(c, &ip_a, 1), *second = census_enter(c, &ip_b, 1);
        assert_non_null(first);
        assert_int_equal(second == NULL, rows[i].same);
        census_leave(c, first);
        if (second)
            census_leave(c, second);
        census_free(&c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_prefix_cannot_take_all),
        cmocka_unit_test(a_trusted_proxy_is_not_one_client),
        cmocka_unit_test(the_oldest_idle_one_makes_room),
        cmocka_unit_test(all_together_are_bounded),
        cmocka_unit_test(a_slow_one_makes_room_where_none_is_idle),
        cmocka_unit_test(connections_have_a_rate),
        cmocka_unit_test(requests_have_a_rate),
        cmocka_unit_test(connections_are_spent),
        cmocka_unit_test(short_places_are_given_up_sooner),
        cmocka_unit_test(running_out_of_descriptors_only_delays),
        cmocka_unit_test(draining_an_empty_front_is_told_from_the_loop),
        cmocka_unit_test(draining_waits_for_answers_and_accepts_no_more),
        cmocka_unit_test(a_silent_client_cannot_hold_up_draining),
        cmocka_unit_test(unix_sockets_have_no_prefix),
        cmocka_unit_test(prefixes_are_what_they_should_be),
    };
    return cmocka_run_group_tests_name("listener", tests, NULL, NULL);
}
