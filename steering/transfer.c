/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One conversation with a primary: see transfer.h. */
#include "steering/transfer.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "data/base/hash.h"
#include "data/base/log.h"
#include "data/dns/msg.h"
#include "steering/tsig_file.h"

enum { READS_MAX = 16 };

struct transfer {
    struct transfer_options o;
    int fd;
    ev_io io;
    ev_timer timer;
    struct tsig_key key;
    struct tsig tsig;
    struct xfr xfr;
    uint8_t out[2 + XFR_QUESTION_MAX]; /* with TCP's length before it */
    size_t out_len, sent;
    uint8_t in[2 + DNS_MSG_MAX];
    size_t in_len;
    size_t bytes; /* of all answers */
};

static int64_t now_seconds(void)
{
    return clock_wall_ms() / 1000;
}

/* ---- ends ---- */

static void finish(struct transfer *t, struct transfer_result *r)
{
    r->was_difference = t->xfr.kind == XFR_IXFR;
    t->o.ended(t->o.self, r);
}

static void fail(struct transfer *t, enum refusal_why why, const char *what)
{
    struct transfer_result r = {.end = TRANSFER_FAILED};
    refuse(&r.why, why, "%s", what);
    finish(t, &r);
}

static void succeed(struct transfer *t, enum transfer_end end)
{
    struct transfer_result r = {.end = end, .soa = t->xfr.soa};
    if (end == TRANSFER_NEW) {
        r.records = t->xfr.records;
        t->xfr.records = NULL;
        log_info("rpz.transferred", "rpz=%s kind=%s serial=%u bytes=%zu", t->o.conf->name,
                 t->xfr.kind == XFR_IXFR ? "IXFR" : "AXFR", r.soa.serial, t->bytes);
    }
    finish(t, &r);
}

/* ---- the conversation ---- */

static void await(struct transfer *t, int events)
{
    ev_io_stop(t->o.loop, &t->io);
    ev_io_set(&t->io, t->fd, events);
    ev_io_start(t->o.loop, &t->io);
}

static void ask(struct transfer *t)
{
    struct writer w = writer_of(t->out + 2, XFR_QUESTION_MAX);
    if (!xfr_ask(&t->xfr, &w, random_u16(), now_seconds())) {
        fail(t, REFUSAL_NO_MEMORY, "question");
        return;
    }
    put_u16(t->out, (uint16_t)w.len);
    t->out_len = w.len + 2;
    t->sent = 0;
    await(t, EV_WRITE);
}

/* False if the session has ended. */
static bool take(struct transfer *t, struct bytes message)
{
    struct transfer_result r = {.end = TRANSFER_FAILED};
    t->bytes += message.len;
    switch (xfr_take(&t->xfr, message, now_seconds())) {
    case XFR_MORE:
        return true;
    case XFR_ASK:
        t->in_len = 0; /* what else came belongs to nothing */
        ask(t);
        return false;
    case XFR_DONE:
        succeed(t, TRANSFER_NEW);
        return false;
    case XFR_UNCHANGED:
        succeed(t, TRANSFER_UNCHANGED);
        return false;
    case XFR_FAILED:
        break;
    }
    r.why = t->xfr.why;
    finish(t, &r);
    return false;
}

/* Takes the whole messages there are. */
static bool take_all(struct transfer *t)
{
    size_t at = 0, len;
    while (t->in_len - at >= 2 && t->in_len - at - 2 >= (len = get_u16(t->in + at))) {
        if (!take(t, bytes_of(t->in + at + 2, len)))
            return false;
        at += 2 + len;
    }
    memmove(t->in, t->in + at, t->in_len - at);
    t->in_len -= at;
    return true;
}

static void read_some(struct transfer *t)
{
    /* A primary that never stops must not keep the loop from the rest. */
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = recv(t->fd, t->in + t->in_len, sizeof t->in - t->in_len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            fail(t, REFUSAL_BAD_TRANSFER, n ? strerror(errno) : "cut off");
            return;
        }
        t->in_len += (size_t)n;
        if (!take_all(t))
            return;
    }
}

static void write_some(struct transfer *t)
{
    ssize_t n = send(t->fd, t->out + t->sent, t->out_len - t->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail(t, REFUSAL_NOT_FETCHED, strerror(errno));
        return;
    }
    t->sent += (size_t)n;
    if (t->sent == t->out_len)
        await(t, EV_READ);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct transfer *t = w->data;
    (void)loop;
    if (events & EV_WRITE)
        write_some(t);
    else
        read_some(t);
}

/* ---- beginning ---- */

static bool open_socket(struct transfer *t, const union sock_addr *address)
{
    t->fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return t->fd >= 0 && (connect(t->fd, &address->sa, sock_addr_len(address)) == 0 || errno == EINPROGRESS);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    fail(w->data, REFUSAL_TOO_SLOW, "transfer");
}

static bool load_key(struct transfer *t, struct refusal *why)
{
    const struct conf_rpz *c = t->o.conf;
    t->key.algorithm = c->tsig_algorithm == CONF_HMAC_SHA512 ? TSIG_HMAC_SHA512 : TSIG_HMAC_SHA256;
    name_from_text(bytes_str(c->tsig_name), &t->key.name); /* conf.c has seen that it is one */
    name_lower(&t->key.name);
    return tsig_file_read(c->tsig_secret_file, &t->key, why);
}

struct transfer *transfer_new(const struct transfer_options *options)
{
    struct transfer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->o = *options;
    t->fd = -1;
    ev_init(&t->io, on_io);
    ev_timer_init(&t->timer, on_timer, (double)t->o.timeout / 1000, 0.);
    t->io.data = t->timer.data = t;
    return t;
}

void transfer_start(struct transfer *t)
{
    bool is_signed = t->o.conf->tsig_name != NULL;
    struct transfer_result r = {.end = TRANSFER_FAILED};
    if (is_signed && !load_key(t, &r.why)) {
        finish(t, &r);
        return;
    }
    if (is_signed)
        tsig_init(&t->tsig, &t->key);
    xfr_init(&t->xfr, t->o.zone, t->o.ours, t->o.serial, is_signed ? &t->tsig : NULL);
    t->xfr.whole = t->o.whole;
    if (!open_socket(t, &t->o.conf->primary)) {
        fail(t, REFUSAL_NOT_FETCHED, strerror(errno));
        return;
    }
    ev_timer_start(t->o.loop, &t->timer);
    ask(t);
}

void transfer_free(struct transfer **transfer)
{
    struct transfer *t = *transfer;
    *transfer = NULL;
    if (!t)
        return;
    ev_io_stop(t->o.loop, &t->io);
    ev_timer_stop(t->o.loop, &t->timer);
    if (t->fd >= 0)
        close(t->fd);
    xfr_fini(&t->xfr);
    tsig_fini(&t->tsig);
    explicit_bzero(t, sizeof *t);
    free(t);
}
