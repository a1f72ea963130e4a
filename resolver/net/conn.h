/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A connection: a socket with or without TLS, its input and output, and its timeouts. It knows no protocol.
 *
 * A conn_set is what all connections of a front share. Rules that always hold:
 * - Input is read into one buffer of the set and handed to the protocol at once. Output is pulled from the
 * protocol after all input of a wake-up was handed over, and at the end of a turn of the loop for what was
 * answered elsewhere; so it leaves in as few writes as possible. A connection owns an output buffer only
 * while its peer does not take what was written.
 * - Neither reading nor writing one connection goes on for more than 64 KiB in a turn.
 * - A connection ends only in the loop's own callbacks, never below a protocol's function: a protocol says
 * that it is done and is asked again after its output has left. */
#ifndef POLYNYA_NET_CONN_H
#define POLYNYA_NET_CONN_H

#include "resolver/net/deadline.h"
#include "resolver/net/forwarded.h"
#include "resolver/net/http.h"
#include "resolver/net/limits.h"
#include "resolver/net/tls.h"

/* What a connection waits for, and so which timeout runs. CONN_BUSY: for us, so none does. */
enum conn_timer { CONN_IDLE, CONN_READ, CONN_WRITE, CONN_LINGER, CONN_TIMERS, CONN_BUSY = CONN_TIMERS };

/* Bytes that a client must take of what waits for it, so that the write timeout starts anew. */
enum { CONN_TAKEN_LEAST = 1024 };

/* The timeout starts anew when mark changes. */
struct conn_phase {
    enum conn_timer timer;
    uint64_t mark;
};

/* A write is at most this long, and so is a TLS record. */
enum { CONN_RECORD = 16384, CONN_CHUNK_MAX = 32768 };

struct conn_protocol {
    /* n may be 0: go on with what was kept back. False: nothing more can be read; send what there is and
     * close. */
    bool (*input)(void *self, const uint8_t *data, size_t n);
    bool (*wants_input)(const void *self);
    /* The peer sends no more. False: nothing is left to say, either. */
    bool (*eof)(void *self);
    /* Writes what is to be sent to out until there are CONN_RECORD bytes or nothing is left; there is room
     * for CONN_CHUNK_MAX more than that. Negative: the session is broken. */
    ssize_t (*output)(void *self, uint8_t *out);
    /* output gives less at a time than there is: what belongs in a record of its own. */
    bool apart;
    /* With all output gone: is this connection to be closed? */
    bool (*done)(void *self);
    struct conn_phase (*phase)(const void *self);
    /* The idle or (reading) the read timeout has passed: say so to the peer; the connection closes after
     * that. */
    void (*timeout)(void *self, bool reading);
    /* Asks the peer to leave; final: a second later, for those who could not know. */
    void (*drain)(void *self, bool final);
    /* The connection is gone. Frees self; streams not yet answered live on by themselves. */
    void (*detach)(void *self);
};

struct conn;
struct h2_setup;

struct conn_set {
    struct ev_loop *loop;
    struct front_limits limits;
    struct h2_setup *h2;
    /* Gives c a protocol by conn_use, or leaves it without (no memory): DNS where its handler takes messages,
     * else HTTP. h2: agreed by ALPN or seen by its preface. */
    void (*start)(struct conn *c, bool h2);
    /* A proxy has told whose connection it is: its owner, which may be NULL. False: it may not stay. */
    bool (*introduced)(struct conn_set *set, const struct ip *client, void **owner);
    /* c has ended; owner is what conn_new was given, or introduced gave. */
    void (*ended)(struct conn_set *set, void *owner);
    struct deadlines timer[CONN_TIMERS];
    struct link all, dirty, resumed;
    struct link shaking; /* hands, oldest first */
    unsigned shaking_count;
    struct rate *queries;
    const struct proxies *proxies; /* borrowed; NULL: nobody is trusted to speak for others */
    ev_prepare flush;
    ev_idle resume;
    unsigned count;
    size_t held;      /* bytes of all arenas of requests and answers */
    size_t held_most; /* the greatest that was, since whoever looks at it has set it */
    bool draining;
    uint8_t in[CONN_RECORD];
    uint8_t out[2 * CONN_RECORD + CONN_CHUNK_MAX];
};

/* False without memory; conn_set_fini is owed either way. */
bool conn_set_init(struct conn_set *set, struct ev_loop *loop, const struct front_limits *limits);
/* Sends what can be sent at once and closes all connections. */
void conn_set_fini(struct conn_set *set);
void conn_set_drain(struct conn_set *set, bool final);
/* Ends the connection that can be spared best: where more than a quarter are still at their handshakes, the
 * oldest of those; else one that has taken nothing of its answers for seconds, else the one idle for longest,
 * else the one whose request has been coming in for longest, else whose answer has been leaving for longest.
 * False if there is none. */
bool conn_set_make_room(struct conn_set *set);

/* Takes fd; service is borrowed. False (and fd closed) without memory. */
bool conn_new(struct conn_set *set, int fd, const struct http_service *service, const struct ip *peer,
              void *owner);

/* For protocols. */
void conn_use(struct conn *c, const struct conn_protocol *protocol, void *self);
/* Makes f ready for the header fields of a request. */
void conn_forwarded(const struct conn *c, struct forwarded *f);
/* A whole request has come: tells from whom (the connection's own client, or whom its proxy speaks for),
 * counts it, and asks a connection that has had enough to leave. False: this client asks too often, the
 * answer is REASON_RATE. */
bool conn_request(struct conn *c, const struct forwarded *f, struct ip *client);
/* There is output (or an end) to be seen to before this turn of the loop is over. */
void conn_dirty(struct conn *c);
/* Calls input again in the next turn. */
void conn_resume(struct conn *c);
struct conn_set *conn_set_of(const struct conn *c);
const struct http_handler *conn_handler(const struct conn *c);
/* Is the peer a proxy: a trusted one, or any where we serve in clear? */
bool conn_by_proxy(const struct conn *c);

/* What streams hold is counted for the whole set; over HELD_MAX new requests are refused. counted is what was
 * counted for a stream before, and is brought up to `now`. */
enum { CONN_HELD_MAX = 64 * 1024 * 1024 };
static inline void conn_hold(struct conn_set *set, size_t *counted, size_t now)
{
    set->held += now - *counted;
    if (set->held > set->held_most)
        set->held_most = set->held;
    *counted = now;
}

/* For output: moves what fits of from's bytes to out; returns how many that are. */
static inline size_t conn_move(uint8_t *out, size_t room, struct bytes *from)
{
    size_t n = from->len < room ? from->len : room;
    if (n == 0)
        return 0; /* data may be NULL */
    memcpy(out, from->data, n);
    from->data += n;
    from->len -= n;
    return n;
}

#endif
