/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Upstream sockets: a port of its own for a question alone, ports shared by many at once, answers to those
 * who asked, and what becomes of errors and of what nobody asked for. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/base/metric.h"
#include "resolver/udp.h"

enum { MANY = 400, LEAST = 12, AGAIN = 200 };

struct asker {
    struct udp_query q;
    unsigned replies, failures;
    bool keep; /* does not close when it gets a reply */
    bool open;
    struct scene *again; /* asked anew as asker AGAIN further on when it fails */
};

struct scene {
    struct udp udp;
    union sock_addr server;
    int fd;
    struct asker asker[MANY];
    in_port_t port[MANY]; /* that each question came from */
    union sock_addr from[MANY];
    unsigned seen;
};

static struct asker *asker_of(struct udp_query *q)
{
    return holder_of(q, struct asker, q);
}

static void close_asker(struct asker *a)
{
    a->open = false;
    udp_close(&a->q);
}

static void on_reply(struct udp_query *q, uint8_t *reply, size_t len)
{
    struct asker *a = asker_of(q);
    assert_true(len >= 2);
    (void)reply;
    a->replies++;
    if (!a->keep)
        close_asker(a);
}

static int ask(struct scene *s, unsigned i, uint16_t id);

static void on_failed(struct udp_query *q, int error)
{
    struct asker *a = asker_of(q);
    assert_int_equal(error, a->again ? EPIPE : ECONNREFUSED);
    a->failures++;
    close_asker(a);
    if (a->again)
        assert_int_equal(ask(a->again, (unsigned)(a - a->again->asker) + AGAIN, q->id), 0);
}

static int setup(void **state)
{
    struct scene *s = calloc(1, sizeof *s);
    assert_non_null(s);
    udp_init(&s->udp, ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL), MANY);
    s->server.in = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    socklen_t len = sizeof s->server.in;
    assert_int_equal(setsockopt(s->fd, SOL_SOCKET, SO_RCVBUF, &(int){1 << 20}, sizeof(int)), 0);
    assert_int_equal(bind(s->fd, &s->server.sa, len), 0);
    assert_int_equal(getsockname(s->fd, &s->server.sa, &len), 0);
    *state = s;
    return 0;
}

static int teardown(void **state)
{
    struct scene *s = *state;
    for (int i = 0; i < MANY; i++)
        if (s->asker[i].open)
            close_asker(&s->asker[i]);
    assert_int_equal(s->udp.open, 0);
    /* No socket outlives its queries. */
    for (int i = 0; i < UDP_SERVERS; i++)
        for (int k = 0; k < UDP_POOL; k++)
            assert_null(s->udp.pool[i].socket[k]);
    if (s->fd >= 0)
        close(s->fd);
    udp_fini(&s->udp);
    ev_loop_destroy(s->udp.loop);
    free(s);
    return 0;
}

static int ask(struct scene *s, unsigned i, uint16_t id)
{
    uint8_t message[LEAST] = {(uint8_t)(id >> 8), (uint8_t)id};
    struct asker *a = &s->asker[i];
    *a = (struct asker){.q = {.reply = on_reply, .failed = on_failed}, .keep = a->keep};
    int error = udp_send(&s->udp, &a->q, &s->server, bytes_of(message, sizeof message));
    a->open = error == 0;
    return error;
}

/* Takes what has come to the server by the end of the turn; by order of coming, not of asking. */
static void take(struct scene *s)
{
    ev_run(s->udp.loop, EVRUN_NOWAIT);
    uint8_t message[64];
    socklen_t len = sizeof s->from[0];
    while (s->seen < MANY &&
           recvfrom(s->fd, message, sizeof message, 0, &s->from[s->seen].sa, &len) == LEAST) {
        s->port[s->seen] = s->from[s->seen].in.sin_port;
        s->seen++;
    }
}

static void answer(struct scene *s, unsigned seen, uint16_t id)
{
    uint8_t message[LEAST] = {(uint8_t)(id >> 8), (uint8_t)id, 0x80};
    assert_int_equal(sendto(s->fd, message, sizeof message, 0, &s->from[seen].sa, sizeof s->from[seen].in),
                     LEAST);
}

static void turn(struct scene *s)
{
    for (int i = 0; i < 8; i++)
        ev_run(s->udp.loop, EVRUN_NOWAIT);
}

static unsigned distinct(const in_port_t *port, unsigned n)
{
    unsigned count = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned k = 0;
        while (port[k] != port[i])
            k++;
        count += k == i;
    }
    return count;
}

static void one_after_the_other_each_has_its_port(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < 40; i++) {
        assert_int_equal(ask(s, i, (uint16_t)i), 0);
        take(s);
        answer(s, i, (uint16_t)i);
        turn(s);
        assert_int_equal(s->asker[i].replies, 1);
    }
    assert_true(distinct(s->port, 40) > 36);
}

