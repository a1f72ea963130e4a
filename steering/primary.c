/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone's primary: see primary.h. */
#include "steering/primary.h"

#include <errno.h>
#include <ev.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/arena.h"
#include "data/base/clock.h"
#include "data/base/hash.h"
#include "data/base/log.h"
#include "data/dns/msg.h"
#include "steering/feed_file.h"

enum { SECRET_FILE_MAX = 1024, READS_MAX = 16 };

/* One connection: from connecting to its end. */
struct session {
    int fd;
    struct tsig_key key;
    struct tsig tsig;
    struct xfr xfr;
    uint8_t out[2 + XFR_QUESTION_MAX]; /* with TCP's length before it */
    size_t out_len, sent;
    uint8_t in[2 + DNS_MSG_MAX];
    size_t in_len;
    size_t bytes; /* of all answers */
};

struct primary {
    struct primary_options o;
    struct session *session; /* NULL: waiting */
    ev_io io;
    ev_timer timer; /* of the session, or until the next one */
    unsigned failures;
    bool whole; /* the difference has failed: ask for all of it next */
};

static int64_t now_seconds(void)
{
    return clock_wall_ms() / 1000;
}

/* ---- when ---- */

/* Later by up to a tenth: secondaries that started together do not ask together for ever. */
static void wait_for(struct primary *p, uint64_t seconds)
{
    uint64_t ms = seconds * 1000;
    ms = ms < p->o.conf->refresh_min ? p->o.conf->refresh_min : ms;
    ms = ms > p->o.conf->refresh_max ? p->o.conf->refresh_max : ms;
    ev_timer_set(&p->timer, (double)ms / 1000 * (1 + random_below(1000) / 10000.), 0.);
    ev_timer_start(p->o.loop, &p->timer);
}

static void schedule(struct primary *p, bool good)
{
    struct soa soa = {0};
    p->o.ours(p->o.self, &soa);
    p->failures = good ? 0 : p->failures + 1;
    unsigned doubled = p->failures < 8 ? p->failures : 8;
    if (good)
        wait_for(p, soa.refresh);
    else
        wait_for(p, (uint64_t)(soa.retry ? soa.retry : 1) << (doubled - 1));
}

/* ---- ends ---- */

static void session_free(struct primary *p)
{
    struct session *s = p->session;
    p->session = NULL;
    if (!s)
        return;
    ev_io_stop(p->o.loop, &p->io);
    ev_timer_stop(p->o.loop, &p->timer);
    if (s->fd >= 0)
        close(s->fd);
    xfr_fini(&s->xfr);
    tsig_fini(&s->tsig);
    explicit_bzero(s, sizeof *s);
    free(s);
}

static void finish(struct primary *p, struct primary_result *r)
{
    const struct session *s = p->session;
    if (r->end == PRIMARY_FAILED)
        p->whole = s && s->xfr.kind == XFR_IXFR;
    else
        p->whole = false;
    session_free(p);
    bool taken = p->o.ended(p->o.self, r);
    schedule(p, taken && r->end != PRIMARY_FAILED);
}

static void fail(struct primary *p, enum refusal_why why, const char *what)
{
    struct primary_result r = {.end = PRIMARY_FAILED};
    refuse(&r.why, why, "%s", what);
    finish(p, &r);
}

static void succeed(struct primary *p, enum primary_end end)
{
    struct session *s = p->session;
    struct primary_result r = {.end = end, .soa = s->xfr.soa};
    if (end == PRIMARY_NEW) {
        r.records = s->xfr.records;
        s->xfr.records = NULL;
        log_info("rpz.transferred", "rpz=%s kind=%s serial=%u bytes=%zu", p->o.conf->name,
                 s->xfr.kind == XFR_IXFR ? "IXFR" : "AXFR", r.soa.serial, s->bytes);
    }
    finish(p, &r);
}

/* ---- the key ---- */

