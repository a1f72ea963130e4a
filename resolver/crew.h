/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The supervisor's children: forked, counted, restarted with back-off, told to leave.
 *
 * A post is a place that must be filled in the current generation (worker 0, worker 1, prober); a child is a
 * process that fills one, or an older one that is draining. Times are monotonic milliseconds. */
#ifndef POLYNYA_RESOLVER_CREW_H
#define POLYNYA_RESOLVER_CREW_H

#include "data/conf/conf.h"
#include "data/store/shm.h"

struct crew_child {
    pid_t pid; /* 0: free */
    struct shm_slot *slot;
    enum shm_role role;
    unsigned index;
    uint32_t generation;
    int64_t started;
    uint64_t turns; /* of its event loop, when crew_watch saw them move last */
    int64_t moved;  /* when that was, or when it was last seen before it was ready */
    bool ready;
    bool leaving; /* was told to end */
};

/* How often a post's process died lately, and when the next may start. */
struct crew_post {
    unsigned failures;
    int64_t start_at;
};

enum { CREW_WORKERS_MAX = 64 };

struct crew {
    struct shm *shm;
    struct crew_child child[SHM_SLOTS];
    struct crew_post worker[CREW_WORKERS_MAX];
    struct crew_post prober;
    int64_t crashes[2]; /* when the last two workers died of a memory fault */
    int64_t watched;    /* when crew_watch looked last */
};

/* Never NULL: index is below CREW_WORKERS_MAX, and without meaning for the prober. */
struct crew_post *crew_post(struct crew *c, enum shm_role role, unsigned index);
/* The child at that post in that generation that was not told to leave; NULL if there is none. */
struct crew_child *crew_find(struct crew *c, enum shm_role role, unsigned index, uint32_t generation);
/* Forks. In the child: returns 0 with *slot its own, signals unblocked, log and metrics set up, privileges
 * dropped. In the parent: its pid, or -1. */
pid_t crew_fork(struct crew *c, enum shm_role role, unsigned index, uint32_t generation,
                const struct conf *conf, int64_t now, struct shm_slot **slot);
/* Signals every child that `who` accepts and marks it as leaving. */
void crew_tell(struct crew *c, int signal, bool (*who)(const struct crew_child *, uint32_t),
               uint32_t argument);
/* Takes note that a process ended: counters kept, post's back-off set, logged. *unexpected if it was not told
 * to. False if the pid is none of ours. */
bool crew_reap(struct crew *c, pid_t pid, int status, int64_t now, struct crew_child *was, bool *unexpected);
/* Two workers died of memory faults within a minute since the last call: a damaged cache file is likely. */
bool crew_crash_loop(struct crew *c, int64_t now);
unsigned crew_count(const struct crew *c);
/* The watchdog: kills every worker that serves and whose event loop has not turned for `patience` ms, and a
 * prober, which checks whole lists in one turn, after CREW_PROBER_PATIENCE times as long; it is then
 * restarted as any other that died. To be called at least every CREW_WATCH_EVERY ms: after a longer gap it
 * was us who stood still, and everybody's patience begins anew. */
enum { CREW_WATCH_EVERY = 1000, CREW_PROBER_PATIENCE = 12 };
void crew_watch(struct crew *c, int64_t patience, int64_t now);

#endif
