/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The posts of the service: which processes a generation needs, forked with all they inherit, and which of
 * them serve.
 *
 * A generation needs its workers; the prober is one over all generations, for it alone writes steering.mdb,
 * and runs by the current one. Owns the crew, the listening sockets and the pipe by which children say that
 * they serve. Times are monotonic milliseconds. */
#ifndef POLYNYA_RESOLVER_POSTS_H
#define POLYNYA_RESOLVER_POSTS_H

#include "resolver/crew.h"
#include "resolver/generation.h"
#include "resolver/sockets.h"

struct posts {
    struct crew crew;
    struct sockets sockets;
    int ready;                  /* readable when a child serves: call posts_read */
    int ready_in;               /* the children's end */
    uint8_t ready_byte;         /* in a child: its slot, to be written when it serves */
    int64_t looked_at;          /* of the last posts_fill: what waits beyond it wakes us */
    void (*forked)(void *self); /* in a child: closes what is the supervisor's alone */
    void *self;
    bool child; /* this process is a role that has run: leave with status */
    int status;
};

/* Needs posts_fini in any case. False and errno if there can be no pipe. shm is borrowed. */
bool posts_init(struct posts *p, struct shm *shm, void (*forked)(void *self), void *self);
/* Closes the sockets; only the supervisor unlinks the control socket. */
void posts_fini(struct posts *p);

/* Forks what g lacks, unless a post must wait; the prober only for the current generation. False in a child
 * that has run its role. To be called with the same now for all generations of one turn. */
bool posts_fill(struct posts *p, const struct generation *g, bool current, int64_t now);
/* When the next post may be filled that posts_fill had to leave; INT64_MAX if there is none. */
int64_t posts_due(const struct posts *p);
/* Takes note of who serves. */
void posts_read(struct posts *p);
/* Do all of g's workers serve, and the prober if it is asked for and wanted? */
bool posts_ready(struct posts *p, const struct generation *g, bool with_prober);

/* Generation `number` has taken over: older workers drain, the prober is replaced. */
void posts_succeed(struct posts *p, uint32_t number);
/* Generation `number` is given up: its workers end. */
void posts_dismiss(struct posts *p, uint32_t number);
/* Signals everybody. */
void posts_stop(struct posts *p, int signal);

#endif
