/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The supervisor: see supervisor.h. One poll loop over signals, the ready pipe and watched files; what runs
 * is kept in posts.c, what shall run instead in reload.c. */
#include "resolver/supervisor.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "resolver/cached.h"
#include "resolver/privilege.h"
#include "resolver/reload.h"

enum { HOUR = 3600000, KILL_AFTER = 5000, ERROR_MAX = 512 };

struct supervisor {
    struct shm *shm;
    struct posts posts;
    struct reload reload;
    int signals;
    int64_t tickets_at; /* when the ticket key is rotated next */
    int64_t look_at;    /* hourly look at the files */
    int64_t kill_at;    /* while stopping: patience ends */
    int64_t watch_at;   /* next look at the workers' loops */
    bool announced;     /* event=ready was said for the service */
    bool stopping;
};

static int64_t now_ms(void)
{
    return clock_mono_ms();
}

static const struct conf *conf_of(const struct supervisor *s)
{
    return s->reload.current.conf;
}

/* Events */

static void on_child_end(struct supervisor *s)
{
    char folder[4096];
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        struct crew_child was;
        bool unexpected;
        if (crew_reap(&s->posts.crew, pid, status, now_ms(), &was, &unexpected) && unexpected)
            reload_died(&s->reload, &was);
    }
    if (crew_crash_loop(&s->posts.crew, now_ms())) {
        log_error("cache.discarded", "why=\"workers died of memory faults\"");
        cached_folder(conf_of(s), folder, sizeof folder);
        cache_discard(folder);
        shm_bump(&s->shm->cache_generation);
    }
}

static void begin_stop(struct supervisor *s)
{
    if (s->stopping)
        return;
    s->stopping = true;
    s->kill_at = now_ms() + (int64_t)conf_of(s)->limits.drain_timeout + KILL_AFTER;
    log_info("stopping", "processes=%u", crew_count(&s->posts.crew));
    sd_notify(0, "STOPPING=1");
    posts_stop(&s->posts, SIGTERM);
}

static void on_signal(struct supervisor *s)
{
    struct signalfd_siginfo info;
    while (read(s->signals, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGCHLD)
            on_child_end(s);
        else if (info.ssi_signo == SIGHUP)
            s->reload.wanted = true;
        else
            begin_stop(s);
    }
}

/* Timers */

static void rotate_tickets(struct supervisor *s)
{
    ticket_rotate(&s->shm->tickets);
    s->tickets_at = now_ms() + (int64_t)conf_of(s)->tls.ticket_rotation;
}

static void on_time(struct supervisor *s)
{
    int64_t now = now_ms();
    if (now >= s->tickets_at)
        rotate_tickets(s);
    if (now >= s->look_at) {
        s->look_at = now + HOUR;
        s->reload.watch.quiet_at = now;
    }
    if (now >= s->watch_at) {
        s->watch_at = now + CREW_WATCH_EVERY;
        crew_watch(&s->posts.crew, (int64_t)conf_of(s)->limits.watchdog, now);
        sd_notify(0, "WATCHDOG=1");
    }
    reload_expire(&s->reload, now);
    if (s->stopping && now >= s->kill_at) {
        log_warn("stop.forced", "processes=%u", crew_count(&s->posts.crew));
        posts_stop(&s->posts, SIGKILL);
        s->kill_at = now + KILL_AFTER;
    }
}

static void announce(struct supervisor *s)
{
    if (s->announced || !posts_ready(&s->posts, &s->reload.current, true))
        return;
    s->announced = true;
    log_info("ready", "workers=%u", conf_of(s)->workers);
    sd_notify(0, "READY=1\nSTATUS=serving");
}

/* One step towards what should be. False in a child that has run its role. */
static bool advance(struct supervisor *s)
{
    on_time(s);
    reload_look(&s->reload, now_ms());
    if (s->stopping)
        return true;
    if (!reload_step(&s->reload))
        return false;
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
    earlier(&at, s->reload.watch.quiet_at);
    earlier(&at, s->kill_at);
    earlier(&at, s->watch_at);
    earlier(&at, reload_due(&s->reload));
    if (!s->stopping)
        earlier(&at, posts_due(&s->posts));
    return at <= now ? 0 : (int)(at - now);
}

static bool step(struct supervisor *s)
{
    struct pollfd fds[] = {{.fd = s->signals, .events = POLLIN},
                           {.fd = s->posts.ready, .events = POLLIN},
                           {.fd = s->reload.watch.fd, .events = POLLIN}};
    if (poll(fds, 3, patience(s)) < 0 && errno != EINTR)
        log_error("poll", "why=\"%s\"", strerror(errno));
    if (fds[2].revents)
        watch_read(&s->reload.watch, now_ms());
    if (fds[1].revents)
        posts_read(&s->posts);
    if (fds[0].revents)
        on_signal(s);
    return advance(s);
}

/* Start and end */

static bool open_signals(struct supervisor *s)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    signal(SIGPIPE, SIG_IGN);
    return sigprocmask(SIG_BLOCK, &set, NULL) == 0 &&
           (s->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC)) >= 0;
}

static void close_events(void *self)
{
    struct supervisor *s = self;
    close(s->signals);
    watch_fini(&s->reload.watch);
}

static bool supervisor_init(struct supervisor *s, struct conf **conf)
{
    char error[ERROR_MAX] = "";
    log_setup("supervisor", (*conf)->log_level);
    umask(077);
    reload_init(&s->reload, &s->posts);
    s->shm = shm_new();
    if (!posts_init(&s->posts, s->shm, close_events, s) || !s->shm || !open_signals(s)) {
        log_error("start", "why=\"%s\"", strerror(errno));
        return false;
    }
    struct shm_slot *own = shm_slot_take(s->shm, SHM_SUPERVISOR, 0, 0);
    own->pid = getpid();
    metric_use_page(&own->page);
    if (!privilege_state_dir((*conf)->state_dir, (*conf)->user))
        return false;
    if (!reload_first(&s->reload, *conf, error, sizeof error)) {
        log_error("start", "why=\"%s\"", error);
        return false;
    }
    *conf = NULL;
    rotate_tickets(s);
    s->look_at = now_ms() + HOUR;
    return true;
}

static void supervisor_fini(struct supervisor *s)
{
    reload_fini(&s->reload);
    posts_fini(&s->posts);
    metric_use_page(NULL);
    shm_free(&s->shm);
}

int supervisor_run(struct conf **conf)
{
    struct supervisor s = {.signals = -1};
    if (!supervisor_init(&s, conf)) {
        posts_fini(&s.posts);
        return 1;
    }
    bool parent = advance(&s);
    while (parent && !(s.stopping && crew_count(&s.posts.crew) == 0))
        parent = step(&s);
    if (parent)
        log_info("stopped", "status=%d", s.posts.status);
    int status = s.posts.status;
    supervisor_fini(&s);
    return status;
}
