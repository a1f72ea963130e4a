/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Connections: see conn.h.
 *
 * Life: header of its proxy, where one hands connections on → handshake (TLS) → first bytes (in clear, to
 * tell HTTP/2 from HTTP/1) → a protocol speaks → lingering (our side is shut, the peer's last bytes are
 * thrown away so that ours arrive) → gone. */
#include "resolver/net/conn.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/metric.h"
#include "resolver/net/proxy_v2.h"
#include "resolver/net/rate.h"

enum { BUDGET = 65536, SNIFF = 4, CREDIT = 32 };
static const double LINGER_SECONDS = 1;

struct conn {
    ev_io io;
    struct conn_set *set;
    struct proxy_reader *greeting; /* of a proxy's header, until it is whole */
    struct tls_conn *tls;
    const struct conn_protocol *protocol; /* NULL before the first request can be told */
    void *self;
    uint8_t *left; /* taken from the protocol, but not by the peer */
    size_t left_len;
    struct deadline deadline;
    enum conn_timer timer;
    uint64_t mark;
    uint64_t written;
    struct link all, dirty, resumed, shaking;
    ev_tstamp born;
    unsigned requests;
    unsigned credit; /* requests paid for in the client's bucket, and not yet made */
    const struct http_service *service;
    void *owner;
    uint8_t first[SNIFF];
    uint8_t first_len;
    bool secure : 1;    /* all that comes before a request is done */
    bool blocked : 1;   /* wait until the socket takes bytes */
    bool unread : 1;    /* TLS may hold input that gives no event */
    bool eof : 1;       /* the peer sends no more */
    bool closing : 1;   /* nothing more is read; ends when the output is gone */
    bool lingering : 1; /* nothing more is sent */
    bool leaving : 1;   /* the peer was asked to */
    bool relay : 1;     /* the peer is a trusted proxy: no client itself */
    struct ip client;   /* len 0: unknown, or on this machine */
};

struct conn_set *conn_set_of(const struct conn *c)
{
    return c->set;
}

const struct http_handler *conn_handler(const struct conn *c)
{
    return c->service->handler;
}

bool conn_by_proxy(const struct conn *c)
{
    return c->relay || !c->service->tls;
}

void conn_use(struct conn *c, const struct conn_protocol *protocol, void *self)
{
    c->protocol = protocol;
    c->self = self;
}

void conn_dirty(struct conn *c)
{
    if (link_empty(&c->dirty))
        link_move(&c->set->dirty, &c->dirty);
}

void conn_resume(struct conn *c)
{
    if (link_empty(&c->resumed))
        link_move(&c->set->resumed, &c->resumed);
    if (!ev_is_active(&c->set->resume))
        ev_idle_start(c->set->loop, &c->set->resume);
}

/* Requests */

/* Nine in ten places are taken: each connection is then worth one request. */
static bool crowded(const struct conn_set *set)
{
    return (uint64_t)set->count * 10 > (uint64_t)set->limits.connections * 9;
}

static bool is_spent(const struct conn *c)
{
    const struct front_limits *l = &c->set->limits;
    return (l->requests && c->requests >= l->requests) || crowded(c->set) ||
           (l->connection_life > 0 && ev_now(c->set->loop) - c->born >= l->connection_life);
}

/* A connection that has made many requests pays for several at once, so that most of them cost no look-up;
 * what it pays and does not use stays a small part of what it has used. */
static bool pay(struct conn *c, const struct ip *client)
{
    double now = ev_now(c->set->loop);
    if (!c->set->queries)
        return true;
    if (c->relay)
        return rate_take(c->set->queries, client, now, 1);
    unsigned ahead = 1 + c->requests / 8;
    if (ahead > CREDIT)
        ahead = CREDIT;
    if (c->credit == 0 && rate_take(c->set->queries, client, now, ahead))
        c->credit = ahead;
    if (c->credit == 0)
        return rate_take(c->set->queries, client, now, 1);
    c->credit--;
    return true;
}

void conn_forwarded(const struct conn *c, struct forwarded *f)
{
    forwarded_init(f, c->set->proxies, c->relay);
}

