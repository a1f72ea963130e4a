/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A DNS server that misbehaves as told, on UDP and TCP of one free loopback port, in the tests' own loop.
 *
 * Its truth about every name: one A record, 192.0.2.1, TTL 300. Nothing is left when fake_fini returns. */
#ifndef POLYNYA_TESTS_FAKE_DNS_H
#define POLYNYA_TESTS_FAKE_DNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <ev.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/address.h"
#include "data/base/metric.h"
#include "data/conf/conf.h"
#include "data/dns/msg.h"

enum fake_way {
    FAKE_GOOD,
    FAKE_SILENT,
    FAKE_LATE,      /* answers when fake_release is called */
    FAKE_TRUNCATES, /* over UDP */
    FAKE_WRONG_ID,  /* first a forged reply, then the right one */
    FAKE_WRONG_QUESTION,
    FAKE_WRONG_CASE,
    FAKE_WRONG_SOURCE,
    FAKE_GARBLES_FIRST,
    FAKE_GARBLES, /* always */
    FAKE_LOWERS,  /* answers with the name in lower case, always */
    FAKE_FLOODS,  /* twenty wrong replies over UDP; TCP is fine */
    FAKE_SERVFAIL,
    FAKE_REFUSED,
    FAKE_NO_EDNS /* FORMERR with a bare header to any query with an OPT */
};
/* What it does to TCP connections. */
enum fake_tcp {
    FAKE_TCP_GOOD,
    FAKE_TCP_SILENT_ONCE,
    FAKE_TCP_CLOSES_ONCE,
    FAKE_TCP_CLOSES,
    FAKE_TCP_BACKWARDS,
    FAKE_TCP_CUTS
};

enum { FAKE_CONNS = 32, FAKE_SEEN = 64, FAKE_HELD = 8 };

struct fake;

struct fake_conn {
    struct ev_io io;
    struct fake *fake;
    bool open;
    uint8_t in[8192];
    size_t in_len;
    uint8_t held[4096]; /* answers kept back to be sent in reverse */
    size_t held_len;
    unsigned held_count;
};

struct fake {
    struct ev_loop *loop;
    struct ev_io udp, tcp;
    union sock_addr address;
    enum fake_way way;
    enum fake_tcp tcp_way;
    void (*before)(struct fake *f); /* called before each query is handled, may change the ways */
    unsigned backwards;             /* queries to collect for FAKE_TCP_BACKWARDS */
    unsigned udp_queries, tcp_queries, connections, plain_queries;
    uint16_t ports[FAKE_SEEN], ids[FAKE_SEEN];
    uint8_t last[512];
    size_t last_len;
    struct {
        uint8_t reply[1024];
        size_t len;
        union sock_addr to;
    } held[FAKE_HELD];
    unsigned held_count;
    struct fake_conn conn[FAKE_CONNS];
};

static inline size_t fake_question_end(const uint8_t *query, size_t len)
{
    size_t at = DNS_HEADER;
    assert_true(name_skip(bytes_of(query, len), &at));
    return at + 4;
}

/* The truth, in the case as asked. */
static inline size_t fake_answer(const uint8_t *query, size_t len, uint8_t out[1024])
{
    static const uint8_t record[] = {0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1};
    size_t end = fake_question_end(query, len);
    memcpy(out, query, end);
    put_u16(out + 2, DNS_QR | DNS_RD | DNS_RA);
    put_u16(out + 6, 1);
    put_u16(out + 8, 0);
    put_u16(out + 10, 0);
    memcpy(out + end, record, sizeof record);
    return end + sizeof record;
}

static inline size_t fake_error(const uint8_t *query, size_t len, unsigned rcode, uint8_t out[1024])
{
    size_t end = fake_question_end(query, len);
    memcpy(out, query, end);
    put_u16(out + 2, (uint16_t)(DNS_QR | DNS_RD | DNS_RA | rcode));
    memset(out + 6, 0, 6);
    return end;
}

static inline void fake_change_case(uint8_t *message, size_t end, bool lower)
{
    for (size_t i = DNS_HEADER; i < end - 4; i++) {
        uint8_t small = message[i] | 0x20;
        if (small >= 'a' && small <= 'z')
            message[i] = lower ? small : message[i] ^ 0x20;
    }
}

static inline void fake_udp_send(struct fake *f, const uint8_t *reply, size_t len, const union sock_addr *to)
{
    /* The asker may have closed its socket long ago. */
    if (sendto(f->udp.fd, reply, len, 0, &to->sa, sock_addr_len(to)) < 0)
        assert_int_not_equal(errno, EBADF);
}

static inline void fake_send_elsewhere(const uint8_t *reply, size_t len, const union sock_addr *to)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(sendto(fd, reply, len, 0, &to->sa, sock_addr_len(to)) > 0);
    close(fd);
}

