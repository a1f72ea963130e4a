/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams to servers: see dial.h. */
#include "resolver/net/dial.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "resolver/net/byte_io.h"

static const struct {
    const char *name, *text;
} ends[DIAL_ENDS] = {
#define DIAL(id, n, t) [DIAL_END_##id] = {n, t},
#include "resolver/net/dial.def"
#undef DIAL
};

static const enum dial_end end_of_fault[] = {[TLS_FAULT_NONE] = DIAL_END_CLOSED,
                                             [TLS_FAULT_NAME] = DIAL_END_NAME,
                                             [TLS_FAULT_ISSUER] = DIAL_END_ISSUER,
                                             [TLS_FAULT_TIME] = DIAL_END_TIME,
                                             [TLS_FAULT_PIN] = DIAL_END_PIN,
                                             [TLS_FAULT_CERTIFICATE] = DIAL_END_CERTIFICATE,
                                             [TLS_FAULT_HANDSHAKE] = DIAL_END_HANDSHAKE};

const char *dial_end_name(enum dial_end why)
{
    return ends[why].name;
}

const char *dial_end_text(enum dial_end why)
{
    return ends[why].text;
}

bool dial_end_is_tls(enum dial_end why)
{
    return why >= DIAL_END_NAME && why <= DIAL_END_HANDSHAKE;
}

static void wait_for(struct dial *d, int events)
{
    if (ev_is_active(&d->io) && (d->io.events & (EV_READ | EV_WRITE)) == events)
        return;
    ev_io_stop(d->loop, &d->io);
    ev_io_set(&d->io, d->io.fd, events);
    ev_io_start(d->loop, &d->io);
}

static void fail(struct dial *d, enum dial_end why)
{
    dial_close(d);
    d->failed(d, why);
}

static void opened(struct dial *d)
{
    d->state = DIAL_OPEN;
    wait_for(d, EV_READ | (d->writing ? EV_WRITE : 0));
    d->ready(d);
}

static void shake(struct dial *d)
{
    enum tls_status s = tls_handshake(d->tls);
    if (s == TLS_WANT_READ || s == TLS_WANT_WRITE) {
        wait_for(d, s == TLS_WANT_READ ? EV_READ : EV_WRITE);
        return;
    }
    enum tls_fault fault = tls_fault(d->tls);
    /* Cut off in the handshake without a word: it may be full, or going down. */
    if (s == TLS_CLOSED && fault == TLS_FAULT_HANDSHAKE)
        fault = TLS_FAULT_NONE;
    if (s != TLS_DONE || fault != TLS_FAULT_NONE)
        fail(d, end_of_fault[fault]);
    else
        opened(d);
}

static bool is_connected(const struct dial *d)
{
    int error = 0;
    socklen_t len = sizeof error;
    return getsockopt(d->io.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0;
}

static void connected(struct dial *d)
{
    if (!is_connected(d)) {
        fail(d, DIAL_END_UNREACHABLE);
    } else if (!d->peer) {
        opened(d);
    } else {
        d->state = DIAL_SHAKING;
        shake(d);
    }
}

static void on_io(struct ev_loop *loop, struct ev_io *io, int events)
{
    (void)loop, (void)events;
    struct dial *d = io->data;
    if (d->state == DIAL_CONNECTING)
        connected(d);
    else if (d->state == DIAL_SHAKING)
        shake(d);
    else
        d->ready(d);
}

void dial_init(struct dial *d)
{
    ev_init(&d->io, on_io);
    d->io.data = d;
    d->tls = NULL;
    d->state = DIAL_SHUT;
}

static void set_options(int fd)
{
    int one = 1, unconfirmed = DIAL_UNCONFIRMED_MAX;
    /* Without it a second small query would wait for the ACK of the first. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &unconfirmed, sizeof unconfirmed);
}

bool dial_open(struct dial *d, const union sock_addr *server)
{
    int fd = socket(server->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    d->state = DIAL_CONNECTING;
    d->writing = false;
    ev_io_set(&d->io, fd, EV_WRITE);
    set_options(fd);
    if ((!d->peer || (d->tls = tls_connect(d->peer, fd))) &&
        (connect(fd, &server->sa, sock_addr_len(server)) == 0 || errno == EINPROGRESS)) {
        ev_io_start(d->loop, &d->io);
        return true;
    }
    dial_close(d);
    return false;
}

void dial_close(struct dial *d)
{
    if (d->state == DIAL_SHUT)
        return;
    if (d->tls && d->state == DIAL_OPEN)
        tls_shutdown(d->tls);
    tls_conn_free(&d->tls);
    ev_clear_pending(d->loop, &d->io);
    ev_io_stop(d->loop, &d->io);
    close(d->io.fd);
    d->state = DIAL_SHUT;
}

enum tls_status dial_read(struct dial *d, void *buf, size_t cap, size_t *n)
{
    return byte_read(d->tls, d->io.fd, buf, cap, n);
}

enum tls_status dial_write(struct dial *d, const void *buf, size_t len, size_t *n)
{
    return byte_write(d->tls, d->io.fd, buf, len, n);
}

void dial_want_write(struct dial *d, bool want)
{
    d->writing = want;
    if (d->state == DIAL_OPEN)
        wait_for(d, EV_READ | (want ? EV_WRITE : 0));
}

/* The kernel repeats after 200 ms at least and more than the round trip, so this knows long ways by itself. A
 * peer that has no room for more, or loses some of it, still sends ACKs. */
bool dial_unconfirmed(const struct dial *d)
{
    struct tcp_info info = {0};
    socklen_t len = sizeof info;
    return d->state == DIAL_OPEN && getsockopt(d->io.fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
           info.tcpi_unacked > 0 && (info.tcpi_retrans > 0 || info.tcpi_retransmits > 0) &&
           info.tcpi_last_ack_recv >= DIAL_UNHEARD;
}

void dial_feed(struct dial *d)
{
    if (d->state == DIAL_OPEN)
        ev_feed_event(d->loop, &d->io, EV_READ);
}
