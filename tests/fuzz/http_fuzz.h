/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One connection in clear over a socket pair for the HTTP fuzz targets.
 *
 * The first byte says how: bits 0-1 how many pieces the rest comes in, bit 2 whether answers come late, bit 3
 * whether the front drains half-way, bit 4 whether answers are long, bit 5 whether the client reads. Streams
 * and bytes held must be none at the end. */
#ifndef POLYNYA_FUZZ_HTTP_FUZZ_H
#define POLYNYA_FUZZ_HTTP_FUZZ_H

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/metric.h"
#include "resolver/net/conn.h"
#include "resolver/net/dot.h"
#include "resolver/net/h1.h"
#include "resolver/net/h2.h"

enum { FUZZ_STREAMS = 64, FUZZ_LONG = 100000 };

struct http_fuzz {
    struct ev_loop *loop;
    struct conn_set set;
    struct h2_setup *h2;
    struct http_handler handler;
    struct http_service service;
    struct http_stream *waiting[FUZZ_STREAMS];
    unsigned waiting_count;
    uint8_t how;
    size_t longest; /* answer's bytes */
};

static void fuzz_start(struct conn *c, bool h2)
{
    if (!(conn_handler(c)->message ? dot_start(c) : h2 ? h2_start(c) : h1_start(c)))
        abort();
}

static void fuzz_ended(struct conn_set *set, void *owner)
{
    (void)set, (void)owner;
}

static void fuzz_answer(struct http_fuzz *f, struct http_stream *s)
{
    static uint8_t text[FUZZ_LONG];
    http_respond(s, &(struct http_response){.status = 200,
                                            .cache = HTTP_PRIVATE,
                                            .max_age = 1,
                                            .content_type = "application/dns-message",
                                            .body = bytes_of(text, f->how & 16 ? f->longest : 100)});
}

/* Reads every byte it was given, so that a sanitizer would see a bad one. */
static unsigned touch(struct bytes b)
{
    unsigned sum = 0;
    for (size_t i = 0; i < b.len; i++)
        sum += b.data[i];
    return sum;
}

static void fuzz_request(void *self, struct http_stream *s, const struct http_request *r)
{
    struct http_fuzz *f = self;
    volatile unsigned sink = touch(r->path) + touch(r->query) + touch(r->content_type) + touch(r->body) +
                             touch(http_parameter(r->query, BYTES_LIT("dns")));
    (void)sink;
    if (r->body.len > HTTP_BODY_MAX || r->path.len + r->query.len > HTTP_TARGET_MAX)
        abort();
    if (f->how & 4 && f->waiting_count < FUZZ_STREAMS)
        f->waiting[f->waiting_count++] = s;
    else if (r->method == HTTP_OTHER)
        http_fail(s, REASON_HTTP_METHOD, "GET");
    else
        fuzz_answer(f, s);
}

static void fuzz_turn(struct http_fuzz *f, int fd)
{
    static char got[1 << 16];
    for (int i = 0; i < 4; i++) {
        ev_run(f->loop, EVRUN_NOWAIT);
        while (f->how & 32 && recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
            continue;
    }
}

static void fuzz_answer_all(struct http_fuzz *f)
{
    unsigned count = f->waiting_count;
    f->waiting_count = 0;
    for (unsigned i = 0; i < count; i++)
        fuzz_answer(f, f->waiting[i]);
}

static struct http_fuzz *fuzz_init(void)
{
    static struct http_fuzz f;
    if (f.loop)
        return &f;
    f.loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    f.h2 = h2_setup_new();
    f.handler = (struct http_handler){.self = &f, .request = fuzz_request};
    f.service.handler = &f.handler;
    f.longest = FUZZ_LONG;
    conn_set_init(
        &f.set, f.loop,
        &(struct front_limits){
            .streams = 20, .header_list = 4096, .idle_timeout = 60, .read_timeout = 60, .write_timeout = 60});
    static const struct ip_net trusted = {.ip = {.len = 4, .addr = {10}}, .bits = 8};
    static const struct proxies proxies = {FORWARDED_RFC7239, &trusted, 1};
    f.set.proxies = &proxies;
    f.set.h2 = f.h2;
    f.set.start = fuzz_start;
    f.set.ended = fuzz_ended;
    return &f;
}

static void fuzz_feed(struct http_fuzz *f, int fd, struct bytes prefix, struct bytes data)
{
    size_t pieces = 1u << (f->how & 3), step = data.len / pieces + 1;
    send(fd, prefix.data, prefix.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    for (size_t at = 0; at < data.len; at += step) {
        size_t n = data.len - at < step ? data.len - at : step;
        send(fd, data.data + at, n, MSG_NOSIGNAL | MSG_DONTWAIT);
        fuzz_turn(f, fd);
        if (f->how & 8 && at >= data.len / 2)
            conn_set_drain(&f->set, f->how & 2);
        fuzz_answer_all(f);
    }
}

static int http_fuzz(struct bytes prefix, const uint8_t *data, size_t size)
{
    struct http_fuzz *f = fuzz_init();
    int fd[2];
    if (size < 1 || size > 65536 ||
        socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd) != 0)
        return 0;
    f->how = data[0];
    f->set.draining = false;
    /* A proxy, so that its header is read. */
    struct ip client = {.len = 4, .addr = {10, 0, 0, 1}};
    if (!conn_new(&f->set, fd[1], &f->service, &client, NULL))
        abort();
    fuzz_feed(f, fd[0], prefix, bytes_of(data + 1, size - 1));
    fuzz_turn(f, fd[0]);
    /* An odd length: streams outlive their connection. */
    if (size & 1)
        fuzz_answer_all(f);
    close(fd[0]);
    for (int i = 0; i < 20 && f->set.count; i++)
        fuzz_turn(f, -1);
    if (f->set.count) { /* it waits for the clock */
        struct front_limits limits = f->set.limits;
        conn_set_fini(&f->set);
        conn_set_init(&f->set, f->loop, &limits);
    }
    fuzz_answer_all(f);
    if (f->set.held || f->set.count || metric_page->value[METRIC_STREAMS_OPEN])
        abort();
    return 0;
}

#endif