static inline void fake_udp_query(struct fake *f, const uint8_t *query, size_t len,
                                  const union sock_addr *from)
{
    uint8_t reply[1024], forged[1024];
    size_t end = fake_question_end(query, len);
    size_t n = fake_answer(query, len, reply);
    memcpy(forged, reply, n);
    forged[n - 1] = 66; /* another address: a forged answer is seen if it is believed */
    switch (f->way) {
    case FAKE_GOOD:
        break;
    case FAKE_SILENT:
        return;
    case FAKE_LATE:
        assert_true(f->held_count < FAKE_HELD);
        memcpy(f->held[f->held_count].reply, reply, n);
        f->held[f->held_count].len = n;
        f->held[f->held_count++].to = *from;
        return;
    case FAKE_TRUNCATES:
        put_u16(reply + 2, DNS_QR | DNS_RD | DNS_RA | DNS_TC);
        put_u16(reply + 6, 0);
        n = end;
        break;
    case FAKE_WRONG_ID:
        forged[0] ^= 0x55;
        fake_udp_send(f, forged, n, from);
        break;
    case FAKE_WRONG_QUESTION:
        forged[13] = forged[13] == 'x' ? 'y' : 'x';
        fake_udp_send(f, forged, n, from);
        break;
    case FAKE_WRONG_CASE:
        fake_change_case(forged, end, false);
        fake_udp_send(f, forged, n, from);
        break;
    case FAKE_WRONG_SOURCE:
        fake_send_elsewhere(forged, n, from);
        break;
    case FAKE_GARBLES_FIRST:
        put_u16(forged + 6, 9); /* promises nine records and has one */
        fake_udp_send(f, forged, n, from);
        break;
    case FAKE_GARBLES:
        put_u16(reply + 6, 9);
        break;
    case FAKE_LOWERS:
        fake_change_case(reply, end, true);
        break;
    case FAKE_FLOODS:
        for (int i = 0; i < 20; i++) {
            forged[0] = (uint8_t)~query[0];
            fake_udp_send(f, forged, n, from);
        }
        return;
    case FAKE_SERVFAIL:
        n = fake_error(query, len, DNS_SERVFAIL, reply);
        break;
    case FAKE_REFUSED:
        n = fake_error(query, len, DNS_REFUSED, reply);
        break;
    case FAKE_NO_EDNS:
        if (get_u16(query + 10) == 0)
            break;
        n = DNS_HEADER;
        put_u16(reply + 2, DNS_QR | DNS_FORMERR);
        memset(reply + 4, 0, 8);
    }
    fake_udp_send(f, reply, n, from);
}

static inline void fake_on_udp(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct fake *f = io->data;
    union sock_addr from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(io->fd, f->last, sizeof f->last, 0, &from.sa, &from_len);
    if (n < 0)
        return; /* an ICMP error for an answer nobody waited for */
    assert_true(n > DNS_HEADER);
    f->last_len = (size_t)n;
    f->ports[f->udp_queries % FAKE_SEEN] = sock_addr_port(&from);
    f->ids[f->udp_queries % FAKE_SEEN] = get_u16(f->last);
    f->udp_queries++;
    f->plain_queries += get_u16(f->last + 10) == 0;
    if (f->before)
        f->before(f);
    fake_udp_query(f, f->last, f->last_len, &from);
    (void)loop, (void)events;
}

static inline void fake_conn_close(struct fake_conn *c)
{
    if (!c->open)
        return;
    ev_io_stop(c->fake->loop, &c->io);
    close(c->io.fd);
    c->open = false;
}

/* In front of those held already, so that the last asked is answered first. */
static inline void fake_hold_back(struct fake_conn *c, const uint8_t *frame, size_t len)
{
    assert_true(c->held_len + len <= sizeof c->held);
    memmove(c->held + len, c->held, c->held_len);
    memcpy(c->held, frame, len);
    c->held_len += len;
    if (++c->held_count < c->fake->backwards)
        return;
    assert_int_equal(send(c->io.fd, c->held, c->held_len, MSG_NOSIGNAL), c->held_len);
    c->held_len = c->held_count = 0;
}

static inline void fake_tcp_query(struct fake_conn *c, const uint8_t *query, size_t len)
{
    struct fake *f = c->fake;
    uint8_t frame[2 + 1024];
    size_t n = fake_answer(query, len, frame + 2);
    f->tcp_queries++;
    if (f->before)
        f->before(f);
    if (f->way == FAKE_LOWERS)
        fake_change_case(frame + 2, fake_question_end(query, len), true);
    put_u16(frame, (uint16_t)n);
    switch (f->tcp_way) {
    case FAKE_TCP_GOOD:
        assert_true(send(c->io.fd, frame, n + 2, MSG_NOSIGNAL) > 0);
        return;
    case FAKE_TCP_BACKWARDS:
        fake_hold_back(c, frame, n + 2);
        return;
    case FAKE_TCP_CUTS:
        assert_true(send(c->io.fd, frame, n / 2, MSG_NOSIGNAL) > 0);
        fake_conn_close(c);
        return;
    case FAKE_TCP_SILENT_ONCE:
        f->tcp_way = FAKE_TCP_GOOD;
        return;
    case FAKE_TCP_CLOSES_ONCE:
        f->tcp_way = FAKE_TCP_GOOD;
        fake_conn_close(c);
        return;
    case FAKE_TCP_CLOSES:
        fake_conn_close(c);
    }
}