static struct ip client_of(const struct conn *c, const struct forwarded *f)
{
    if (!c->relay) {
        if (f->present)
            metric_count(METRIC_FORWARDED_IGNORED);
        return c->client;
    }
    metric_count(f->client.len ? METRIC_FORWARDED_TAKEN : METRIC_FORWARDED_UNKNOWN);
    return f->client;
}

bool conn_request(struct conn *c, const struct forwarded *f, struct ip *client)
{
    *client = client_of(c, f);
    c->requests++;
    if (!c->leaving && is_spent(c)) {
        c->leaving = true;
        metric_count(METRIC_CONN_SPENT);
        c->protocol->drain(c->self, true);
    }
    return pay(c, client);
}

/* Ending */

static void end_handshake(struct conn *c)
{
    if (link_empty(&c->shaking))
        return;
    link_remove(&c->shaking);
    c->set->shaking_count--;
}

static void forget_protocol(struct conn *c)
{
    if (c->protocol)
        c->protocol->detach(c->self);
    c->protocol = NULL;
    free(c->left);
    c->left = NULL;
    c->left_len = 0;
}

static void conn_drop(struct conn *c)
{
    struct conn_set *set = c->set;
    ev_io_stop(set->loop, &c->io);
    deadline_stop(&c->deadline);
    link_remove(&c->all);
    link_remove(&c->dirty);
    link_remove(&c->resumed);
    end_handshake(c);
    forget_protocol(c);
    tls_conn_free(&c->tls);
    free(c->greeting);
    close(c->io.fd);
    set->count--;
    metric_sub(METRIC_CONN_OPEN, 1);
    void *owner = c->owner;
    free(c);
    set->ended(set, owner);
}

/* Without this the kernel would keep what was sent, for minutes, for a peer that does not take it. */
static void conn_abort(struct conn *c)
{
    setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    conn_drop(c);
}

static void watch(struct conn *c, int events)
{
    if ((c->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(c->set->loop, &c->io);
    ev_io_set(&c->io, c->io.fd, events);
    if (events)
        ev_io_start(c->set->loop, &c->io);
}

/* Closing at once would reset the connection if bytes of the peer are still unread, and with it our last
 * answer. */
static void conn_linger(struct conn *c)
{
    if (c->tls)
        tls_shutdown(c->tls);
    if (c->eof || shutdown(c->io.fd, SHUT_WR) != 0) {
        conn_drop(c);
        return;
    }
    forget_protocol(c);
    tls_conn_free(&c->tls);
    c->lingering = true;
    c->timer = CONN_LINGER;
    deadline_start(&c->set->timer[CONN_LINGER], &c->deadline);
    watch(c, EV_READ);
}

static void discard_input(struct conn *c)
{
    size_t budget = BUDGET;
    while (budget) {
        ssize_t n = recv(c->io.fd, c->set->in, sizeof c->set->in, 0);
        if (n < 0 && errno == EAGAIN)
            return;
        if (n <= 0) {
            conn_drop(c);
            return;
        }
        budget -= (size_t)n < budget ? (size_t)n : budget;
    }
}

/* The two transports */

static enum tls_status status_of(ssize_t n, enum tls_status again)
{
    if (n > 0)
        return TLS_DONE;
    if (n == 0)
        return TLS_CLOSED;
    return errno == EAGAIN || errno == EINTR ? again : TLS_ERROR;
}

static enum tls_status transport_read(struct conn *c, uint8_t *buf, size_t cap, size_t *n)
{
    if (c->tls)
        return tls_read(c->tls, buf, cap, n);
    ssize_t got = recv(c->io.fd, buf, cap, 0);
    *n = got > 0 ? (size_t)got : 0;
    return status_of(got, TLS_WANT_READ);
}

static enum tls_status transport_write(struct conn *c, const uint8_t *data, size_t len, size_t *n)
{
    if (c->tls)
        return tls_write(c->tls, data, len, n);
    ssize_t sent = send(c->io.fd, data, len, MSG_NOSIGNAL);
    *n = sent > 0 ? (size_t)sent : 0;
    return status_of(sent, TLS_WANT_WRITE);
}

/* Could another read give more, now? */
static bool transport_more(const struct conn *c, size_t n, size_t cap)
{
    return c->tls ? tls_pending(c->tls) : n == cap;
}

/* Timeouts */

static void run_timer(struct conn *c, struct conn_phase phase)
{
    if (phase.timer == c->timer && phase.mark == c->mark)
        return;
    c->timer = phase.timer;
    c->mark = phase.mark;
    if (phase.timer == CONN_BUSY)
        deadline_stop(&c->deadline);
    else
        deadline_start(&c->set->timer[phase.timer], &c->deadline);
}

static struct conn_phase phase_of(const struct conn *c)
{
    if (c->left || c->blocked)
        return (struct conn_phase){CONN_WRITE, c->written};
    if (c->protocol)
        return c->protocol->phase(c->self);
    /* A handshake has one timeout as a whole; so have the first bytes of a connection in clear. */
    return (struct conn_phase){c->secure && c->first_len == 0 ? CONN_IDLE : CONN_READ, 0};
}

static void say_timeout(struct conn *c, bool reading)
{
    if (!c->protocol || c->closing) {
        conn_drop(c);
        return;
    }
    c->protocol->timeout(c->self, reading);
    c->closing = true;
    c->timer = CONN_BUSY;
    conn_dirty(c);
}

static void on_idle_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_IDLE);
    say_timeout(holder_of(d, struct conn, deadline), false);
}

