/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The posts of the service: see posts.h. */
#include "resolver/posts.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolver/confine.h"
#include "resolver/keeper.h"
#include "steering/prober.h"

enum { FORK_RETRY = 1000 };

bool posts_init(struct posts *p, struct shm *shm, void (*forked)(void *self), void *self)
{
    int ends[2] = {-1, -1};
    bool ok = pipe2(ends, O_NONBLOCK | O_CLOEXEC) == 0;
    *p = (struct posts){
        .crew.shm = shm, .ready = ends[0], .ready_in = ends[1], .forked = forked, .self = self};
    return ok;
}

void posts_fini(struct posts *p)
{
    if (p->child)
        sockets_close(&p->sockets);
    else
        sockets_fini(&p->sockets);
}

/* In a child */

static void say_ready(void *self)
{
    const struct posts *p = self;
    if (write(p->ready_in, &p->ready_byte, 1) < 0)
        return; /* the supervisor is gone, and so are we soon */
}

static void *open_keeper(const void *self, struct ev_loop *loop)
{
    const struct generation *g = self;
    return keeper_new(loop, g->conf, g->peers);
}

static void close_keeper(void *self)
{
    struct keeper *k = self;
    keeper_free(&k);
}

static int run_prober(struct posts *p, const struct generation *g)
{
    sockets_close(&p->sockets);
    if (!confine_prober(g->conf))
        return 1;
    struct prober_guest guest = {open_keeper, close_keeper, g};
    return prober_run(g->conf, p->crew.shm, keeper_wanted(g->conf) ? &guest : NULL, say_ready, p);
}

static int run_worker(struct posts *p, const struct generation *g, unsigned index)
{
    struct worker_env env = {.conf = g->conf,
                             .shm = p->crew.shm,
                             .tls = g->tls,
                             .geoip = g->geoip,
                             .peers = g->peers,
                             .anchors = g->anchors,
                             .ready_fd = p->ready_in,
                             .ready_byte = p->ready_byte};
    if (!sockets_inherit(&p->sockets, g->conf, index, &env))
        return 1;
    int status = worker_run(&env);
    free(env.sockets);
    return status;
}

/* Filling */

/* False in a child that has run its role. */
static bool start(struct posts *p, const struct generation *g, enum shm_role role, unsigned index,
                  int64_t now)
{
    struct shm_slot *slot;
    pid_t pid = crew_fork(&p->crew, role, index, g->number, g->conf, now, &slot);
    if (pid < 0) {
        log_error("fork", "why=\"%s\"", strerror(errno));
        crew_post(&p->crew, role, index)->start_at = now + FORK_RETRY;
    }
    if (pid != 0)
        return true;
    p->forked(p->self);
    close(p->ready);
    p->ready_byte = (uint8_t)(slot - p->crew.shm->slot);
    p->status = role == SHM_PROBER ? run_prober(p, g) : run_worker(p, g, index);
    p->child = true;
    return false;
}

static bool fill(struct posts *p, const struct generation *g, enum shm_role role, unsigned index, int64_t now)
{
    return crew_find(&p->crew, role, index, g->number) || now < crew_post(&p->crew, role, index)->start_at ||
           start(p, g, role, index, now);
}

static bool prober_wanted(const struct conf *conf)
{
    return conf_steers(conf) || keeper_wanted(conf);
}

static bool is_prober(const struct crew_child *x, uint32_t generation)
{
    (void)generation;
    return x->role == SHM_PROBER;
}

/* Of whichever generation, even one that leaves. */
static bool prober_alive(const struct posts *p)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++)
        if (p->crew.child[i].pid && is_prober(&p->crew.child[i], 0))
            return true;
    return false;
}

bool posts_fill(struct posts *p, const struct generation *g, bool current, int64_t now)
{
    p->looked_at = now;
    for (unsigned i = 0; i < g->conf->workers; i++)
        if (!fill(p, g, SHM_WORKER, i, now))
            return false;
    return !current || !prober_wanted(g->conf) || prober_alive(p) || fill(p, g, SHM_PROBER, 0, now);
}

static void sooner(const struct posts *p, const struct crew_post *post, int64_t *at)
{
    if (post->start_at > p->looked_at && post->start_at < *at)
        *at = post->start_at;
}

int64_t posts_due(const struct posts *p)
{
    int64_t at = INT64_MAX;
    for (unsigned i = 0; i < CREW_WORKERS_MAX; i++)
        sooner(p, &p->crew.worker[i], &at);
    sooner(p, &p->crew.prober, &at);
    return at;
}

/* Serving */

void posts_read(struct posts *p)
{
    uint8_t slot;
    while (read(p->ready, &slot, 1) == 1)
        for (unsigned i = 0; i < SHM_SLOTS; i++)
            if (p->crew.child[i].pid && p->crew.child[i].slot == &p->crew.shm->slot[slot])
                p->crew.child[i].ready = true;
}

static bool serves(struct posts *p, const struct generation *g, enum shm_role role, unsigned index)
{
    const struct crew_child *x = crew_find(&p->crew, role, index, g->number);
    return x && x->ready;
}

bool posts_ready(struct posts *p, const struct generation *g, bool with_prober)
{
    for (unsigned i = 0; i < g->conf->workers; i++)
        if (!serves(p, g, SHM_WORKER, i))
            return false;
    return !with_prober || !prober_wanted(g->conf) || serves(p, g, SHM_PROBER, 0);
}

/* Ending */

static bool worker_of(const struct crew_child *x, uint32_t number)
{
    return x->generation == number && x->role == SHM_WORKER;
}

static bool worker_not_of(const struct crew_child *x, uint32_t number)
{
    return x->generation != number && x->role == SHM_WORKER && !x->leaving;
}

static bool everyone(const struct crew_child *x, uint32_t argument)
{
    (void)x, (void)argument;
    return true;
}

void posts_succeed(struct posts *p, uint32_t number)
{
    crew_tell(&p->crew, SIGQUIT, worker_not_of, number);
    crew_tell(&p->crew, SIGTERM, is_prober, 0);
}

void posts_dismiss(struct posts *p, uint32_t number)
{
    crew_tell(&p->crew, SIGTERM, worker_of, number);
}

void posts_stop(struct posts *p, int signal)
{
    crew_tell(&p->crew, signal, everyone, 0);
}
