/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What leaves a connection: see conn_inner.h. */
#include <stdlib.h>

#include "resolver/net/byte_io.h"
#include "resolver/net/conn_inner.h"

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
        status = byte_write(c->tls, c->io.fd, data + off, want, &n);
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

bool conn_write_all(struct conn *c)
{
    size_t budget = CONN_BUDGET, len = 0;
    uint8_t *out = c->set->out;
    c->blocked = false;
    if (!write_left(c, &budget))
        return false;
    if (c->left || !c->protocol)
        return true;
    bool apart = c->protocol->apart;
    ssize_t n;
    do {
        n = c->protocol->output(c->self, out + len);
        if (n < 0)
            return false;
        len += (size_t)n;
        /* A tail shorter than a record waits for the next pull, unless this was the last. */
        if (len && !write_some(c, out, &len, apart || n < CONN_RECORD ? 0 : CONN_RECORD - 1, &budget))
            return false;
    } while (n >= (apart ? 1 : CONN_RECORD) && !c->blocked);
    if (len)
        keep(c, out, len);
    return len == 0 || c->left != NULL;
}

void conn_settle(struct conn *c)
{
    if (c->lingering)
        return;
    if (!c->blocked && !conn_write_all(c)) {
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
    conn_watch(c, events);
    if (reads && c->unread)
        conn_resume(c);
    conn_run_timer(c);
}