static void on_read_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_READ);
    say_timeout(holder_of(d, struct conn, deadline), true);
}

static void on_write_expired(struct deadline *d)
{
    metric_count(METRIC_CONN_TIMEOUT_WRITE);
    conn_abort(holder_of(d, struct conn, deadline));
}

/* A last answer that has not arrived yet has the time that writing has. */
static void on_linger_expired(struct deadline *d)
{
    struct conn *c = holder_of(d, struct conn, deadline);
    int unsent;
    if (ioctl(c->io.fd, SIOCOUTQ, &unsent) == 0 && unsent > 0)
        deadline_start(&c->set->timer[CONN_WRITE], &c->deadline);
    else
        conn_drop(c);
}

/* Output */

static void keep(struct conn *c, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len);
    if (copy)
        memcpy(copy, data, len);
    free(c->left);
    c->left = copy;
    c->left_len = len;
}

/* Writes up to *len bytes of data, a record at a time; what was not taken moves to the front and *len tells
 * how much that is. False if the connection is broken. */
static bool write_some(struct conn *c, uint8_t *data, size_t *len, size_t least, size_t *budget)
{
    size_t off = 0;
    enum tls_status status = TLS_DONE;
    while (*len - off > least && *budget && status == TLS_DONE) {
        size_t n, want = *len - off < CONN_RECORD ? *len - off : CONN_RECORD;
        status = transport_write(c, data + off, want, &n);
        off += n;
        c->written += n;
        *budget -= n < *budget ? n : *budget;
    }
    *len -= off;
    if (*len && off)
        memmove(data, data + off, *len);
    c->blocked = status != TLS_DONE || *budget == 0;
    return status == TLS_DONE || status == TLS_WANT_WRITE || status == TLS_WANT_READ;
}

static bool write_left(struct conn *c, size_t *budget)
{
    if (!c->left)
        return true;
    if (!write_some(c, c->left, &c->left_len, 0, budget))
        return false;
    if (c->left_len == 0) {
        free(c->left);
        c->left = NULL;
    }
    return true;
}

/* Pulls and writes until the protocol is empty, the peer takes no more, or the budget is spent. False:
 * broken. */
static bool write_all(struct conn *c)
{
    size_t budget = BUDGET, len = 0;
    uint8_t *out = c->set->out;
    c->blocked = false;
    if (!write_left(c, &budget))
        return false;
    if (c->left || !c->protocol)
        return true;
    ssize_t n;
    do {
        n = c->protocol->output(c->self, out + len);
        if (n < 0)
            return false;
        len += (size_t)n;
        /* A tail shorter than a record waits for the next pull, unless this was the last. */
        if (len && !write_some(c, out, &len, n < CONN_RECORD ? 0 : CONN_RECORD - 1, &budget))
            return false;
    } while (n >= CONN_RECORD && !c->blocked);
    if (len)
        keep(c, out, len);
    return len == 0 || c->left != NULL;
}

/* What a connection needs after all that happened to it in this turn: output, its end, its events, its
 * timeout. */
