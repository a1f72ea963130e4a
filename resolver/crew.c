/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children of the supervisor: see crew.h. */
#include "resolver/crew.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resolver/privilege.h"

/* Restarts wait 0, 100, 200, ... ms; a process that lived this long starts afresh. */
enum { BACKOFF_FIRST = 100, BACKOFF_MAX = 10000, LIVED_WELL = 10000, CRASH_WINDOW = 60000 };

static const char *role_name(enum shm_role role)
{
    return role == SHM_WORKER ? "worker" : role == SHM_PROBER ? "prober" : "supervisor";
}

struct crew_post *crew_post(struct crew *c, enum shm_role role, unsigned index)
{
    return role == SHM_PROBER ? &c->prober : &c->worker[index];
}

struct crew_child *crew_find(struct crew *c, enum shm_role role, unsigned index, uint32_t generation)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++) {
        struct crew_child *x = &c->child[i];
        if (x->pid && !x->leaving && x->role == role && x->index == index && x->generation == generation)
            return x;
    }
    return NULL;
}

static void child_setup(enum shm_role role, unsigned index, const struct conf *conf, struct shm_slot *slot,
                        pid_t parent)
{
    char name[24];
    sigset_t none;
    snprintf(name, sizeof name, "%s/%u", role_name(role), index);
    log_setup(name, conf->log_level);
    metric_use_page(&slot->page);
    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (!privilege_drop(conf->user))
        _exit(1);
    /* After the change of user, which clears it: no child outlives its supervisor. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent)
        _exit(1);
    slot->pid = getpid();
}

static struct crew_child *free_child(struct crew *c)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++)
        if (c->child[i].pid == 0)
            return &c->child[i];
    return NULL;
}

pid_t crew_fork(struct crew *c, enum shm_role role, unsigned index, uint32_t generation,
                const struct conf *conf, int64_t now, struct shm_slot **slot)
{
    struct crew_child *x = free_child(c);
    *slot = x ? shm_slot_take(c->shm, role, generation, index) : NULL;
    if (!*slot) {
        errno = EAGAIN;
        return -1;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid < 0) {
        shm_slot_release(c->shm, *slot);
        return -1;
    }
    if (pid == 0) {
        child_setup(role, index, conf, *slot, parent);
        return 0;
    }
    (*slot)->pid = pid;
    *x = (struct crew_child){.pid = pid,
                             .slot = *slot,
                             .role = role,
                             .index = index,
                             .generation = generation,
                             .started = now,
                             .moved = now};
    return pid;
}

void crew_tell(struct crew *c, int signal, bool (*who)(const struct crew_child *, uint32_t),
               uint32_t argument)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++) {
        struct crew_child *x = &c->child[i];
        if (x->pid && who(x, argument)) {
            x->leaving = true;
            kill(x->pid, signal);
        }
    }
}

static void back_off(struct crew_post *post, const struct crew_child *was, int64_t now)
{
    if (now - was->started >= LIVED_WELL)
        post->failures = 0;
    int64_t wait = 0;
    if (post->failures) {
        unsigned doublings = post->failures < 8 ? post->failures - 1 : 7;
        wait = (int64_t)BACKOFF_FIRST << doublings;
    }
    post->failures++;
    post->start_at = now + (wait > BACKOFF_MAX ? BACKOFF_MAX : wait);
}

static void note_crash(struct crew *c, const struct crew_child *was, int status, int64_t now)
{
    if (was->role != SHM_WORKER || !WIFSIGNALED(status))
        return;
    if (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS) {
        c->crashes[0] = c->crashes[1];
        c->crashes[1] = now;
    }
}

bool crew_crash_loop(struct crew *c, int64_t now)
{
    bool loop = c->crashes[0] && now - c->crashes[0] < CRASH_WINDOW;
    if (loop)
        c->crashes[0] = c->crashes[1] = 0;
    return loop;
}

static void log_death(const struct crew_child *was, int status)
{
    const char *role = role_name(was->role);
    if (WIFSIGNALED(status))
        log_warn("process.died", "who=%s/%u signal=%d", role, was->index, WTERMSIG(status));
    else
        log_warn("process.died", "who=%s/%u status=%d", role, was->index, WEXITSTATUS(status));
    metric_count(METRIC_CHILD_DEATHS);
}

bool crew_reap(struct crew *c, pid_t pid, int status, int64_t now, struct crew_child *was, bool *unexpected)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++) {
        struct crew_child *x = &c->child[i];
        if (x->pid != pid)
            continue;
        *was = *x;
        x->pid = 0;
        shm_slot_release(c->shm, was->slot);
        *unexpected = !was->leaving;
        if (*unexpected) {
            log_death(was, status);
            back_off(crew_post(c, was->role, was->index), was, now);
            note_crash(c, was, status, now);
        }
        return true;
    }
    return false;
}

unsigned crew_count(const struct crew *c)
{
    unsigned n = 0;
    for (unsigned i = 0; i < SHM_SLOTS; i++)
        n += c->child[i].pid != 0;
    return n;
}

/* A worker's loop turns at least ten times a second, by its cache's timer, and a prober's once, by one of its
 * own; one that is not ready has none. */
static bool stands_still(struct crew_child *x, int64_t patience, int64_t now, bool gap)
{
    uint64_t turns = metric_load(&x->slot->page, METRIC_LOOP_TURNS);
    if (turns != x->turns || gap || !x->ready) {
        x->turns = turns;
        x->moved = now;
    }
    return now - x->moved >= patience;
}

void crew_watch(struct crew *c, int64_t patience, int64_t now)
{
    bool gap = now - c->watched > 2 * CREW_WATCH_EVERY;
    c->watched = now;
    for (unsigned i = 0; i < SHM_SLOTS; i++) {
        struct crew_child *x = &c->child[i];
        int64_t its = x->role == SHM_PROBER ? patience * CREW_PROBER_PATIENCE : patience;
        if (!x->pid || !stands_still(x, its, now, gap))
            continue;
        log_error("watchdog", "who=%s/%u pid=%d text=\"its event loop stands still: killed\"",
                  role_name(x->role), x->index, (int)x->pid);
        metric_count(METRIC_WATCHDOG_KILLS);
        kill(x->pid, SIGKILL);
        x->moved = now; /* it takes a moment to go */
    }
}
