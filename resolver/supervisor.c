/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The supervisor: see supervisor.h. One poll loop over signals, the ready pipe and watched files.
 *
 * A reload builds a generation aside (config, certificates, sockets, workers). When all its workers are ready
 * it becomes the current one and the old workers are told to drain; should anything fail before, it is thrown
 * away and the current one was never touched. */
#include "resolver/supervisor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "data/store/cache.h"
#include "resolver/confine.h"
#include "resolver/crew.h"
#include "resolver/generation.h"
#include "resolver/keeper.h"
#include "resolver/privilege.h"
#include "resolver/watch.h"
#include "steering/prober.h"

enum { HOUR = 3600000, KILL_AFTER = 5000, START_PATIENCE = 30000, ERROR_MAX = 512 };

struct supervisor {
    struct shm *shm;
    struct crew crew;
    struct sockets sockets;
    struct watch watch;
    struct generation current, next;
    int signals;
    int ready[2];
    int64_t tickets_at; /* when the ticket key is rotated next */
    int64_t look_at;    /* hourly look at the files */
    int64_t looked_at;  /* when posts were last looked at: what waits beyond it wakes us */
    int64_t kill_at;    /* while stopping: patience ends */
    int64_t watch_at;   /* next look at the workers' loops */
    bool announced;     /* event=ready was said for the service */
    bool reload_wanted;
    unsigned files_changed; /* WATCH_… */
    bool stopping;
    bool child; /* this process is a role that has run: leave with status */
    int status;
    uint8_t ready_byte; /* in a child: its slot, to be written when it serves */
};

static int64_t now_ms(void)
{
    return clock_mono_ms();
}

/* Children */

