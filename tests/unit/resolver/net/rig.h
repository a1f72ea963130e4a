/* SPDX-License-Identifier: GPL-3.0-or-later */
/* For tests of resolver/net: one connection over a socket pair, and a handler that answers as the test wants.
 *
 * The handler copies what it was asked. It answers at once with "METHOD path?query type=… body=…", or, when
 * `later` is set, keeps the stream for rig_answer. */
#ifndef POLYNYA_TEST_NET_RIG_H
#define POLYNYA_TEST_NET_RIG_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/base/metric.h"
#include "resolver/net/conn.h"
#include "resolver/net/h1.h"
#include "resolver/net/h2.h"

enum { RIG_STREAMS = 256 };

struct rig {
    struct ev_loop *loop;
    struct conn_set set;
    struct h2_setup *h2;
    struct http_handler handler;
    struct http_service service;
    int fd; /* the client's end */
    unsigned ended;
    bool later;
    unsigned requests;
    struct http_stream *waiting[RIG_STREAMS];
    unsigned waiting_count;
    size_t big;       /* if set, the length of the answer's body */
    size_t last_body; /* of the last request */
    char last_path[64];
    char last_client[IP_TEXT_MAX]; /* "": unknown */
};

/* Who the next connection comes from, and who may speak for others. */
static struct ip rig_peer;
static struct proxies rig_proxies;

static inline void rig_start(struct conn *c, bool h2)
{
    assert_true(h2 ? h2_start(c) : h1_start(c));
}

static inline void rig_ended(struct conn_set *set, void *owner)
{
    (void)set;
    ++*(unsigned *)owner;
}

static inline void rig_reply(struct rig *r, struct http_stream *s, const char *text)
{
    struct bytes body = arena_copy(&s->arena, bytes_str(text));
    if (r->big) {
        uint8_t *p = http_alloc(s, r->big);
        assert_non_null(p);
        memset(p, 'x', r->big);
        body = bytes_of(p, r->big);
    }
    http_respond(
        s,
        &(struct http_response){
            .status = 200, .cache = HTTP_MAX_AGE, .max_age = 60, .content_type = "text/plain", .body = body});
}

static inline void rig_request(void *self, struct http_stream *s, const struct http_request *q)
{
    struct rig *r = self;
    static const char *const methods[] = {"GET", "HEAD", "POST", "OTHER"};
    r->requests++;
    r->last_body = q->body.len;
    ip_format(&s->client, r->last_client);
    snprintf(r->last_path, sizeof r->last_path, "%.*s", (int)q->path.len, (const char *)q->path.data);
    if (q->method == HTTP_OTHER) {
        http_fail(s, REASON_HTTP_METHOD, "GET, HEAD, POST");
        return;
    }
    char *text = arena_printf(
        &s->arena, "%s %.*s?%.*s type=%.*s body=%.*s", methods[q->method], (int)q->path.len,
        (const char *)q->path.data, (int)q->query.len, (const char *)q->query.data, (int)q->content_type.len,
        (const char *)q->content_type.data, (int)q->body.len, (const char *)q->body.data);
    assert_non_null(text);
    s->user = text;
    if (r->later && r->waiting_count < RIG_STREAMS)
        r->waiting[r->waiting_count++] = s;
    else
        rig_reply(r, s, text);
}

static inline void rig_answer(struct rig *r, unsigned i)
{
    struct http_stream *s = r->waiting[i];
    r->waiting[i] = NULL;
    rig_reply(r, s, s->user);
}

static inline void rig_connect(struct rig *r)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    r->fd = pair[0];
    r->set.proxies = &rig_proxies;
    r->service.handler = &r->handler;
    assert_true(conn_new(&r->set, pair[1], &r->service, &rig_peer, &r->ended));
}

static inline struct rig *rig_new(double timeout)
{
    struct rig *r = calloc(1, sizeof *r);
    assert_non_null(r);
    r->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    assert_non_null(r->loop);
    r->h2 = h2_setup_new();
    assert_non_null(r->h2);
    r->handler = (struct http_handler){.self = r, .request = rig_request};
    struct front_limits limits = {.streams = 10,
                                  .header_list = 4096,
                                  .idle_timeout = timeout,
                                  .read_timeout = timeout,
                                  .write_timeout = timeout,
                                  .connections = 10,
                                  .connections_per_prefix = 10};
    conn_set_init(&r->set, r->loop, &limits);
    r->set.h2 = r->h2;
    r->set.start = rig_start;
    r->set.ended = rig_ended;
    rig_connect(r);
    return r;
}

/* Everything that can happen without waiting for the clock. */
static inline void rig_turn(struct rig *r)
{
    for (int i = 0; i < 12; i++)
        ev_run(r->loop, EVRUN_NOWAIT);
}

static inline void rig_free(struct rig *r)
{
    conn_set_fini(&r->set);
    for (unsigned i = 0; i < r->waiting_count; i++)
        if (r->waiting[i])
            rig_answer(r, i);
    assert_int_equal(r->set.held, 0);
    assert_int_equal(r->set.count, 0);
    assert_int_equal(metric_page->value[METRIC_STREAMS_OPEN], 0);
    assert_int_equal(metric_page->value[METRIC_CONN_OPEN], 0);
    h2_setup_free(&r->h2);
    ev_loop_destroy(r->loop);
    if (r->fd >= 0)
        close(r->fd);
    free(r);
}

/* Sends all of data, turning the loop when the socket is full. */
static inline void rig_send(struct rig *r, const void *data, size_t len)
{
    const char *p = data;
    for (int stuck = 0; len && stuck < 1000;) {
        ssize_t n = send(r->fd, p, len, MSG_NOSIGNAL);
        if (n > 0) {
            p += n;
            len -= (size_t)n;
            stuck = 0;
        } else {
            stuck++;
            rig_turn(r);
        }
    }
}

/* What the client can read now, appended to out as text; *eof if the server has closed. */
static inline size_t rig_read(struct rig *r, char *out, size_t cap, bool *eof)
{
    size_t len = 0;
    *eof = false;
    while (len + 1 < cap) {
        ssize_t n = recv(r->fd, out + len, cap - len - 1, 0);
        if (n <= 0) {
            *eof = n == 0 || errno != EAGAIN;
            break;
        }
        len += (size_t)n;
        rig_turn(r);
    }
    out[len] = 0;
    return len;
}

#endif
