/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries over UDP: see udp.h. A socket belongs to its queries: the last to be closed closes it. While it
 * stands in its pool, it may get more. */
#include "resolver/udp.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/hash.h"
#include "data/base/metric.h"

enum { PORT_MIN = 1024, PORT_COUNT = 65536 - PORT_MIN, PORT_DRAWS = 5 };
enum { DATAGRAMS = 16 /* of a socket in a turn of the loop: a flood to one does not starve the others */ };

struct udp_socket {
    ev_io io;
    struct udp *udp;
    const union sock_addr *server;
    struct link queries; /* oldest first */
    ev_tstamp born;      /* 0: no more queries are sent from it */
    unsigned uses;
    uint16_t sent[UDP_USES];  /* their IDs: a late answer is no forgery */
    int error;                /* that a send was told of, but that queries before it have earned */
    struct udp_socket **slot; /* in its pool; NULL: it gets no more */
    bool busy;                /* its datagrams are being handed out */
};

/* Failing to bind is no error: connect then gives the socket a port of the kernel's choice, random too. */
static void bind_random(int fd, sa_family_t family)
{
    union sock_addr any;
    memset(&any, 0, sizeof any);
    any.sa.sa_family = family;
    for (int i = 0; i < PORT_DRAWS; i++) {
        in_port_t port = htons((uint16_t)(PORT_MIN + random_below(PORT_COUNT)));
        if (family == AF_INET6)
            any.in6.sin6_port = port;
        else
            any.in.sin_port = port;
        if (bind(fd, &any.sa, sock_addr_len(&any)) == 0)
            return;
    }
}