static void say_ready(void *self)
{
    const struct supervisor *s = self;
    if (write(s->ready[1], &s->ready_byte, 1) < 0)
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

static int run_role(struct supervisor *s, const struct generation *g, enum shm_role role, unsigned index)
{
    close(s->signals);
    close(s->ready[0]);
    watch_fini(&s->watch);
    if (role == SHM_PROBER) {
        sockets_close(&s->sockets);
        if (!confine_prober(g->conf))
            return 1;
        struct prober_guest guest = {open_keeper, close_keeper, g};
        return prober_run(g->conf, s->shm, keeper_wanted(g->conf) ? &guest : NULL, say_ready, s);
    }
    struct worker_env env = {.conf = g->conf,
                             .shm = s->shm,
                             .tls = g->tls,
                             .geoip = g->geoip,
                             .peers = g->peers,
                             .anchors = g->anchors,
                             .ready_fd = s->ready[1],
                             .ready_byte = s->ready_byte};
    if (!sockets_inherit(&s->sockets, g->conf, index, &env))
        return 1;
    int status = worker_run(&env);
    free(env.sockets);
    return status;
}

/* False in a child that has run its role. */
static bool start(struct supervisor *s, const struct generation *g, enum shm_role role, unsigned index)
{
    struct shm_slot *slot;
    pid_t pid = crew_fork(&s->crew, role, index, g->number, g->conf, now_ms(), &slot);
    if (pid < 0) {
        log_error("fork", "why=\"%s\"", strerror(errno));
        crew_post(&s->crew, role, index)->start_at = now_ms() + 1000;
    }
    if (pid != 0)
        return true;
    s->ready_byte = (uint8_t)(slot - s->shm->slot);
    s->status = run_role(s, g, role, index);
    s->child = true;
    return false;
}

/* Fills a post unless it is filled, or must wait. */
static bool fill(struct supervisor *s, const struct generation *g, enum shm_role role, unsigned index)
{
    if (crew_find(&s->crew, role, index, g->number))
        return true;
    if (s->looked_at < crew_post(&s->crew, role, index)->start_at)
        return true;
    return start(s, g, role, index);
}

static bool any_prober(const struct crew_child *x, uint32_t generation)
{
    (void)generation;
    return x->role == SHM_PROBER;
}

static bool prober_wanted(const struct conf *conf)
{
    return conf_steers(conf) || keeper_wanted(conf);
}

static bool prober_alive(struct supervisor *s)
{
    for (unsigned i = 0; i < SHM_SLOTS; i++)
        if (s->crew.child[i].pid && any_prober(&s->crew.child[i], 0))
            return true;
    return false;
}

/* Brings the processes of a generation to strength. The prober is one over all generations: it alone writes
 * steering.mdb. */
static bool fill_posts(struct supervisor *s, const struct generation *g)
{
    for (unsigned i = 0; i < g->conf->workers; i++)
        if (!fill(s, g, SHM_WORKER, i))
            return false;
    if (g != &s->current || !prober_wanted(g->conf) || prober_alive(s))
        return true;
    return fill(s, g, SHM_PROBER, 0);
}

static bool all_ready(struct supervisor *s, const struct generation *g, bool with_prober)
{
    for (unsigned i = 0; i < g->conf->workers; i++) {
        const struct crew_child *x = crew_find(&s->crew, SHM_WORKER, i, g->number);
        if (!x || !x->ready)
            return false;
    }
    if (!with_prober || !prober_wanted(g->conf))
        return true;
    const struct crew_child *x = crew_find(&s->crew, SHM_PROBER, 0, g->number);
    return x && x->ready;
}

static bool of_generation(const struct crew_child *x, uint32_t number)
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

/* Reload */

static void refuse_reload(const char *error)
{
    log_error("reload.refused", "why=\"%s\"", error);
    metric_count(METRIC_RELOADS_REFUSED);
    sd_notifyf(0, "READY=1\nSTATUS=reload refused: %s", error);
}

/* Starts a generation beside the current one. Takes conf, unless it is the current one's. geoip: to be kept;
 * NULL: as conf says. */
static void begin_reload(struct supervisor *s, struct conf *conf, struct geoip *geoip)
{
    char error[ERROR_MAX];
    sd_notify(0, "RELOADING=1");
    if (generation_init(&s->next, conf, geoip, s->shm, &s->sockets, error, sizeof error))
        return;
    if (conf != s->current.conf)
        conf_free(&conf);
    refuse_reload(error);
}

static void reload_config(struct supervisor *s)
{
    char error[ERROR_MAX];
    s->reload_wanted = false;
    s->files_changed = 0;
    struct conf *conf = conf_load(s->current.conf->file, error, sizeof error);
    if (conf)
        begin_reload(s, conf, NULL);
    else
        refuse_reload(error);
}

/* New files under the config that runs: that one may be under the operator's pen. A geoip database that is no
 * good must not keep certificates from being renewed. */
static void reload_files(struct supervisor *s)
{
    char error[ERROR_MAX];
    unsigned changed = s->files_changed;
    struct geoip *geoip = NULL;
    s->files_changed = 0;
    /* It may also have changed before, together with certificates that were no good. */
    bool stale = s->watch.seen.geoip != s->current.marks.geoip;
    if (stale && !generation_geoip(s->current.conf, &geoip, error, sizeof error)) {
        refuse_reload(error);
        changed &= (unsigned)~WATCH_GEOIP;
    }
    if (!geoip)
        geoip = geoip_share(s->current.geoip);
    if (changed)
        begin_reload(s, s->current.conf, geoip);
    geoip_free(&geoip);
}

static void announce_files(const struct generation *g)
{
    char type[64];
    if (g->tls)
        metric_set(METRIC_CERT_EXPIRES, (uint64_t)tls_server_expires(g->tls));
    metric_set(METRIC_GEOIP_BUILT, g->geoip ? (uint64_t)geoip_built(g->geoip) : 0);
    if (!g->geoip)
        return;
    geoip_type(g->geoip, type);
    log_info("geoip", "type=%s built=%lld", type, (long long)geoip_built(g->geoip));
}

static void finish_reload(struct supervisor *s)
{
    if (s->next.conf == s->current.conf)
        s->current.conf = NULL;
    generation_fini(&s->current);
    s->current = s->next;
    s->next = (struct generation){0};
    log_setup("supervisor", s->current.conf->log_level);
    sockets_trim(&s->sockets, s->current.conf);
    watch_files(&s->watch, s->current.conf, s->current.marks, now_ms());
    announce_files(&s->current);
    crew_tell(&s->crew, SIGQUIT, worker_not_of, s->current.number);
    crew_tell(&s->crew, SIGTERM, any_prober, 0);
    metric_count(METRIC_RELOADS);
    log_info("reload.done", "generation=%u", s->current.number);
    sd_notify(0, "READY=1\nSTATUS=serving");
}

static void abandon_reload(struct supervisor *s, const char *why)
{
    crew_tell(&s->crew, SIGTERM, of_generation, s->next.number);
    if (s->next.conf == s->current.conf)
        s->next.conf = NULL;
    generation_fini(&s->next);
    sockets_trim(&s->sockets, s->current.conf);
    refuse_reload(why);
}

/* Events */

static void on_ready(struct supervisor *s)
{
    uint8_t slot;
    while (read(s->ready[0], &slot, 1) == 1)
        for (unsigned i = 0; i < SHM_SLOTS; i++)
            if (s->crew.child[i].pid && s->crew.child[i].slot == &s->shm->slot[slot])
                s->crew.child[i].ready = true;
}

static void on_child_end(struct supervisor *s)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct crew_child was;
        bool unexpected;
        if (!crew_reap(&s->crew, pid, status, now_ms(), &was, &unexpected) || !unexpected)
            continue;
        if (s->next.number && was.generation == s->next.number && !was.ready)
            abandon_reload(s, "a process of the new generation did not start");
    }
    if (crew_crash_loop(&s->crew, now_ms())) {
        log_error("cache.discarded", "why=\"workers died of memory faults\"");
        cache_discard(s->current.conf->state_dir);
        shm_bump(&s->shm->cache_generation);
    }
}

