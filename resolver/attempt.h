/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One server asked one question: sent, waited for, and asked in another way where that may help.
 *
 * Over UDP it is asked once more over TCP if the answer was truncated, the case of the name came back
 * changed, or too many wrong replies came; and once without EDNS if it does not know it. A server that is
 * asked over TLS or HTTPS is never asked otherwise. What the server's replies and silence say about it is
 * noted with it. */
#ifndef POLYNYA_RESOLVER_ATTEMPT_H
#define POLYNYA_RESOLVER_ATTEMPT_H

#include "data/base/link.h"
#include "resolver/server.h"
#include "resolver/stream.h"
#include "resolver/udp.h"

enum { ATTEMPT_BAD_MAX = 16 /* wrong replies to one query until it is asked over TCP */ };

enum attempt_state { ATTEMPT_OVER, ATTEMPT_UDP, ATTEMPT_STREAM };

/* What was seen of the server. */
enum attempt_sight { SAW_FAILED = 1, SAW_REFUSED = 2, SAW_GARBLED = 4, SAW_TIMEOUT = 8 };

/* What all attempts share. */
struct attempt_env {
    struct udp udp;
    struct link late; /* those whose time is over and whose socket is open, oldest first */
};

/* Embedded in a lookup; what stands before `state` is set by it. */
struct attempt {
    struct attempt_env *env;
    struct server *server;
    const struct asked *asked;
    uint64_t name_hash;
    int64_t patience; /* ms until it is late */
    bool escalated;   /* over TCP because UDP brought nothing: that this fails too says nothing about UDP */
    /* reply, without a length of 0, is a good answer with the name in lower case, borrowed. Otherwise the
     * server brought nothing, or was not reached. */
    void (*over)(struct attempt *a, uint8_t *reply, size_t len);
    /* It was asked once more: `due` is a new one. */
    void (*again)(struct attempt *a);
    void *lookup;
    bool hedge; /* asked while another attempt was not yet late */

    enum attempt_state state;
    unsigned sights;
    bool excluded; /* its server is out of this lookup */
    bool late;     /* its time is over, but its answer would still count */
    bool case_changed;
    int64_t sent; /* monotonic ms */
    int64_t due;  /* when it is late */
    struct udp_query udp;
    struct stream_query stream;
    struct link late_ring;
    uint16_t id; /* over UDP */
    uint8_t bad; /* wrong replies to the query under way */
    bool edns;
    bool plain_asked; /* asked again without EDNS */
};

/* Sends the question. False if that failed; no callback follows then. */
bool attempt_start(struct attempt *a);
/* The case came back changed, or too little came back: the same server once more, over TCP. */
void attempt_over_tcp(struct attempt *a);
/* Its time is over. */
void attempt_is_late(struct attempt *a);
/* Another's answer came first. */
void attempt_outrun(struct attempt *a, int64_t now);
void attempt_close(struct attempt *a);
enum transport attempt_transport(const struct attempt *a);

#endif
