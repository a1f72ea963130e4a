/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl on libev: see curl_loop.h. */
#include "resolver/net/curl_loop.h"

#include <stdlib.h>

#include "data/base/link.h"

struct curl_loop {
    struct ev_loop *loop;
    CURLM *multi;
    ev_timer timer;
    struct link sockets; /* struct watched */
    void (*turned)(void *self);
    void *self;
};

struct watched {
    struct link link;
    struct curl_loop *owner;
    ev_io io;
};

static void act(struct curl_loop *l, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(l->multi, fd, what, &running);
    l->turned(l->self);
}

static void on_socket_ready(struct ev_loop *loop, ev_io *w, int events)
{
    struct watched *s = w->data;
    (void)loop;
    act(s->owner, w->fd,
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *self)
{
    struct curl_loop *l = self;
    (void)multi;
    ev_timer_stop(l->loop, &l->timer);
    if (ms < 0)
        return 0;
    /* libcurl counts from now, the loop from when its turn began. */
    ev_timer_set(&l->timer, (double)ms / 1000 + (ev_time() - ev_now(l->loop)), 0.);
    ev_timer_start(l->loop, &l->timer);
    return 0;
}

static void unwatch(struct watched *s)
{
    ev_io_stop(s->owner->loop, &s->io);
    link_remove(&s->link);
    free(s);
}

static struct watched *watch(struct curl_loop *l, curl_socket_t fd)
{
    struct watched *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->owner = l;
    link_init(&s->link);
    link_move(&l->sockets, &s->link);
    ev_io_init(&s->io, on_socket_ready, fd, EV_READ);
    s->io.data = s;
    curl_multi_assign(l->multi, fd, s);
    return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *self, void *of_socket)
{
    struct curl_loop *l = self;
    struct watched *s = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            unwatch(s);
        return 0;
    }
    if (!s && !(s = watch(l, fd)))
        return -1;
    ev_io_stop(l->loop, &s->io);
    ev_io_set(&s->io, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(l->loop, &s->io);
    return 0;
}

static bool set_up(struct curl_loop *l, unsigned pool)
{
    l->multi = curl_multi_init();
    return l->multi && curl_multi_setopt(l->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_SOCKETDATA, l) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_TIMERDATA, l) == CURLM_OK &&
           curl_multi_setopt(l->multi, CURLMOPT_MAXCONNECTS, (long)pool) == CURLM_OK;
}

struct curl_loop *curl_loop_new(struct ev_loop *loop, unsigned pool, void (*turned)(void *self), void *self)
{
    struct curl_loop *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->loop = loop;
    l->turned = turned;
    l->self = self;
    ev_init(&l->timer, on_timer);
    l->timer.data = l;
    link_init(&l->sockets);
    if (!set_up(l, pool))
        curl_loop_free(&l);
    return l;
}

void curl_loop_free(struct curl_loop **l)
{
    struct curl_loop *x = *l;
    if (!x)
        return;
    *l = NULL;
    /* Closes pooled connections, which still reports their sockets. */
    curl_multi_cleanup(x->multi);
    while (!link_empty(&x->sockets))
        unwatch(holder_of(x->sockets.next, struct watched, link));
    ev_timer_stop(x->loop, &x->timer);
    free(x);
}

bool curl_loop_add(struct curl_loop *l, CURL *easy)
{
    return curl_multi_add_handle(l->multi, easy) == CURLM_OK;
}

void curl_loop_remove(struct curl_loop *l, CURL *easy)
{
    curl_multi_remove_handle(l->multi, easy);
}

bool curl_loop_ended(struct curl_loop *l, CURL **easy, CURLcode *code)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(l->multi, &left))) {
        if (m->msg != CURLMSG_DONE)
            continue;
        *easy = m->easy_handle;
        *code = m->data.result;
        return true;
    }
    return false;
}