static void settle(struct conn *c)
{
    if (c->lingering)
        return;
    if (!c->blocked && !write_all(c)) {
        conn_drop(c);
        return;
    }
    bool sent = !c->left && !c->blocked;
    if (sent && c->protocol && (c->closing || c->protocol->done(c->self))) {
        conn_linger(c);
        return;
    }
    bool reads = !c->eof && !c->closing && (!c->protocol || c->protocol->wants_input(c->self));
    /* An unwanted read event is stopped when it comes (on_io): most never do. */
    int events =
        (reads || (c->io.events & EV_READ && !c->eof && !c->closing) ? EV_READ : 0) | (sent ? 0 : EV_WRITE);
    watch(c, events);
    if (reads && c->unread)
        conn_resume(c);
    run_timer(c, phase_of(c));
}

static void on_flush(struct ev_loop *loop, ev_prepare *w, int events)
{
    (void)loop, (void)events;
    struct conn_set *set = w->data;
    for (struct link *r = link_take(&set->dirty); r; r = link_take(&set->dirty))
        settle(holder_of(r, struct conn, dirty));
}

/* Input */

static void feed(struct conn *c, const uint8_t *data, size_t n)
{
    if (!c->protocol->input(c->self, data, n))
        c->closing = true;
}

static bool start(struct conn *c, bool h2)
{
    c->set->start(c, h2);
    if (c->protocol && c->set->draining)
        c->protocol->drain(c->self, false);
    return c->protocol != NULL;
}

/* In clear the first four bytes tell HTTP/2's preface from any method of HTTP/1 (RFC 9113 3.4). */
static bool sniff(struct conn *c, const uint8_t **data, size_t *n)
{
    while (c->first_len < SNIFF && *n) {
        c->first[c->first_len++] = *(*data)++;
        --*n;
    }
    if (c->first_len < SNIFF)
        return true;
    if (!start(c, memcmp(c->first, "PRI ", SNIFF) == 0))
        return false;
    feed(c, c->first, SNIFF);
    return true;
}

static bool take_input(struct conn *c, const uint8_t *data, size_t n)
{
    if (!c->protocol && !(c->service->handler->message ? start(c, false) : sniff(c, &data, &n)))
        return false;
    if (c->protocol && n && !c->closing)
        feed(c, data, n);
    return true;
}

/* Half-open handshakes must not keep others out: beyond the limit the oldest goes, which an honest client
 * would have finished long ago. */
static void begin_handshake(struct conn *c)
{
    struct conn_set *set = c->set;
    link_move(&set->shaking, &c->shaking);
    set->shaking_count++;
    if (!set->limits.handshakes || set->shaking_count <= set->limits.handshakes)
        return;
    metric_count(METRIC_CONN_REFUSED_HANDSHAKES);
    conn_drop(holder_of(set->shaking.next, struct conn, shaking));
}

/* What a connection is told first is TLS, or nothing. False without memory. */
static bool begin(struct conn *c)
{
    const struct http_service *s = c->service;
    c->secure = !s->tls;
    if (!s->tls)
        return true;
    c->tls = tls_accept(s->tls, c->io.fd, s->handler->message ? TLS_FOR_DNS : TLS_FOR_HTTP);
    if (c->tls)
        begin_handshake(c);
    return c->tls != NULL;
}

static void set_peer(struct conn *c, const struct ip *peer)
{
    c->relay = proxies_trust(c->set->proxies, peer);
    c->client = c->relay ? (struct ip){0} : *peer;
}

/* The proxy's header is whole. One that asks for itself stays a relay; one that does not say for whom it asks
 * does not, or its unknown client's headers would be believed. */
static bool introduce(struct conn *c)
{
    struct ip client;
    if (proxy_client(c->greeting, &client)) {
        set_peer(c, &client);
        if (!c->set->introduced(c->set, &client, &c->owner))
            return false;
    }
    free(c->greeting);
    c->greeting = NULL;
    return begin(c);
}