static inline void fake_on_tcp(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct fake_conn *c = io->data;
    ssize_t n = recv(io->fd, c->in + c->in_len, sizeof c->in - c->in_len, 0);
    (void)loop, (void)events;
    if (n <= 0) {
        fake_conn_close(c);
        return;
    }
    c->in_len += (size_t)n;
    size_t at = 0;
    while (c->open && c->in_len - at >= 2 && c->in_len - at - 2 >= get_u16(c->in + at)) {
        size_t len = get_u16(c->in + at);
        fake_tcp_query(c, c->in + at + 2, len);
        at += 2 + len;
    }
    memmove(c->in, c->in + at, c->in_len - at);
    c->in_len -= at;
}

static inline void fake_on_accept(struct ev_loop *loop, struct ev_io *io, int events)
{
    struct fake *f = io->data;
    int fd = accept4(io->fd, NULL, NULL, SOCK_CLOEXEC);
    (void)events;
    assert_true(fd >= 0);
    struct fake_conn *c = f->conn;
    while (c < f->conn + FAKE_CONNS && c->open)
        c++;
    assert_true(c < f->conn + FAKE_CONNS);
    memset(c, 0, sizeof *c);
    c->fake = f;
    c->open = true;
    f->connections++;
    ev_io_init(&c->io, fake_on_tcp, fd, EV_READ);
    c->io.data = c;
    ev_io_start(loop, &c->io);
}

static inline bool fake_bind(struct fake *f, int *udp, int *tcp)
{
    socklen_t len = sizeof f->address.in;
    memset(&f->address, 0, sizeof f->address);
    f->address.in.sin_family = AF_INET;
    f->address.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    *udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (bind(*udp, &f->address.sa, len) == 0 && getsockname(*udp, &f->address.sa, &len) == 0 &&
        bind(*tcp, &f->address.sa, len) == 0 && listen(*tcp, 16) == 0)
        return true;
    close(*udp);
    close(*tcp);
    return false;
}

static inline void fake_init(struct fake *f, struct ev_loop *loop, enum fake_way way)
{
    int udp, tcp, left = 50;
    memset(f, 0, sizeof *f);
    f->loop = loop;
    f->way = way;
    while (!fake_bind(f, &udp, &tcp)) /* the TCP port of that number was taken */
        assert_true(--left > 0);
    ev_io_init(&f->udp, fake_on_udp, udp, EV_READ);
    ev_io_init(&f->tcp, fake_on_accept, tcp, EV_READ);
    f->udp.data = f->tcp.data = f;
    ev_io_start(loop, &f->udp);
    ev_io_start(loop, &f->tcp);
}

/* Leaves a port behind that refuses. */
static inline void fake_fini(struct fake *f)
{
    for (int i = 0; i < FAKE_CONNS; i++)
        fake_conn_close(&f->conn[i]);
    if (!ev_is_active(&f->udp))
        return;
    ev_io_stop(f->loop, &f->udp);
    ev_io_stop(f->loop, &f->tcp);
    close(f->udp.fd);
    close(f->tcp.fd);
}

/* Sends the answers kept back by FAKE_LATE. */
static inline void fake_release(struct fake *f)
{
    for (unsigned i = 0; i < f->held_count; i++)
        fake_udp_send(f, f->held[i].reply, f->held[i].len, &f->held[i].to);
    f->held_count = 0;
}

/* --- what every test of the resolver's asking side starts from --- */

static inline void fake_query(struct dns_query *q, const char *name)
{
    *q = (struct dns_query){.flags = DNS_RD, .type = DNS_A, .class = DNS_CLASS_IN};
    assert_true(name_from_text(bytes_str(name), &q->name));
}

static inline void fake_conf(struct conf *conf, struct conf_server *servers, unsigned count)
{
    memset(conf, 0, sizeof *conf);
    conf->upstream.servers = servers;
    conf->upstream.count = count;
    conf->upstream.try_timeout = 5000; /* far off: tests that want a timeout say so */
    conf->upstream.total_timeout = 15000;
    conf->upstream.answer_timeout = 1400;
    conf->upstream.tries = 4;
    conf->upstream.lookups = 100;
    conf->upstream.waiters = 60;
    conf->upstream.failure_min = 1000;
    conf->upstream.failure_max = 30000;
    conf->cache.ttl_max = 86400000;
    conf->cache.negative_max = 3600000;
}

static inline void fake_on_alarm(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    *(bool *)timer->data = true;
}

/* Turns the loop until *count reaches n; fails after 20 s. */
static inline void fake_run(struct ev_loop *loop, const unsigned *count, unsigned n)
{
    struct ev_timer alarm;
    bool over = false;
    ev_timer_init(&alarm, fake_on_alarm, 20., 0.);
    alarm.data = &over;
    ev_timer_start(loop, &alarm);
    while (*count < n && !over)
        ev_run(loop, EVRUN_ONCE);
    ev_timer_stop(loop, &alarm);
    assert_false(over);
}

#endif
