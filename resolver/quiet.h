/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How long a connection may be quiet: silent while it owes an answer, idle while it does not.
 *
 * Silence ends it after QUIET_SILENCE, however many queries are added meanwhile; and as soon as a hedge would
 * be sent if not even the arrival of what was sent is confirmed. Idleness ends it after as long as the server
 * bears (idle.h), which is learnt here from how connections end. */
#ifndef POLYNYA_RESOLVER_QUIET_H
#define POLYNYA_RESOLVER_QUIET_H

#include <ev.h>

#include "resolver/idle.h"
#include "resolver/net/dial.h"

/* Milliseconds. */
enum {
    QUIET_SILENCE = 3000,
    QUIET_DOUBT = 400, /* of silence until it is looked whether anything arrives, ... */
    QUIET_LOOK = 100   /* ... and between looks */
};

struct quiet {
    const struct dial *dial;
    struct idle *idle;
    struct ev_timer timer;
    void (*over)(struct quiet *q);
    unsigned looks;
    bool owed;        /* bytes were asked for and none came since; outlives the cancelling of queries */
    int64_t heard_at; /* monotonic ms of the latest byte; 0 before the first of a connection */
    int64_t rest;     /* ms it had been idle before the answer owed was asked for; 0 once a byte came */
};

/* All are borrowed; dial has its loop. over: called when the connection is to be closed, which is idle, or to
 * be taken for dead. */
void quiet_init(struct quiet *q, const struct dial *dial, struct idle *idle, void (*over)(struct quiet *q));
/* Forgets the connection; nothing is called until the next quiet_owe or quiet_go_on. */
void quiet_stop(struct quiet *q);
/* Bytes are asked for. */
void quiet_owe(struct quiet *q);
/* Bytes came. To be followed, when they are taken, by quiet_go_on: does it still owe an answer? */
void quiet_heard(struct quiet *q);
void quiet_go_on(struct quiet *q, bool owed);
/* The server closed it: because it had been idle for too long, if it was idle at all. */
void quiet_cut(struct quiet *q);

#endif
