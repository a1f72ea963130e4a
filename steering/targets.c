/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of CNAMEs' targets: see targets.h. */
#include "steering/targets.h"

#include <ev.h>
#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/dns/msg.h"
#include "steering/stub.h"

enum { WINDOW = 32, TRY_MS = 1500, TRIES = 3, PATIENCE_MS = 5000, SOCKETS_MAX = 2 * STUB_SERVERS_MAX };
/* Seconds between two looks at what is due, and at what c-ares waits for. */
#define TICK 0.2

/* A question under way. It outlives its target, which it finds again by name. */
struct question {
    struct targets *all;
    struct dns_name name;
    unsigned family;
};

struct targets {
    struct ev_loop *loop;
    ares_channel channel; /* NULL: it could not be opened */
    void (*changed)(void *self);
    void *self;
    struct target_table table;
    unsigned under_way;
    int64_t dirty; /* ms: since when addresses are others than the owner was told; 0: they are not */
    ev_timer tick;
    ev_io io[SOCKETS_MAX];
};

static const uint16_t types[] = {DNS_A, DNS_AAAA};

/* ---- answers ---- */

static void again(struct target_family *f, uint32_t seconds)
{
    f->due = clock_mono_ms() + (int64_t)seconds * 1000;
}

static void take_answer(struct targets *t, struct target_family *f, struct ip *ip, int count, uint32_t ttl)
{
    if (target_take(f, ip, (unsigned)count) && !t->dirty)
        t->dirty = clock_mono_ms();
    again(f, ttl < TARGET_AGAIN_MIN ? TARGET_AGAIN_MIN : ttl > TARGET_AGAIN_MAX ? TARGET_AGAIN_MAX : ttl);
}

static void on_reply(void *self, int status, int timeouts, unsigned char *reply, int len)
{
    struct question q = *(struct question *)self;
    struct ip ip[TARGET_FAMILY_MAX] = {0};
    uint32_t ttl = TARGET_AGAIN_MAX;
    (void)timeouts;
    free(self);
    q.all->under_way--;
    struct target *target = status == ARES_EDESTRUCTION ? NULL : target_table_find(&q.all->table, &q.name);
    if (!target)
        return;
    struct target_family *f = &target->family[q.family];
    f->asking = false;
    f->asked = true;
    int count = -1;
    if (status == ARES_SUCCESS)
        count = target_addresses(bytes_of(reply, (size_t)len), &q.name, types[q.family], ip, &ttl);
    else if (status == ARES_ENODATA || status == ARES_ENOTFOUND)
        count = 0;
    if (count >= 0)
        take_answer(q.all, f, ip, count, ttl);
    else
        again(f, TARGET_AGAIN_FAILED);
}

/* ---- asking ---- */

static void ask(struct targets *t, struct target *target, unsigned family)
{
    char text[DNS_NAME_TEXT_MAX];
    struct question *q = malloc(sizeof *q);
    if (!q) {
        target->family[family].asking = false;
        return;
    }
    *q = (struct question){t, target->name, family};
    name_to_text(&target->name, text);
    t->under_way++;
    ares_query(t->channel, text, DNS_CLASS_IN, types[family], on_reply, q);
}

/* on_reply may be called before ask returns; the targets stay where they are meanwhile. */
static void ask_due(struct targets *t)
{
    int64_t now = clock_mono_ms();
    for (size_t i = 0; i < t->table.count && t->under_way < WINDOW; i++)
        for (unsigned k = 0; k < 2; k++) {
            struct target_family *f = &t->table.target[i].family[k];
            if (f->asking || f->due > now)
                continue;
            f->asking = true;
            ask(t, &t->table.target[i], k);
        }
}

