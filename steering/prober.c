/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prober's loop: see prober.h. Signals come through a signalfd, because libev ties each signal to one
 * loop and this process was forked from one that had its own. */
#include "steering/prober.h"

#include <ev.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "data/base/hash.h"
#include "data/base/log.h"
#include "steering/feed_file.h"
#include "steering/lists.h"
#include "steering/override_file.h"
#include "steering/rounds.h"
#include "steering/policies.h"

/* Seconds that we wait for first results before we say that we are ready; and how often we look. */
#define FIRST_RESULTS_MAX  2.
#define FIRST_RESULTS_LOOK 0.01
/* Seconds between two turns at most: a prober that does not turn is taken for stuck. */
#define BEAT 1.
/* Seconds from a folder's change to reading it: a publisher writes several files. */
#define SETTLE 0.2

struct prober {
    struct ev_loop *loop;
    const struct conf *conf;
    struct feeds *feeds;
    struct policies *policies;
    struct lists *lists;
    struct lists_keeper keeper;
    struct ledger ledger;
    struct rounds *rounds;
    struct override_file overrides;
    const struct prober_guest *guest;
    void (*ready)(void *self);
    void *self;
    struct feed_watch watch;
    ev_io signals;
    ev_io folders;
    ev_timer settle;
    ev_timer began;
    ev_tstamp started;
    ev_timer poll;
    ev_timer beat;
};

static int64_t now_seconds(void)
{
    return clock_wall_ms() / 1000;
}

/* The health table and the snapshot it belongs to: lists.c stores both. */

static void on_restored(void *self, struct view *view, struct health *health, int64_t now)
{
    ledger_restore(&((struct prober *)self)->ledger, view, health, now);
}

static struct bytes on_prepare(void *self, struct bytes snapshot, int64_t now)
{
    return ledger_prepare(&((struct prober *)self)->ledger, snapshot, now);
}

static void on_settled_snapshot(void *self, bool stored)
{
    struct prober *p = self;
    struct addresses *before;
    uint32_t *from;
    if (!stored) {
        ledger_dropped(&p->ledger);
        return;
    }
    ledger_stored(&p->ledger, &before, &from);
    rounds_enter(p->rounds, before, from);
    addresses_free(&before);
    free(from);
}

static bool on_table(void *self, struct bytes table)
{
    return lists_put_health(((struct prober *)self)->lists, table);
}

/* Files */

static void read_overrides(struct prober *p)
{
    struct overrides *o;
    if (override_file_read(&p->overrides, &o))
        ledger_override(&p->ledger, o);
}

static void watch_folders(struct prober *p)
{
    if (p->overrides.path)
        feed_watch_file(&p->watch, p->overrides.path);
    for (unsigned i = 0; i < p->conf->steering.list_count; i++)
        for (unsigned k = 0; k < p->conf->steering.lists[i].url_count; k++)
            feed_watch_folder(&p->watch, p->conf->steering.lists[i].urls[k]);
    policies_watch(p->policies, &p->watch);
}

static void on_signal(struct ev_loop *loop, ev_io *w, int events)
{
    struct signalfd_siginfo info;
    (void)events;
    if (read(w->fd, &info, sizeof info) == (ssize_t)sizeof info)
        ev_break(loop, EVBREAK_ALL);
}

static void on_folder(struct ev_loop *loop, ev_io *w, int events)
{
    struct prober *p = w->data;
    (void)events;
    feed_watch_drain(&p->watch);
    if (!ev_is_active(&p->settle)) {
        ev_timer_set(&p->settle, SETTLE, 0.);
        ev_timer_start(loop, &p->settle);
    }
}

static void on_settled(struct ev_loop *loop, ev_timer *w, int events)
{
    struct prober *p = w->data;
    (void)loop, (void)events;
    watch_folders(p);
    read_overrides(p);
    lists_update(p->lists, now_seconds(), false);
}

/* A fifth more or less each time: resolvers that started together do not ask together for ever. */
static double poll_interval(const struct prober *p)
{
    double poll = (double)p->conf->steering.poll / 1000;
    return poll * (0.8 + random_below(4000) / 10000.);
}

static void on_poll(struct ev_loop *loop, ev_timer *w, int events)
{
    struct prober *p = w->data;
    (void)events;
    ev_timer_set(w, poll_interval(p), 0.);
    ev_timer_start(loop, w);
    watch_folders(p);
    read_overrides(p);
    lists_update(p->lists, now_seconds(), true);
}