static void begin_stop(struct supervisor *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->kill_at = now_ms() + (int64_t)s->current.conf->limits.drain_timeout + KILL_AFTER;
    log_info("stopping", "processes=%u", crew_count(&s->crew));
    sd_notify(0, "STOPPING=1");
    crew_tell(&s->crew, SIGTERM, everyone, 0);
}

static void on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            on_child_end(s);
        else if (info.ssi_signo == SIGHUP)
            s->reload_wanted = true;
        else
            begin_stop(s);
    }
}

static void on_files(struct supervisor *s)
{
    unsigned changed = watch_changed(&s->watch, s->current.conf, now_ms());
    if (changed & WATCH_CERTIFICATES)
        log_info("certificate.changed", "generation=%u", s->current.number);
    if (changed & WATCH_GEOIP)
        log_info("geoip.changed", "generation=%u", s->current.number);
    if (changed & WATCH_ANCHORS)
        log_info("dnssec.anchors.changed", "generation=%u", s->current.number);
    s->files_changed |= changed;
}

/* Timers */

static void rotate_tickets(struct supervisor *s)
{
    ticket_rotate(&s->shm->tickets);
    s->tickets_at = now_ms() + (int64_t)s->current.conf->tls.ticket_rotation;
}

static void on_time(struct supervisor *s)
{
    int64_t now = now_ms();
    if (now >= s->tickets_at)
        rotate_tickets(s);
    if (now >= s->look_at) {
        s->look_at = now + HOUR;
        s->watch.quiet_at = now;
    }
    if (now >= s->watch_at) {
        s->watch_at = now + CREW_WATCH_EVERY;
        crew_watch(&s->crew, (int64_t)s->current.conf->limits.watchdog, now);
        sd_notify(0, "WATCHDOG=1");
    }
    if (s->next.number && now - s->next.since > START_PATIENCE)
        abandon_reload(s, "the new generation did not get ready in time");
    if (s->stopping && now >= s->kill_at) {
        log_warn("stop.forced", "processes=%u", crew_count(&s->crew));
        crew_tell(&s->crew, SIGKILL, everyone, 0);
        s->kill_at = now + KILL_AFTER;
    }
}

static void announce(struct supervisor *s)
{
    if (s->announced || !all_ready(s, &s->current, true))
        return;
    s->announced = true;
    log_info("ready", "workers=%u", s->current.conf->workers);
    sd_notify(0, "READY=1\nSTATUS=serving");
}