/* Reads on in the proxy's header, and nothing behind it. */
static bool greet(struct conn *c)
{
    enum proxy_status status = PROXY_MORE;
    while (status == PROXY_MORE) {
        ssize_t n = recv(c->io.fd, c->set->in, proxy_wants(c->greeting), 0);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return true;
        /* Health checks may come and go without a word. */
        if (n == 0 && c->greeting->have == 0)
            return false;
        status = n > 0 ? proxy_take(c->greeting, c->set->in, (size_t)n) : PROXY_BAD;
    }
    if (status == PROXY_BAD)
        metric_count(METRIC_PROXY_HEADER);
    return status == PROXY_DONE && introduce(c);
}

static bool shake_hands(struct conn *c)
{
    switch (tls_handshake(c->tls)) {
    case TLS_DONE:
        c->secure = true;
        end_handshake(c);
        metric_count(tls_resumed(c->tls) ? METRIC_TLS_RESUMED : METRIC_TLS_HANDSHAKES);
        return start(c, tls_alpn(c->tls) == TLS_ALPN_H2);
    case TLS_WANT_READ:
        watch(c, EV_READ);
        return true;
    case TLS_WANT_WRITE:
        watch(c, EV_READ | EV_WRITE);
        return true;
    default:
        metric_count(METRIC_TLS_FAILED);
        return false;
    }
}

static bool wants_input(const struct conn *c)
{
    return !c->closing && !c->eof && (!c->protocol || c->protocol->wants_input(c->self));
}

static bool end_of_input(struct conn *c)
{
    c->eof = true;
    bool more = c->protocol && c->protocol->eof(c->self);
    /* A client that has said all it had to say still wants the rest of its answer. */
    if (!more && !c->left && !c->blocked)
        return false;
    c->closing = !more;
    watch(c, more ? c->io.events & EV_WRITE : EV_WRITE);
    return true;
}

/* Reads until there is nothing more, the protocol wants no more, or the budget is spent. False: the
 * connection is to be dropped. */
static bool read_some(struct conn *c)
{
    size_t budget = BUDGET;
    c->unread = false;
    while (wants_input(c)) {
        if (budget == 0) {
            conn_resume(c);
            break;
        }
        size_t n;
        enum tls_status status = transport_read(c, c->set->in, sizeof c->set->in, &n);
        c->unread = false;
        if (status == TLS_WANT_READ || status == TLS_WANT_WRITE)
            break;
        if (status == TLS_CLOSED)
            return end_of_input(c);
        if (status != TLS_DONE || !take_input(c, c->set->in, n))
            return false;
        budget -= n < budget ? n : budget;
        c->unread = transport_more(c, n, sizeof c->set->in);
        if (!c->unread)
            break;
    }
    return true;
}

/* What was answered at once leaves at once, while it is in the processor's caches: with many connections
 * ready in one turn, waiting for its end costs a sixth more. Later answers leave at the end of their turn
 * (on_flush). */
static void readable(struct conn *c)
{
    if ((c->greeting && !greet(c)) || (!c->greeting && !c->secure && !shake_hands(c)) ||
        (c->secure && !read_some(c))) {
        conn_drop(c);
    } else if (c->secure) {
        link_remove(&c->dirty);
        settle(c);
    }
}

static void on_io(struct ev_loop *loop, ev_io *w, int events)
{
    (void)loop;
    struct conn *c = w->data;
    if (c->lingering) {
        discard_input(c);
        return;
    }
    if (events & EV_WRITE && c->secure) {
        /* At once, so that streams the peer has been told the end of are closed before its next request is
         * read. */
        conn_dirty(c);
        if (!write_all(c)) {
            conn_drop(c);
            return;
        }
    }
    if (!wants_input(c))
        watch(c, c->io.events & EV_WRITE);
    else
        readable(c);
}

static void resume_one(struct conn *c)
{
    if (c->lingering)
        return;
    if (c->protocol && !c->closing)
        feed(c, NULL, 0);
    if (c->eof)
        conn_dirty(c);
    else
        readable(c);
}

static void on_resume(struct ev_loop *loop, ev_idle *w, int events)
{
    (void)events;
    struct conn_set *set = w->data;
    struct link now;
    link_move_all(&set->resumed, &now);
    for (struct link *r = link_take(&now); r; r = link_take(&now))
        resume_one(holder_of(r, struct conn, resumed));
    if (link_empty(&set->resumed))
        ev_idle_stop(loop, w);
}

