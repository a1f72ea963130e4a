/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How connections end: see conn_inner.h. */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/base/metric.h"
#include "resolver/net/conn_inner.h"

void conn_end_handshake(struct conn *c)
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

void conn_drop(struct conn *c)
{
    struct conn_set *set = c->set;
    ev_io_stop(set->loop, &c->io);
    deadline_stop(&c->deadline);
    link_remove(&c->all);
    link_remove(&c->dirty);
    link_remove(&c->resumed);
    conn_end_handshake(c);
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
void conn_abort(struct conn *c)
{
    setsockopt(c->io.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
    conn_drop(c);
}

void conn_watch(struct conn *c, int events)
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
void conn_linger(struct conn *c)
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
    conn_watch(c, EV_READ);
}

void conn_discard(struct conn *c)
{
    size_t budget = CONN_BUDGET;
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