static void on_tick(struct ev_loop *loop, ev_timer *w, int events)
{
    struct targets *t = w->data;
    (void)loop, (void)events;
    ares_process_fd(t->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    ask_due(t);
    /* Once for all that was under way: a zone of many targets is not judged for each. */
    if (t->dirty && (t->under_way == 0 || clock_mono_ms() - t->dirty > PATIENCE_MS)) {
        t->dirty = 0;
        t->changed(t->self);
    }
    if (t->table.count == 0 && t->under_way == 0)
        ev_timer_stop(t->loop, &t->tick);
}

/* ---- sockets ---- */

static void on_socket(struct ev_loop *loop, ev_io *w, int events)
{
    struct targets *t = w->data;
    int fd = w->fd;
    (void)loop;
    ares_process_fd(t->channel, events & EV_READ ? fd : ARES_SOCKET_BAD,
                    events & EV_WRITE ? fd : ARES_SOCKET_BAD);
}

static ev_io *watcher_of(struct targets *t, int fd)
{
    ev_io *unused = NULL;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        if (ev_is_active(&t->io[i]) && t->io[i].fd == fd)
            return &t->io[i];
        if (!ev_is_active(&t->io[i]))
            unused = &t->io[i];
    }
    return unused;
}

/* Without a watcher left the question ends by its time. */
static void on_state(void *self, ares_socket_t fd, int readable, int writable)
{
    struct targets *t = self;
    ev_io *w = watcher_of(t, fd);
    if (!w)
        return;
    ev_io_stop(t->loop, w);
    if (!readable && !writable)
        return;
    ev_io_set(w, fd, (readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
    ev_io_start(t->loop, w);
}

/* Those that are asked in clear for every name. */
static unsigned list_servers(const struct conf *conf, union sock_addr out[STUB_SERVERS_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < conf->upstream.count && n < STUB_SERVERS_MAX; i++) {
        const struct conf_server *s = &conf->upstream.servers[i];
        if (s->protocol == CONF_UDP && !s->group && sock_addr_ip(&s->address).len)
            out[n++] = s->address;
    }
    return n;
}

static bool open_channel(struct targets *t, const struct conf *conf)
{
    union sock_addr servers[STUB_SERVERS_MAX];
    struct stub_options o = {.try_ms = TRY_MS,
                             .tries = TRIES,
                             .on_state = on_state,
                             .self = t,
                             .servers = servers,
                             .server_count = list_servers(conf, servers)};
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return false;
    if (stub_open(&o, &t->channel) == ARES_SUCCESS)
        return true;
    ares_library_cleanup();
    return false;
}

/* ---- the whole ---- */

struct targets *targets_new(struct ev_loop *loop, const struct conf *conf, void (*changed)(void *self),
                            void *self)
{
    struct targets *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->loop = loop;
    t->changed = changed;
    t->self = self;
    ev_timer_init(&t->tick, on_tick, TICK, TICK);
    t->tick.data = t;
    for (size_t i = 0; i < SOCKETS_MAX; i++) {
        ev_init(&t->io[i], on_socket);
        t->io[i].data = t;
    }
    if (!open_channel(t, conf))
        targets_free(&t);
    return t;
}

void targets_free(struct targets **t)
{
    if (!*t)
        return;
    if ((*t)->channel) {
        ares_destroy((*t)->channel);
        ares_library_cleanup();
    }
    for (size_t i = 0; i < SOCKETS_MAX; i++)
        ev_io_stop((*t)->loop, &(*t)->io[i]);
    ev_timer_stop((*t)->loop, &(*t)->tick);
    target_table_fini(&(*t)->table);
    free(*t);
    *t = NULL;
}

bool targets_set(struct targets *t, const struct dns_name *const *names, size_t count)
{
    if (!target_table_set(&t->table, names, count))
        return false;
    if (t->table.count && !ev_is_active(&t->tick))
        ev_timer_again(t->loop, &t->tick);
    return true;
}

bool targets_get(const struct targets *t, const struct dns_name *name, struct ip *out, unsigned *count)
{
    return target_table_get(&t->table, name, out, count);
}

struct bytes targets_save(const struct targets *t)
{
    return target_table_save(&t->table);
}

void targets_load(struct targets *t, struct bytes saved)
{
    target_table_load(&t->table, saved);
}