/* -1 with errno. */
static int connected(const union sock_addr *server)
{
    int fd = socket(server->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    bind_random(fd, server->sa.sa_family);
    if (connect(fd, &server->sa, sock_addr_len(server)) == 0)
        return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static void retire(struct udp_socket *s)
{
    if (s->slot)
        *s->slot = NULL;
    s->slot = NULL;
}

static void release(struct udp_socket *s)
{
    if (s->busy || !link_empty(&s->queries))
        return;
    retire(s);
    ev_io_stop(s->udp->loop, &s->io);
    close(s->io.fd);
    free(s);
}

/* What has come */

static void fail_all(struct udp_socket *s, int error)
{
    struct link now, *r;
    retire(s);
    link_move_all(&s->queries, &now);
    while ((r = link_take(&now))) {
        struct udp_query *q = holder_of(r, struct udp_query, link);
        link_append(&s->queries, r);
        q->failed(q, error);
    }
}

static struct udp_query *query_of(const struct udp_socket *s, uint16_t id)
{
    for (struct link *r = s->queries.next; r != &s->queries; r = r->next) {
        struct udp_query *q = holder_of(r, struct udp_query, link);
        if (q->id == id)
            return q;
    }
    return NULL;
}

static bool has_sent(const struct udp_socket *s, uint16_t id)
{
    for (unsigned i = 0; i < s->uses; i++)
        if (s->sent[i] == id)
            return true;
    return false;
}

static void hand_out(struct udp_socket *s, uint8_t *reply, size_t len)
{
    struct udp_query *q = len >= 2 ? query_of(s, get_u16(reply)) : NULL;
    if (!q && !link_empty(&s->queries) && !(len >= 2 && has_sent(s, get_u16(reply))))
        q = holder_of(s->queries.next, struct udp_query, link);
    if (q)
        q->reply(q, reply, len);
}

/* Handles one datagram or error; false if there was none. */
static bool receive(struct udp_socket *s)
{
    struct udp *u = s->udp;
    union sock_addr from;
    socklen_t from_len = sizeof from;
    ssize_t n = recvfrom(s->io.fd, u->buffer, sizeof u->buffer, 0, &from.sa, &from_len);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (n < 0)
        fail_all(s, errno);
    else if (sock_addr_equal(&from, s->server))
        hand_out(s, u->buffer, (size_t)n);
    else
        metric_count(METRIC_UPSTREAM_BAD_SOURCE);
    return true;
}

static void on_readable(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct udp_socket *s = holder_of(io, struct udp_socket, io);
    s->busy = true;
    if (s->error)
        fail_all(s, s->error);
    s->error = 0;
    for (int i = 0; i < DATAGRAMS && receive(s) && !link_empty(&s->queries); i++)
        continue;
    s->busy = false;
    release(s);
}

/* What goes out */

/* A socket that nobody else will use, with errno where there is none. */
static struct udp_socket *socket_new(struct udp *u, const union sock_addr *server)
{
    struct udp_socket *s = malloc(sizeof *s);
    int fd = s ? connected(server) : -1;
    if (fd < 0) {
        free(s);
        return NULL;
    }
    s->udp = u;
    s->server = server;
    link_init(&s->queries);
    s->born = ev_now(u->loop);
    s->uses = 0;
    s->error = 0;
    s->busy = false;
    s->slot = NULL;
    ev_io_init(&s->io, on_readable, fd, EV_READ);
    ev_io_start(u->loop, &s->io);
    return s;
}

/* One without a query is on its way out (on_readable). */
static bool may_send(const struct udp_socket *s, uint16_t id)
{
    return s->uses < UDP_USES && ev_now(s->udp->loop) - s->born <= UDP_AGE && !link_empty(&s->queries) &&
           !has_sent(s, id);
}

static struct udp_pool *pool_of(struct udp *u, const union sock_addr *server)
{
    for (int i = 0; i < UDP_SERVERS; i++) {
        if (!u->pool[i].server)
            u->pool[i].server = server;
        if (u->pool[i].server == server)
            return &u->pool[i];
    }
    return NULL;
}

/* One drawn from the pool, or a new one in its place. */
static struct udp_socket *draw(struct udp *u, const union sock_addr *server, uint16_t id)
{
    struct udp_pool *p = pool_of(u, server);
    if (!p)
        return socket_new(u, server);
    struct udp_socket **slot = &p->socket[random_below(UDP_POOL)];
    if (*slot && may_send(*slot, id))
        return *slot;
    struct udp_socket *s = socket_new(u, server);
    if (!s)
        return NULL;
    if (*slot)
        retire(*slot);
    s->slot = slot;
    return *slot = s;
}

/* Whether a query before q has been sent from the same socket and waits. */
static bool is_first(const struct udp_socket *s, const struct udp_query *q)
{
    const struct udp_query *first = holder_of(s->queries.next, struct udp_query, link);
    return first == q || first->out;
}

/* An error may have been told that those before have earned: they shall know, and this one is sent again. */
static int send_from(struct udp_socket *s, const struct udp_query *q, const struct udp_message *m)
{
    if (send(s->io.fd, m->data, m->len, 0) >= 0)
        return 0;
    int error = errno;
    retire(s);
    if (is_first(s, q))
        return error;
    s->error = error;
    ev_feed_event(s->udp->loop, &s->io, EV_READ);
    return send(s->io.fd, m->data, m->len, 0) >= 0 ? 0 : errno;
}

static void send_waiting(struct udp_message *m)
{
    struct udp_query *q = m->query;
    if (!q)
        return;
    int error = send_from(q->socket, q, m);
    m->query = NULL;
    q->out = NULL;
    if (error)
        q->failed(q, error);
}

/* One that failed may be asked again at once, and find the batch full: this is called again then, and goes on
 * where it was. */
static void flush(struct udp *u)
{
    while (u->sent < u->waiting)
        send_waiting(&u->out[u->sent++]);
    u->sent = u->waiting = 0;
}

static void on_flush(struct ev_loop *loop, struct ev_prepare *prepare, int events)
{
    (void)loop, (void)events;
    flush(holder_of(prepare, struct udp, flush));
}

void udp_init(struct udp *u, struct ev_loop *loop, unsigned max)
{
    u->loop = loop;
    u->max = max;
    ev_prepare_init(&u->flush, on_flush);
    ev_set_priority(&u->flush, EV_MINPRI);
}

void udp_fini(struct udp *u)
{
    ev_clear_pending(u->loop, &u->flush);
}

int udp_send(struct udp *u, struct udp_query *q, const union sock_addr *server, struct bytes message)
{
    if (u->open >= u->max)
        return EMFILE;
    if (u->waiting == UDP_BATCH)
        flush(u);
    q->id = get_u16(message.data);
    struct udp_socket *s = draw(u, server, q->id);
    if (!s)
        return errno;
    s->sent[s->uses++] = q->id;
    q->socket = s;
    q->out = &u->out[u->waiting++];
    q->out->query = q;
    q->out->len = message.len;
    memcpy(q->out->data, message.data, message.len);
    link_append(&s->queries, &q->link);
    u->open++;
    ev_feed_event(u->loop, &u->flush, EV_PREPARE);
    return 0;
}

void udp_close(struct udp_query *q)
{
    struct udp_socket *s = q->socket;
    if (q->out)
        q->out->query = NULL;
    link_remove(&q->link);
    s->udp->open--;
    release(s);
}
