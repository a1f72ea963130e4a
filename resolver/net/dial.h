/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A byte stream to a server, plain TCP or TLS, that we open; read and written alike.
 *
 * Nothing blocks: connecting and the handshake go on in the loop. A TLS stream carries no byte of its user's
 * before the handshake has proved who is there (tls_client.h), and is never replaced by a plain one. */
#ifndef POLYNYA_NET_DIAL_H
#define POLYNYA_NET_DIAL_H

#include <ev.h>

#include "data/base/address.h"
#include "resolver/net/tls_client.h"

enum dial_state { DIAL_SHUT, DIAL_CONNECTING, DIAL_SHAKING, DIAL_OPEN };

enum dial_end {
#define DIAL(id, name, text) DIAL_END_##id,
#include "resolver/net/dial.def"
#undef DIAL
    DIAL_ENDS
};

enum {
    /* ms that sent bytes may stay unconfirmed: behind it the way or the peer is gone, which a slow answer
     * alone does not mean */
    DIAL_UNCONFIRMED_MAX = 1500,
    DIAL_UNHEARD = 300 /* ms without an ACK, until bytes that were repeated are called unconfirmed */
};

/* Embedded; the first four fields are set by who dials, and stay. */
struct dial {
    struct ev_loop *loop;
    struct tls_client *peer; /* borrowed; NULL: plain TCP */
    /* It is open, or there is something to read or room to write. May close. */
    void (*ready)(struct dial *d);
    /* It could not be opened; it is shut already. */
    void (*failed)(struct dial *d, enum dial_end why);
    struct ev_io io;
    struct tls_conn *tls;
    enum dial_state state;
    bool writing; /* dial_want_write */
};

void dial_init(struct dial *d);
/* Begins to connect. False if that failed at once: then it is shut and no callback follows. */
bool dial_open(struct dial *d, const union sock_addr *server);
/* Closes at once; harmless if it is shut. */
void dial_close(struct dial *d);

/* In state DIAL_OPEN. TLS_DONE with *n > 0; TLS_WANT_READ or TLS_WANT_WRITE: nothing for now, `ready` comes;
 * else the stream is over, and the caller closes. */
enum tls_status dial_read(struct dial *d, void *buf, size_t cap, size_t *n);
enum tls_status dial_write(struct dial *d, const void *buf, size_t len, size_t *n);
/* Whether `ready` is called when there is room to write. */
void dial_want_write(struct dial *d, bool want);
/* What was sent had to be repeated, and nothing confirms it: the way or the peer may be gone without a word,
 * as where a firewall forgot the connection. A peer that is only slow to answer confirms. False unless open.
 */
bool dial_unconfirmed(const struct dial *d);
/* `ready` is called again even if no byte comes: more has been read than was used. */
void dial_feed(struct dial *d);

/* The row of dial.def: for machines, and a phrase for people. */
const char *dial_end_name(enum dial_end why);
const char *dial_end_text(enum dial_end why);
/* The server, or who stands between, is not whom we expect. */
bool dial_end_is_tls(enum dial_end why);

#endif
