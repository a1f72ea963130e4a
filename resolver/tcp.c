/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Pipelined queries over TCP: see tcp.h.
 *
 * The connection breaks only in callbacks of the loop, never inside tcp_ask or tcp_cancel: a query's callback
 * may call both while the connection's buffers are being walked. */
#include "resolver/tcp.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/hash.h"
#include "data/base/metric.h"

enum { FRAME_HEAD = 2, IN_SIZE = FRAME_HEAD + DNS_MSG_MAX, ID_BUCKETS = 256, OUT_FIRST = 4096 };

enum state { CLOSED, CONNECTING, OPEN };

struct tcp {
    struct ev_loop *loop;
    const union sock_addr *server;
    struct ev_io io;
    struct ev_timer timer; /* silence while an answer is owed, else idleness */
    enum state state;
    bool owed; /* bytes were asked for and none came since; outlives the cancelling of queries */
    unsigned under_way;
    struct link queries;
    struct link failing; /* queries about to be told that they failed */
    struct link ids[ID_BUCKETS];
    uint8_t *in;
    size_t in_len;
    uint8_t *out;
    size_t out_len, out_cap;
};

static struct link *id_bucket(struct tcp *t, uint16_t id)
{
    return &t->ids[id % ID_BUCKETS];
}

static struct tcp_query *find_query(struct tcp *t, uint16_t id)
{
    struct link *bucket = id_bucket(t, id);
    for (struct link *l = bucket->next; l != bucket; l = l->next) {
        struct tcp_query *q = holder_of(l, struct tcp_query, same_id);
        if (q->id == id)
            return q;
    }
    return NULL;
}

static uint16_t draw_id(struct tcp *t)
{
    uint16_t id = random_u16();
    while (find_query(t, id)) /* at most one in 65 is taken */
        id = random_u16();
    return id;
}

static void take_off(struct tcp *t, struct tcp_query *q)
{
    /* A query in `failing` has left the table of IDs and is not counted any more. */
    if (!link_empty(&q->same_id))
        t->under_way--;
    link_remove(&q->same_id);
    link_remove(&q->ring);
}