bool conn_new(struct conn_set *set, int fd, const struct http_service *service, const struct ip *peer,
              void *owner)
{
    struct conn *c = calloc(1, sizeof *c);
    if (c && service->proxied)
        c->greeting = calloc(1, sizeof *c->greeting);
    if (!c || (service->proxied && !c->greeting)) {
        free(c);
        close(fd);
        return false;
    }
    c->set = set;
    c->service = service;
    set_peer(c, peer);
    c->owner = owner;
    c->timer = CONN_BUSY;
    c->born = ev_now(set->loop);
    deadline_init(&c->deadline);
    link_init(&c->all);
    link_init(&c->dirty);
    link_init(&c->resumed);
    link_init(&c->shaking);
    ev_io_init(&c->io, on_io, fd, EV_READ);
    c->io.data = c;
    if (!c->greeting && !begin(c)) {
        free(c);
        close(fd);
        return false;
    }
    link_move(&set->all, &c->all);
    set->count++;
    metric_count(METRIC_CONN_OPEN);
    metric_count(service->handler->message ? METRIC_CONN_DOT
                 : service->tls            ? METRIC_CONN_TLS
                                           : METRIC_CONN_PLAIN);
    ev_io_start(set->loop, &c->io);
    run_timer(c, phase_of(c));
    return true;
}

bool conn_set_init(struct conn_set *set, struct ev_loop *loop, const struct front_limits *limits)
{
    set->loop = loop;
    set->limits = *limits;
    deadlines_init(&set->timer[CONN_IDLE], loop, limits->idle_timeout, on_idle_expired);
    deadlines_init(&set->timer[CONN_READ], loop, limits->read_timeout, on_read_expired);
    deadlines_init(&set->timer[CONN_WRITE], loop, limits->write_timeout, on_write_expired);
    deadlines_init(&set->timer[CONN_LINGER], loop, LINGER_SECONDS, on_linger_expired);
    link_init(&set->all);
    link_init(&set->dirty);
    link_init(&set->resumed);
    link_init(&set->shaking);
    set->queries = limits->query_rate ? rate_new(limits->query_rate) : NULL;
    ev_prepare_init(&set->flush, on_flush);
    /* Last of all: what others do at the end of a turn may still be an answer. */
    ev_set_priority(&set->flush, EV_MINPRI);
    set->flush.data = set;
    ev_prepare_start(loop, &set->flush);
    ev_idle_init(&set->resume, on_resume);
    /* An idle watcher of the highest priority runs in every turn, after polling, however busy the loop is. */
    ev_set_priority(&set->resume, EV_MAXPRI);
    set->resume.data = set;
    return set->queries || !limits->query_rate;
}

void conn_set_fini(struct conn_set *set)
{
    on_flush(set->loop, &set->flush, 0);
    while (!link_empty(&set->all))
        conn_drop(holder_of(set->all.next, struct conn, all));
    for (int i = 0; i < CONN_TIMERS; i++)
        deadlines_fini(&set->timer[i]);
    ev_prepare_stop(set->loop, &set->flush);
    ev_idle_stop(set->loop, &set->resume);
    rate_free(&set->queries);
}

/* Handshakes are over in no time: where they are many, few of them are honest. */
static struct conn *worth_least(struct conn_set *set)
{
    if ((uint64_t)set->shaking_count * 4 > set->count)
        return holder_of(set->shaking.next, struct conn, shaking);
    struct deadline *d = deadlines_oldest(&set->timer[CONN_IDLE]);
    if (!d)
        d = deadlines_oldest(&set->timer[CONN_READ]);
    return d ? holder_of(d, struct conn, deadline) : NULL;
}

bool conn_set_make_room(struct conn_set *set)
{
    struct conn *c = worth_least(set);
    if (!c)
        return false;
    metric_count(METRIC_CONN_EVICTED);
    if (c->protocol && !c->closing) {
        c->protocol->timeout(c->self, false);
        write_all(c);
    }
    conn_drop(c);
    return true;
}

void conn_set_drain(struct conn_set *set, bool final)
{
    set->draining = true;
    for (struct link *r = set->all.next; r != &set->all; r = r->next) {
        struct conn *c = holder_of(r, struct conn, all);
        if (c->protocol && !c->lingering) {
            c->protocol->drain(c->self, final);
            conn_dirty(c);
        }
    }
}