/* One step towards what should be. False in a child that has run its role. */
static bool advance(struct supervisor *s)
{
    s->looked_at = now_ms();
    on_time(s);
    on_files(s);
    if (s->stopping)
        return true;
    if (s->reload_wanted && !s->next.number)
        reload_config(s);
    if (s->files_changed && !s->next.number)
        reload_files(s);
    if (!fill_posts(s, &s->current))
        return false;
    if (s->next.number) {
        if (!fill_posts(s, &s->next))
            return false;
        if (all_ready(s, &s->next, false))
            finish_reload(s);
    }
    announce(s);
    return true;
}

static void earlier(int64_t *at, int64_t candidate)
{
    if (candidate > 0 && candidate < *at)
        *at = candidate;
}

static int patience(const struct supervisor *s)
{
    int64_t now = now_ms();
    int64_t at = now + HOUR;
    earlier(&at, s->tickets_at);
    earlier(&at, s->look_at);
    earlier(&at, s->watch.quiet_at);
    earlier(&at, s->kill_at);
    earlier(&at, s->watch_at);
    for (unsigned i = 0; i < CREW_WORKERS_MAX; i++)
        if (s->crew.worker[i].start_at > s->looked_at)
            earlier(&at, s->crew.worker[i].start_at);
    if (s->crew.prober.start_at > s->looked_at)
        earlier(&at, s->crew.prober.start_at);
    if (s->next.number)
        earlier(&at, s->next.since + START_PATIENCE + 1);
    return at <= now ? 0 : (int)(at - now);
}

static bool step(struct supervisor *s)
{
    struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
                           {.fd = s->ready[0], .events = POLLIN},
                           {.fd = s->watch.fd, .events = POLLIN}};
    if (poll(fds, 3, patience(s)) < 0 && errno != EINTR)
        log_error("poll", "why=\"%s\"", strerror(errno));
    if (fds[2].revents)
        watch_read(&s->watch, now_ms());
    if (fds[1].revents)
        on_ready(s);
    if (fds[0].revents)
        on_signal(s);
    return advance(s);
}

/* Start and end */

static bool open_events(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
           (s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) >= 0 &&
           pipe2(s->ready, O_NONBLOCK | O_CLOEXEC) == 0;
}

static bool supervisor_init(struct supervisor *s, struct conf **conf)
{
    char error[ERROR_MAX] = "";
    log_setup("supervisor", (*conf)->log_level);
    umask(077);
    watch_init(&s->watch);
    s->shm = shm_new();
    if (!s->shm || !open_events(s)) {
        log_error("start", "why=\"%s\"", strerror(errno));
        return false;
    }
    s->crew.shm = s->shm;
    struct shm_slot *own = shm_slot_take(s->shm, SHM_SUPERVISOR, 0, 0);
    own->pid = getpid();
    metric_use_page(&own->page);
    if (!privilege_state_dir((*conf)->state_dir, (*conf)->user))
        return false;
    if (!generation_init(&s->current, *conf, NULL, s->shm, &s->sockets, error, sizeof error)) {
        log_error("start", "why=\"%s\"", error);
        return false;
    }
    *conf = NULL;
    rotate_tickets(s);
    s->look_at = now_ms() + HOUR;
    watch_files(&s->watch, s->current.conf, s->current.marks, now_ms());
    announce_files(&s->current);
    return true;
}

static void supervisor_fini(struct supervisor *s)
{
    if (s->next.conf == s->current.conf)
        s->next.conf = NULL;
    generation_fini(&s->next);
    generation_fini(&s->current);
    if (s->child)
        sockets_close(&s->sockets);
    else
        sockets_fini(&s->sockets);
    metric_use_page(NULL);
    shm_free(&s->shm);
}

int supervisor_run(struct conf **conf)
{
    struct supervisor s = {.signals = -1, .ready = {-1, -1}};
    if (!supervisor_init(&s, conf)) {
        sockets_fini(&s.sockets);
        return 1;
    }
    bool parent = advance(&s);
    while (parent && !(s.stopping && crew_count(&s.crew) == 0))
        parent = step(&s);
    if (parent)
        log_info("stopped", "status=%d", s.status);
    supervisor_fini(&s);
    return s.status;
}