static void watch(struct tcp *t)
{
    int events = EV_READ | (t->out_len > 0 || t->state == CONNECTING ? EV_WRITE : 0);
    if (ev_is_active(&t->io) && (t->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(t->loop, &t->io);
    ev_io_set(&t->io, t->io.fd, events);
    ev_io_start(t->loop, &t->io);
}

static void set_timer(struct tcp *t, bool owed)
{
    t->owed = owed;
    t->timer.repeat = owed ? TCP_SILENCE : TCP_IDLE;
    ev_timer_again(t->loop, &t->timer);
}

static void disconnect(struct tcp *t)
{
    if (t->state == CLOSED)
        return;
    ev_io_stop(t->loop, &t->io);
    ev_timer_stop(t->loop, &t->timer);
    close(t->io.fd);
    free(t->in);
    free(t->out);
    t->in = t->out = NULL;
    t->in_len = t->out_len = t->out_cap = 0;
    t->owed = false;
    t->state = CLOSED;
}

static bool start_connect(struct tcp *t)
{
    int one = 1;
    int fd = socket(t->server->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    t->in = malloc(IN_SIZE);
    t->out = malloc(OUT_FIRST);
    t->out_cap = OUT_FIRST;
    t->state = CONNECTING;
    ev_io_set(&t->io, fd, EV_READ | EV_WRITE);
    /* Without it a second small query would wait for the ACK of the first. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (t->in && t->out &&
        (connect(fd, &t->server->sa, sock_addr_len(t->server)) == 0 || errno == EINPROGRESS))
        return true;
    disconnect(t);
    return false;
}

static uint8_t *reserve_out(struct tcp *t, size_t n)
{
    if (t->out_len + n > TCP_UNSENT_MAX)
        return NULL;
    if (t->out_len + n > t->out_cap) {
        uint8_t *grown = realloc(t->out, t->out_cap * 2);
        if (!grown)
            return NULL;
        t->out = grown;
        t->out_cap *= 2;
    }
    return t->out + t->out_len;
}

/* q has its ID. False: the queue is full. */
static bool enqueue(struct tcp *t, struct tcp_query *q)
{
    uint8_t *frame = reserve_out(t, FRAME_HEAD + ASKED_MAX);
    if (!frame)
        return false;
    size_t len = asked_write(q->asked, q->id, q->edns, frame + FRAME_HEAD);
    put_u16(frame, (uint16_t)len);
    t->out_len += FRAME_HEAD + len;
    q->tcp = t;
    link_append(&t->queries, &q->ring);
    link_append(id_bucket(t, q->id), &q->same_id);
    t->under_way++;
    metric_count(METRIC_UPSTREAM_QUERIES_TCP);
    if (!t->owed)
        set_timer(t, true);
    watch(t);
    return true;
}

/* Callbacks may cancel other queries of the list, and ask anew. */
static void fail_all(struct tcp *t)
{
    while (!link_empty(&t->failing)) {
        struct tcp_query *q = holder_of(t->failing.next, struct tcp_query, ring);
        link_remove(&q->ring);
        q->tcp = NULL;
        q->failed(q);
    }
}

static void resend_or_fail(struct tcp *t, struct tcp_query *q, bool again)
{
    take_off(t, q);
    bool resend = again && !q->resent && (t->state != CLOSED || start_connect(t));
    q->resent = q->cold = true;
    if (!resend || !enqueue(t, q))
        link_append(&t->failing, &q->ring);
}

/* Ends the connection. again: it once worked, so what is under way gets another. */
static void break_off(struct tcp *t, bool again)
{
    struct link old;
    disconnect(t);
    link_init(&old);
    while (!link_empty(&t->queries)) {
        struct link *l = t->queries.next;
        l->prev->next = l->next;
        l->next->prev = l->prev;
        link_append(&old, l);
    }
    while (!link_empty(&old))
        resend_or_fail(t, holder_of(old.next, struct tcp_query, ring), again);
    fail_all(t);
}

/* False on a broken connection. */
static bool write_out(struct tcp *t)
{
    ssize_t n = send(t->io.fd, t->out, t->out_len, MSG_NOSIGNAL);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    t->out_len -= (size_t)n;
    memmove(t->out, t->out + n, t->out_len);
    return true;
}

static void deliver(struct tcp *t, uint8_t *message, size_t len)
{
    struct tcp_query *q = len >= DNS_HEADER ? find_query(t, get_u16(message)) : NULL;
    if (q)
        q->reply(q, message, len);
    else if (len < DNS_HEADER)
        metric_count(METRIC_UPSTREAM_GARBLED);
    /* An unknown ID is the late answer of a cancelled query. */
}

static bool read_in(struct tcp *t)
{
    ssize_t n = recv(t->io.fd, t->in + t->in_len, IN_SIZE - t->in_len, 0);
    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    t->in_len += (size_t)n;
    size_t at = 0;
    while (t->in_len - at >= FRAME_HEAD) {
        size_t len = get_u16(t->in + at);
        if (t->in_len - at - FRAME_HEAD < len)
            break;
        deliver(t, t->in + at + FRAME_HEAD, len);
        at += FRAME_HEAD + len;
    }
    t->in_len -= at;
    memmove(t->in, t->in + at, t->in_len);
    set_timer(t, t->under_way > 0);
    return true;
}

static bool finish_connect(struct tcp *t)
{
    int error = 0;
    socklen_t len = sizeof error;
    if (getsockopt(t->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error)
        return false;
    t->state = OPEN;
    return true;
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop;
    struct tcp *t = holder_of(io, struct tcp, io);
    if (t->state == CONNECTING && !finish_connect(t)) {
        break_off(t, false);
        return;
    }
    bool alive = true;
    if (events & EV_WRITE && t->out_len > 0)
        alive = write_out(t);
    if (alive && events & EV_READ)
        alive = read_in(t);
    if (alive)
        watch(t);
    else
        break_off(t, true);
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct tcp *t = holder_of(timer, struct tcp, timer);
    break_off(t, t->state == OPEN);
}

struct tcp *tcp_new(struct ev_loop *loop, const union sock_addr *server)
{
    struct tcp *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->loop = loop;
    t->server = server;
    ev_init(&t->io, on_io);
    ev_init(&t->timer, on_timer);
    link_init(&t->queries);
    link_init(&t->failing);
    for (size_t i = 0; i < ID_BUCKETS; i++)
        link_init(&t->ids[i]);
    return t;
}

void tcp_free(struct tcp **t)
{
    if (!*t)
        return;
    disconnect(*t);
    free(*t);
    *t = NULL;
}

bool tcp_ask(struct tcp *t, struct tcp_query *q)
{
    if (t->under_way >= TCP_UNDER_WAY_MAX || (t->state == CLOSED && !start_connect(t)))
        return false;
    q->id = draw_id(t);
    q->resent = false;
    q->cold = t->state != OPEN;
    return enqueue(t, q);
}

void tcp_cancel(struct tcp_query *q)
{
    if (!q->tcp)
        return;
    take_off(q->tcp, q);
    q->tcp = NULL;
}
