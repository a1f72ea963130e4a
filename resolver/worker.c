/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worker role: see worker.h. It composes a front (connections), an engine (questions) and the admin
 * pages. */
#include "resolver/worker.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "resolver/admin.h"
#include "resolver/confine.h"
#include "resolver/net/forwarded.h"
#include "resolver/net/listener.h"
#include "resolver/page.h"
#include "resolver/engine.h"

enum { RESERVED = 256 /* descriptors that are not readers' connections */ };

struct worker {
    const struct worker_env *env;
    struct ev_loop *loop;
    struct front *front; /* readers' connections */
    struct front
        *back; /* metrics and control: own limits, so a flood of readers cannot shut the operator out */
    struct engine *engine;
    struct admin *metrics, *control;
    struct proxies proxies;
    struct http_handler public_handler, dns_handler, metrics_handler, control_handler;
    struct page page;
    ev_signal stop[2];
    ev_timer drain_timer;
    bool clean; /* told by SIGTERM: the service stops */
    bool draining;
};

static void public_request(void *self, struct http_stream *s, const struct http_request *r)
{
    struct worker *w = self;
    if (engine_request(w->engine, s, r))
        return;
    if (w->page.html.data && bytes_equal(r->path, BYTES_LIT("/")))
        page_respond(&w->page, s, r);
    else
        http_fail(s, REASON_HTTP_NOT_FOUND, NULL);
}

static void public_message(void *self, struct http_stream *s, struct bytes message, enum reason refused)
{
    struct worker *w = self;
    engine_message(w->engine, s, message, refused);
}

static void leave(struct worker *w)
{
    ev_break(w->loop, EVBREAK_ALL);
}

static void on_drained(void *self)
{
    leave(self);
}

static void on_drain_timeout(struct ev_loop *loop, ev_timer *t, int events)
{
    (void)loop, (void)events;
    struct worker *w = t->data;
    log_warn("drain.timeout", "connections=%u", front_connections(w->front));
    leave(w);
}

static void on_back_drained(void *self)
{
    (void)self;
}

/* A newer generation serves the same sockets: the operator is to see it and not us, and an address that the
 * config no longer has is free once the supervisor closes it. */
static void leave_sockets(struct worker *w)
{
    front_drain(w->back, on_back_drained, NULL);
    for (unsigned i = 0; i < w->env->socket_count; i++)
        close(w->env->sockets[i].fd);
    if (w->env->metrics_fd >= 0)
        close(w->env->metrics_fd);
    if (w->env->control_fd >= 0)
        close(w->env->control_fd);
}

static void on_stop(struct ev_loop *loop, ev_signal *s, int events)
{
    (void)events;
    struct worker *w = s->data;
    w->clean = w->clean || s->signum == SIGTERM;
    if (w->draining)
        return;
    w->draining = true;
    admin_drain(w->metrics);
    admin_drain(w->control);
    ev_timer_set(&w->drain_timer, (double)w->env->conf->limits.drain_timeout / 1000, 0);
    ev_timer_start(loop, &w->drain_timer);
    front_drain(w->front, on_drained, w);
    if (s->signum == SIGQUIT)
        leave_sockets(w);
}

static const int stop_signals[] = {SIGTERM, SIGQUIT};

static void watch_signals(struct worker *w)
{
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++) {
        ev_signal_init(&w->stop[i], on_stop, stop_signals[i]);
        w->stop[i].data = w;
        ev_signal_start(w->loop, &w->stop[i]);
    }
    ev_init(&w->drain_timer, on_drain_timeout);
    w->drain_timer.data = w;
}

/* Questions upstream, files and the operator need descriptors, too. */
static unsigned places(unsigned wanted)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return wanted;
    rlim_t room = limit.rlim_cur > 2 * RESERVED ? limit.rlim_cur - RESERVED : limit.rlim_cur / 2;
    if (wanted <= room)
        return wanted;
    log_warn("limits.descriptors", "connections=%u wanted=%u text=\"raise the limit of open files\"",
             (unsigned)room, wanted);
    return (unsigned)room;
}

static struct front_limits public_limits(const struct conf *c)
{
    return (struct front_limits){.streams = c->limits.streams,
                                 .header_list = c->limits.header_list,
                                 .idle_timeout = (double)c->limits.idle_timeout / 1000,
                                 .read_timeout = (double)c->limits.read_timeout / 1000,
                                 .write_timeout = (double)c->limits.write_timeout / 1000,
                                 .connections = places(c->limits.connections),
                                 .connections_per_prefix = c->limits.connections_per_prefix,
                                 .handshakes = c->limits.handshakes,
                                 .connection_rate = c->limits.connection_rate,
                                 .query_rate = c->limits.query_rate,
                                 .requests = c->limits.requests,
                                 .connection_life = (double)c->limits.connection_life / 1000};
}

