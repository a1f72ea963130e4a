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

/* What is known of one family's addresses. */
struct family {
    struct ip ip[TARGET_FAMILY_MAX];
    unsigned count;
    bool told;   /* some answer has come */
    bool asked;  /* some question has ended, with an answer or without */
    bool asking; /* one is under way */
    int64_t due; /* ms, clock_mono_ms */
};

struct target {
    struct dns_name name;
    struct family family[2]; /* A, AAAA */
};

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
    struct target *target; /* sorted by name */
    size_t count;
    unsigned under_way;
    int64_t dirty; /* ms: since when addresses are others than the owner was told; 0: they are not */
    ev_timer tick;
    ev_io io[SOCKETS_MAX];
};

static const uint16_t types[] = {DNS_A, DNS_AAAA};

/* ---- names ---- */

static int compare_names(const struct dns_name *a, const struct dns_name *b)
{
    size_t least = a->len < b->len ? a->len : b->len;
    int c = memcmp(a->wire, b->wire, least);
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(*(const struct dns_name *const *)a, *(const struct dns_name *const *)b);
}

static struct target *find(const struct targets *t, const struct dns_name *name)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_names(name, &t->target[mid].name);
        if (c == 0)
            return &t->target[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

/* ---- answers ---- */

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ip));
}

static void again(struct family *f, uint32_t seconds)
{
    f->due = clock_mono_ms() + (int64_t)seconds * 1000;
}

static void take_answer(struct targets *t, struct family *f, struct ip *ip, int count, uint32_t ttl)
{
    /* Servers turn their records round: sorted, the same addresses are no change. */
    qsort(ip, (size_t)count, sizeof *ip, by_bytes);
    bool same = f->told && f->count == (unsigned)count && memcmp(f->ip, ip, (size_t)count * sizeof *ip) == 0;
    if (!same && !t->dirty)
        t->dirty = clock_mono_ms();
    f->told = true;
    f->count = (unsigned)count;
    memcpy(f->ip, ip, (size_t)count * sizeof *ip);
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
    struct target *target = status == ARES_EDESTRUCTION ? NULL : find(q.all, &q.name);
    if (!target)
        return;
    struct family *f = &target->family[q.family];
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
    for (size_t i = 0; i < t->count && t->under_way < WINDOW; i++)
        for (unsigned k = 0; k < 2; k++) {
            struct family *f = &t->target[i].family[k];
            if (f->asking || f->due > now)
                continue;
            f->asking = true;
            ask(t, &t->target[i], k);
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
    if (t->count == 0 && t->under_way == 0)
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
    free((*t)->target);
    free(*t);
    *t = NULL;
}

bool targets_set(struct targets *t, const struct dns_name *const *names, size_t count)
{
    const struct dns_name **sorted = calloc(count + 1, sizeof *sorted);
    struct target *fresh = calloc(count + 1, sizeof *fresh);
    size_t n = 0;
    bool ok = sorted && fresh;
    if (ok && count)
        memcpy(sorted, names, count * sizeof *sorted);
    if (ok)
        qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0; ok && i < count && n < TARGETS_MAX; i++) {
        if (i > 0 && compare_names(sorted[i - 1], sorted[i]) == 0)
            continue;
        const struct target *before = find(t, sorted[i]);
        if (before)
            fresh[n] = *before;
        fresh[n++].name = *sorted[i];
    }
    free(sorted);
    if (!ok) {
        free(fresh);
        return false;
    }
    free(t->target);
    t->target = fresh;
    t->count = n;
    if (n && !ev_is_active(&t->tick))
        ev_timer_again(t->loop, &t->tick);
    return true;
}

bool targets_get(const struct targets *t, const struct dns_name *name, struct ip *out, unsigned *count)
{
    const struct target *target = t ? find(t, name) : NULL;
    *count = 0;
    if (!target)
        return false;
    const struct family *f = target->family;
    /* Half of what a name has would be taken for all of it. */
    if (!(f[0].told || f[1].told) || !(f[0].asked && f[1].asked))
        return false;
    for (int k = 0; k < 2; k++)
        for (unsigned i = 0; i < f[k].count; i++)
            out[(*count)++] = f[k].ip[i];
    return true;
}

/* ---- disk: of each name with addresses, its length and bytes, their number, and they ---- */

struct bytes targets_save(const struct targets *t)
{
    struct ip ip[2 * TARGET_FAMILY_MAX];
    size_t cap = t->count * (2 + DNS_NAME_MAX + sizeof ip);
    uint8_t *data = cap ? malloc(cap) : NULL;
    struct writer w = writer_of(data, cap);
    for (size_t i = 0; data && i < t->count; i++) {
        unsigned count;
        if (!targets_get(t, &t->target[i].name, ip, &count) || count == 0)
            continue;
        writer_u8(&w, t->target[i].name.len);
        writer_put(&w, t->target[i].name.wire, t->target[i].name.len);
        writer_u8(&w, (uint8_t)count);
        writer_put(&w, ip, count * sizeof *ip);
    }
    return bytes_of(data, data ? w.len : 0);
}

static bool load_addresses(struct target *target, const struct ip *ip, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct family *f = &target->family[ip[i].len == 16];
        if ((ip[i].len != 4 && ip[i].len != 16) || f->count == TARGET_FAMILY_MAX)
            return false;
        f->ip[f->count++] = ip[i];
    }
    for (int k = 0; k < 2; k++)
        target->family[k].told = target->family[k].asked = true;
    return true;
}

/* Entries as targets that nobody wants yet: targets_set takes over those that somebody does. */
void targets_load(struct targets *t, struct bytes saved)
{
    struct ip ip[2 * TARGET_FAMILY_MAX];
    size_t at = 0, n = 0;
    struct target *all = calloc(TARGETS_MAX, sizeof *all);
    while (all && n < TARGETS_MAX && saved.len - at >= 2) {
        struct bytes rest = bytes_of(saved.data + at + 1, saved.len - at - 1);
        size_t end = 0, len = saved.data[at];
        if (rest.len <= len || !name_read(bytes_of(rest.data, len), &end, &all[n].name) || end != len)
            break;
        unsigned count = rest.data[len];
        if (count > 2 * TARGET_FAMILY_MAX || rest.len - len - 1 < count * sizeof *ip)
            break;
        memcpy(ip, rest.data + len + 1, count * sizeof *ip);
        if ((n > 0 && compare_names(&all[n - 1].name, &all[n].name) >= 0) ||
            !load_addresses(&all[n], ip, count))
            break;
        at += 2 + len + count * sizeof *ip;
        n++;
    }
    free(t->target);
    t->target = all;
    t->count = n;
}
