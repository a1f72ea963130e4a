/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The servers we ask, and one lookup over them.
 *
 * Every byte of a reply is an attacker's: a reply counts only if it came from the server asked, to the port
 * asked from, with the ID, the question and the 0x20 case sent; anything else is dropped and counted, and the
 * lookup waits on. A truncated reply is asked again over TCP. When the server asked is late, another is
 * asked as well; servers are judged over many names, and with all of them on hold they are tried anyway.
 *
 * Servers of one group stand for each other; which group is asked is the name's alone (forward.h). One that
 * is asked over TLS or HTTPS has to prove first who it is, and is never asked in clear text. */
#ifndef POLYNYA_RESOLVER_UPSTREAM_H
#define POLYNYA_RESOLVER_UPSTREAM_H

#include <ev.h>

#include "data/conf/conf.h"
#include "data/dns/msg.h"
#include "resolver/peers.h"
#include "resolver/validator/hearing.h"

struct upstream;
struct upstream_lookup;

/* reply is borrowed for the call; empty unless why is REASON_OK. A reply is a whole message with the right ID
 * and question (case as in q->name), RCODE NOERROR or NXDOMAIN. SERVFAIL, REFUSED, FORMERR, NOTIMP from one
 * server move on to the next; from all, why says so. */
typedef void upstream_done(void *self, enum reason why, struct bytes reply);

/* peers: of the same config, borrowed; NULL if it has no server with TLS. */
struct upstream *upstream_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers);
/* Lookups under way end with REASON_UPSTREAM_DEAD. */
void upstream_free(struct upstream **u);
/* Asks for q's name, type, DO and CD (lower-cased name; client subnet never). done is called exactly once,
 * never before this returns; NULL when nothing could be started (no memory): then done is not called.
 *
 * hearing: where it has servers, their answers to q were not believed: others are asked, but for those on
 * hold, and for the time of one try. NULL is returned if none is left, or EXCHANGE_HEARD_MAX were heard. Who
 * answers is added before done is called, until when it is borrowed. NULL: nobody is left out. */
struct upstream_lookup *upstream_ask(struct upstream *u, const struct dns_query *q, struct hearing *hearing,
                                     upstream_done *done, void *self);
/* Those servers' answers to a question were not to be believed, and another's was: tells the operator. */
void upstream_refuted(struct upstream *u, uint64_t servers);
/* All servers that q would be asked of are taken for dead. */
bool upstream_dead(const struct upstream *u, const struct dns_query *q);
/* A rule of the operator's says where q is asked: then nothing that is built in about names (local zones,
 * denials of other servers) holds for it. */
bool upstream_forwards(const struct upstream *u, const struct dns_query *q);
/* Ends a lookup without done being called. Not from within a callback of the same lookup. */
void upstream_cancel(struct upstream_lookup **l);

struct upstream_state {
    union sock_addr address;
    const char *protocol, *group; /* borrowed from the upstream */
    bool on_hold;
    uint32_t rtt_ms;       /* smoothed, 0 if never measured */
    uint32_t loss_percent; /* of the latest tries */
    uint64_t queries, timeouts;
};
/* For `polynya status`: fills at most cap rows, returns how many servers there are. */
unsigned upstream_states(const struct upstream *u, struct upstream_state *out, unsigned cap);

#endif