static void on_beat(struct ev_loop *loop, ev_timer *w, int events)
{
    struct prober *p = w->data;
    (void)loop, (void)events;
    metric_count(METRIC_LOOP_TURNS);
    ledger_mind_clock(&p->ledger);
}

/* Until there are first results all sites are answered with the truth: a start is not over before. */
static void on_began(struct ev_loop *loop, ev_timer *w, int events)
{
    struct prober *p = w->data;
    (void)events;
    if (!rounds_began(p->rounds) && ev_now(loop) < p->started + FIRST_RESULTS_MAX)
        return;
    ev_timer_stop(loop, w);
    ledger_flush(&p->ledger);
    p->ready(p->self);
}

static void start_watchers(struct prober *p, int signals)
{
    ev_io_init(&p->signals, on_signal, signals, EV_READ);
    ev_io_start(p->loop, &p->signals);
    ev_init(&p->settle, on_settled);
    ev_timer_init(&p->poll, on_poll, poll_interval(p), 0.);
    ev_timer_init(&p->began, on_began, FIRST_RESULTS_LOOK, FIRST_RESULTS_LOOK);
    p->folders.data = p->settle.data = p->poll.data = p->began.data = p->beat.data = p;
    ev_timer_start(p->loop, &p->poll);
    ev_timer_init(&p->beat, on_beat, BEAT, BEAT);
    ev_timer_start(p->loop, &p->beat);
    feed_watch_init(&p->watch);
    if (p->watch.fd < 0) {
        log_warn("steering.no-inotify", "text=\"changed lists are noticed by polling alone\"");
        return;
    }
    ev_io_init(&p->folders, on_folder, p->watch.fd, EV_READ);
    p->folders.data = p;
    ev_io_start(p->loop, &p->folders);
}

static void run_loop(struct prober *p, int signals)
{
    start_watchers(p, signals);
    /* Folders are watched before they are read for the first time: no change falls in between. */
    watch_folders(p);
    read_overrides(p);
    lists_update(p->lists, now_seconds(), true);
    p->started = ev_now(p->loop);
    ev_timer_start(p->loop, &p->began);
    ev_run(p->loop, 0);
    feed_watch_fini(&p->watch);
}

static bool open_all(struct prober *p, struct shm *shm)
{
    p->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    if (!p->loop)
        return false;
    ledger_init(&p->ledger, p->loop, p->conf);
    p->feeds = feeds_new(p->loop, p->conf);
    p->rounds = rounds_new(p->loop, p->conf, &p->ledger);
    p->policies = policies_new(p->loop, p->conf);
    if (p->feeds && p->rounds && p->policies)
        p->lists = lists_new(p->conf, shm, p->feeds, p->policies, &p->keeper, now_seconds());
    if (!p->lists)
        return false;
    p->ledger.store = on_table;
    p->ledger.store_self = p;
    return true;
}

static void close_all(struct prober *p)
{
    rounds_free(&p->rounds);
    ledger_fini(&p->ledger);
    policies_free(&p->policies);
    lists_free(&p->lists);
    feeds_free(&p->feeds);
    if (p->loop)
        ev_loop_destroy(p->loop);
}

static int run(struct prober *p, struct shm *shm, int signals)
{
    bool ok = open_all(p, shm);
    if (ok) {
        void *guest = p->guest ? p->guest->open(p->guest->self, p->loop) : NULL;
        run_loop(p, signals);
        if (guest)
            p->guest->close(guest);
        ledger_store_now(&p->ledger);
    }
    close_all(p);
    return ok ? 0 : 1;
}

int prober_run(const struct conf *conf, struct shm *shm, const struct prober_guest *guest,
               void (*ready)(void *self), void *self)
{
    struct prober p = {.conf = conf, .guest = guest, .ready = ready, .self = self};
    p.overrides.path = conf->steering.overrides;
    p.keeper = (struct lists_keeper){&p, on_restored, on_prepare, on_settled_snapshot};
    sigset_t ours, before;
    sigemptyset(&ours);
    sigaddset(&ours, SIGTERM);
    sigaddset(&ours, SIGINT);
    if (sigprocmask(SIG_BLOCK, &ours, &before) != 0)
        return 1;
    int signals = signalfd(-1, &ours, SFD_NONBLOCK | SFD_CLOEXEC);
    int result = signals < 0 ? 1 : run(&p, shm, signals);
    if (signals >= 0)
        close(signals);
    sigprocmask(SIG_SETMASK, &before, NULL);
    return result;
}