static void many_at_once_share(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(ask(s, i, (uint16_t)(i * 7)), 0);
    take(s);
    assert_int_equal(s->seen, 300);
    assert_in_range(distinct(s->port, 300), UDP_POOL / 2, 100);
    for (unsigned i = 300; i-- > 0;)
        answer(s, i, (uint16_t)(i * 7));
    turn(s);
    turn(s);
    for (unsigned i = 0; i < 300; i++)
        assert_int_equal(s->asker[i].replies, 1);
}

static void same_id_never_twice_from_one_port(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < 100; i++)
        assert_int_equal(ask(s, i, 77), 0);
    take(s);
    assert_int_equal(distinct(s->port, 100), 100);
}

static void no_more_than_may_be_open(void **state)
{
    struct scene *s = *state;
    s->udp.max = 3;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(ask(s, i, (uint16_t)i), 0);
    assert_int_equal(ask(s, 3, 3), EMFILE);
}

/* From a port that more than one was sent from: the index of the first and of another one. */
static void shared_port(struct scene *s, unsigned *one, unsigned *other)
{
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(ask(s, i, (uint16_t)i), 0);
    take(s);
    for (*one = 0; *one < 200; ++*one)
        for (*other = *one + 1; *other < 200; ++*other)
            if (s->port[*one] == s->port[*other])
                return;
    fail_msg("no port was shared");
}

static void a_foreign_id_goes_to_the_oldest_and_a_late_one_to_nobody(void **state)
{
    struct scene *s = *state;
    unsigned one, other;
    shared_port(s, &one, &other);
    s->asker[one].keep = true;
    answer(s, one, 60000);
    turn(s);
    assert_int_equal(s->asker[one].replies, 1);
    assert_int_equal(s->asker[other].replies, 0);
    answer(s, other, (uint16_t)other);
    turn(s);
    assert_int_equal(s->asker[other].replies, 1);
    answer(s, other, (uint16_t)other); /* again, and it is gone */
    turn(s);
    assert_int_equal(s->asker[one].replies, 1);
}

static void a_closed_port_fails_all_who_wait(void **state)
{
    struct scene *s = *state;
    unsigned one, other;
    shared_port(s, &one, &other);
    close(s->fd);
    s->fd = -1;
    /* Each finds out by its own or by a later datagram; all are told. */
    for (unsigned i = 200; i < 399; i++)
        ask(s, i, (uint16_t)i);
    turn(s);
    turn(s);
    assert_int_equal(s->asker[one].failures + s->asker[other].failures, s->asker[one].failures * 2);
}

static void what_is_asked_in_a_turn_goes_at_its_end(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < 10; i++)
        assert_int_equal(ask(s, i, (uint16_t)i), 0);
    uint8_t message[64];
    assert_int_equal(recv(s->fd, message, sizeof message, 0), -1);
    close_asker(&s->asker[3]); /* nobody waits for it any more */
    take(s);
    assert_int_equal(s->seen, 9);
}

/* As if the network had gone after they were made. */
static void shut_all_sockets_to(const union sock_addr *server)
{
    for (int fd = 3; fd < 256; fd++) {
        union sock_addr peer = {0};
        socklen_t len = sizeof peer;
        if (getpeername(fd, &peer.sa, &len) == 0 && sock_addr_equal(&peer, server))
            assert_int_equal(shutdown(fd, SHUT_WR), 0);
    }
}

static void what_cannot_be_sent_may_be_asked_anew_at_once(void **state)
{
    struct scene *s = *state;
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        assert_int_equal(ask(s, i, (uint16_t)i), 0);
        s->asker[i].again = s;
    }
    shut_all_sockets_to(&s->server);
    turn(s);
    take(s);
    assert_int_equal(s->seen, UDP_BATCH);
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        assert_int_equal(s->asker[i].failures, 1);
        assert_int_equal(s->asker[i + AGAIN].failures, 0);
        assert_true(s->asker[i + AGAIN].open);
    }
}

int main(void)
{
#define T(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(one_after_the_other_each_has_its_port),
        T(many_at_once_share),
        T(same_id_never_twice_from_one_port),
        T(no_more_than_may_be_open),
        T(a_foreign_id_goes_to_the_oldest_and_a_late_one_to_nobody),
        T(a_closed_port_fails_all_who_wait),
        T(what_is_asked_in_a_turn_goes_at_its_end),
        T(what_cannot_be_sent_may_be_asked_anew_at_once),
    };
    return cmocka_run_group_tests_name("udp", tests, NULL, NULL);
}