static struct proxies proxies_of(const struct conf *c)
{
    static const enum forwarded_header headers[] = {[CONF_X_FORWARDED_FOR] = FORWARDED_X_FORWARDED_FOR,
                                                    [CONF_FORWARDED] = FORWARDED_RFC7239,
                                                    [CONF_FORWARDED_NONE] = FORWARDED_NO_HEADER};
    return (struct proxies){.header = headers[c->proxies.header],
                            .trusted = c->proxies.trusted,
                            .trusted_count = c->proxies.trusted_count};
}

static bool listen_public(struct worker *w)
{
    struct front_limits limits = public_limits(w->env->conf);
    w->public_handler = (struct http_handler){.self = w, .request = public_request};
    w->dns_handler = (struct http_handler){.self = w, .message = public_message};
    w->front = front_new(w->loop, &limits);
    bool ok = w->front != NULL;
    w->proxies = proxies_of(w->env->conf);
    if (ok)
        front_trust(w->front, &w->proxies);
    for (unsigned i = 0; ok && i < w->env->socket_count; i++) {
        const struct worker_socket *s = &w->env->sockets[i];
        ok = front_listen(w->front, s->fd,
                          &(struct http_service){.tls = s->listen->protocol == CONF_HTTP ? NULL : w->env->tls,
                                                 .handler = s->listen->protocol == CONF_TLS
                                                                ? &w->dns_handler
                                                                : &w->public_handler,
                                                 .proxied = s->listen->proxied});
    }
    return ok;
}

static bool listen_admin(struct worker *w, struct admin **admin, struct http_handler *handler, int fd,
                         bool control)
{
    if (fd < 0)
        return true;
    *admin = admin_new(w->env->conf, w->env->shm, w->engine, control);
    *handler = (struct http_handler){.self = *admin, .request = admin_request};
    return *admin && front_listen(w->back, fd, &(struct http_service){.handler = handler});
}

static bool listen_back(struct worker *w)
{
    w->back = front_new(w->loop, &(struct front_limits){.streams = 8,
                                                        .header_list = 16384,
                                                        .idle_timeout = 30,
                                                        .read_timeout = 10,
                                                        .write_timeout = 10,
                                                        .connections = 64,
                                                        .connections_per_prefix = 64});
    return w->back && listen_admin(w, &w->metrics, &w->metrics_handler, w->env->metrics_fd, false) &&
           listen_admin(w, &w->control, &w->control_handler, w->env->control_fd, true);
}

static bool open_page(struct worker *w)
{
    const char *path = w->env->conf->http.static_file;
    if (!path || page_init(&w->page, path))
        return true;
    log_error("page.unreadable", "file=%s why=%s", path, strerror(errno));
    return false;
}

static bool worker_open(struct worker *w)
{
    w->loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    if (!w->loop)
        return false;
    watch_signals(w);
    w->engine = engine_new(w->loop, w->env->conf, w->env->peers, w->env->shm, w->env->geoip, w->env->anchors);
    return w->engine && open_page(w) && listen_public(w) && listen_back(w) && confine_worker(w->env->conf);
}

/* The engine first: it answers what waits, into streams that the fronts still own. */
static void worker_close(struct worker *w)
{
    if (w->engine)
        engine_free(&w->engine, w->clean);
    if (w->front)
        front_free(&w->front);
    if (w->back)
        front_free(&w->back);
    admin_free(&w->metrics);
    admin_free(&w->control);
    page_fini(&w->page);
    if (!w->loop)
        return;
    /* libev's handlers stay, and would write into the loop: told to stop once more, we are stopping anyway.
     */
    for (size_t i = 0; i < sizeof stop_signals / sizeof *stop_signals; i++)
        signal(stop_signals[i], SIG_IGN);
    ev_loop_destroy(w->loop);
}

int worker_run(const struct worker_env *env)
{
    struct worker w = {.env = env};
    bool ok = worker_open(&w);
    if (!ok)
        log_error("worker.start", "why=\"%s\"", strerror(errno));
    /* Should the pipe be gone, so is the supervisor, and PDEATHSIG is on its way. */
    else if (write(env->ready_fd, &env->ready_byte, 1) == 1)
        ev_run(w.loop, 0);
    worker_close(&w);
    return ok ? 0 : 1;
}