static struct bytes trimmed(struct bytes text)
{
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

static bool load_key(const struct conf_rpz *c, struct tsig_key *key, struct refusal *why)
{
    struct arena arena;
    struct bytes text = BYTES_NONE;
    long len = -1;
    arena_init(&arena, 4 * SECRET_FILE_MAX);
    bool ok = feed_read_file(c->tsig_secret_file, SECRET_FILE_MAX, &arena, &text, why);
    if (ok) {
        len = base64_decode(trimmed(text), key->secret, sizeof key->secret);
        explicit_bzero((uint8_t *)(uintptr_t)text.data, text.len);
    }
    arena_fini(&arena);
    if (ok && len <= 0)
        return refuse(why, REFUSAL_BAD_FIELD, "tsig-secret-file: 1 to %d bytes in base64", TSIG_SECRET_MAX);
    key->len = ok ? (size_t)len : 0;
    key->algorithm = c->tsig_algorithm == CONF_HMAC_SHA512 ? TSIG_HMAC_SHA512 : TSIG_HMAC_SHA256;
    name_from_text(bytes_str(c->tsig_name), &key->name);
    name_lower(&key->name);
    return ok;
}

/* ---- the conversation ---- */

static void await(struct primary *p, int events)
{
    ev_io_stop(p->o.loop, &p->io);
    ev_io_set(&p->io, p->session->fd, events);
    ev_io_start(p->o.loop, &p->io);
}

static void ask(struct primary *p)
{
    struct session *s = p->session;
    struct writer w = writer_of(s->out + 2, XFR_QUESTION_MAX);
    if (!xfr_ask(&s->xfr, &w, random_u16(), now_seconds())) {
        fail(p, REFUSAL_NO_MEMORY, "question");
        return;
    }
    put_u16(s->out, (uint16_t)w.len);
    s->out_len = w.len + 2;
    s->sent = 0;
    await(p, EV_WRITE);
}

/* False if the session has ended. */
static bool take(struct primary *p, struct bytes message)
{
    struct session *s = p->session;
    struct primary_result r = {.end = PRIMARY_FAILED};
    s->bytes += message.len;
    switch (xfr_take(&s->xfr, message, now_seconds())) {
    case XFR_MORE:
        return true;
    case XFR_ASK:
        s->in_len = 0; /* what else came belongs to nothing */
        ask(p);
        return false;
    case XFR_DONE:
        succeed(p, PRIMARY_NEW);
        return false;
    case XFR_UNCHANGED:
        succeed(p, PRIMARY_UNCHANGED);
        return false;
    case XFR_FAILED:
        break;
    }
    r.why = s->xfr.why;
    finish(p, &r);
    return false;
}

/* Takes the whole messages there are. */
static bool take_all(struct primary *p)
{
    struct session *s = p->session;
    size_t at = 0, len;
    while (s->in_len - at >= 2 && s->in_len - at - 2 >= (len = get_u16(s->in + at))) {
        if (!take(p, bytes_of(s->in + at + 2, len)))
            return false;
        at += 2 + len;
    }
    memmove(s->in, s->in + at, s->in_len - at);
    s->in_len -= at;
    return true;
}

static void read_some(struct primary *p)
{
    struct session *s = p->session;
    /* A primary that never stops must not keep the loop from the rest. */
    for (int i = 0; i < READS_MAX; i++) {
        ssize_t n = recv(s->fd, s->in + s->in_len, sizeof s->in - s->in_len, 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            fail(p, REFUSAL_BAD_TRANSFER, n ? strerror(errno) : "cut off");
            return;
        }
        s->in_len += (size_t)n;
        if (!take_all(p))
            return;
    }
}

static void write_some(struct primary *p)
{
    struct session *s = p->session;
    ssize_t n = send(s->fd, s->out + s->sent, s->out_len - s->sent, MSG_NOSIGNAL);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n < 0) {
        fail(p, REFUSAL_NOT_FETCHED, strerror(errno));
        return;
    }
    s->sent += (size_t)n;
    if (s->sent == s->out_len)
        await(p, EV_READ);
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    struct primary *p = w->data;
    (void)loop;
    if (events & EV_WRITE)
        write_some(p);
    else
        read_some(p);
}

/* ---- beginning ---- */

static bool open_socket(struct session *s, const union sock_addr *address)
{
    s->fd = socket(address->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    return s->fd >= 0 && (connect(s->fd, &address->sa, sock_addr_len(address)) == 0 || errno == EINPROGRESS);
}

static void begin(struct primary *p)
{
    struct soa soa = {0};
    struct refusal why;
    struct session *s = p->session = calloc(1, sizeof *s);
    if (!s) {
        fail(p, REFUSAL_NO_MEMORY, "session");
        return;
    }
    s->fd = -1;
    const struct records *ours = p->o.ours(p->o.self, &soa);
    if (p->o.conf->tsig_name) {
        if (!load_key(p->o.conf, &s->key, &why)) {
            finish(p, &(struct primary_result){.end = PRIMARY_FAILED, .why = why});
            return;
        }
        tsig_init(&s->tsig, &s->key);
    }
    xfr_init(&s->xfr, p->o.zone, ours, soa.serial, p->o.conf->tsig_name ? &s->tsig : NULL);
    s->xfr.whole = p->whole;
    if (!open_socket(s, &p->o.conf->primary)) {
        fail(p, REFUSAL_NOT_FETCHED, strerror(errno));
        return;
    }
    ev_timer_set(&p->timer, (double)p->o.timeout / 1000, 0.);
    ev_timer_start(p->o.loop, &p->timer);
    ask(p);
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    struct primary *p = w->data;
    (void)loop, (void)events;
    if (p->session)
        fail(p, REFUSAL_TOO_SLOW, "transfer");
    else
        begin(p);
}

struct primary *primary_new(const struct primary_options *options)
{
    struct primary *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    p->o = *options;
    ev_init(&p->io, on_io);
    ev_timer_init(&p->timer, on_timer, 0., 0.);
    p->io.data = p->timer.data = p;
    ev_timer_start(p->o.loop, &p->timer);
    return p;
}

void primary_free(struct primary **p)
{
    if (!*p)
        return;
    session_free(*p);
    ev_timer_stop((*p)->o.loop, &(*p)->timer);
    free(*p);
    *p = NULL;
}
