/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of listening sockets: see sockets.h. */
#include "resolver/sockets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolver/net/sock.h"

static struct socket_entry *find(struct sockets *s, enum socket_kind kind, const union sock_addr *address,
                                 unsigned number)
{
    for (unsigned i = 0; i < s->count; i++) {
        struct socket_entry *e = &s->entry[i];
        if (e->kind == kind && e->number == number && sock_addr_equal(&e->address, address))
            return e;
    }
    return NULL;
}

static void entry_close(struct socket_entry *e)
{
    close(e->fd);
    if (e->kind == SOCKET_CONTROL)
        unlink(e->address.un.sun_path);
}

static bool fail(const union sock_addr *address, char *error, size_t cap)
{
    char text[SOCK_ADDR_TEXT_MAX];
    int why = errno;
    sock_addr_format(address, text);
    snprintf(error, cap, "%s: cannot listen: %s", text, strerror(why));
    return false;
}

static bool ensure(struct sockets *s, enum socket_kind kind, const union sock_addr *address, unsigned number,
                   char *error, size_t cap)
{
    if (find(s, kind, address, number))
        return true;
    struct socket_entry *e = realloc(s->entry, (s->count + 1) * sizeof *e);
    if (!e)
        return fail(address, error, cap);
    s->entry = e;
    int fd = sock_listen(address, kind == SOCKET_PUBLIC);
    if (fd < 0)
        return fail(address, error, cap);
    s->entry[s->count++] = (struct socket_entry){kind, *address, number, fd};
    return true;
}

static bool ensure_control(struct sockets *s, const char *path, char *error, size_t cap)
{
    union sock_addr address = {.un.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.un.sun_path) {
        snprintf(error, cap, "control: path longer than %zu bytes", sizeof address.un.sun_path - 1);
        return false;
    }
    memcpy(address.un.sun_path, path, strlen(path));
    return ensure(s, SOCKET_CONTROL, &address, 0, error, cap);
}

static bool ensure_all(struct sockets *s, const struct conf *conf, char *error, size_t cap)
{
    for (unsigned i = 0; i < conf->listen_count; i++)
        for (unsigned n = 0; n < conf->workers; n++)
            if (!ensure(s, SOCKET_PUBLIC, &conf->listen[i].address, n, error, cap))
                return false;
    if (conf->metrics.enabled && !ensure(s, SOCKET_METRICS, &conf->metrics.address, 0, error, cap))
        return false;
    return ensure_control(s, conf->control, error, cap);
}

bool sockets_open(struct sockets *s, const struct conf *conf, char *error, size_t cap)
{
    unsigned before = s->count;
    if (ensure_all(s, conf, error, cap))
        return true;
    while (s->count > before)
        entry_close(&s->entry[--s->count]);
    return false;
}

static const struct conf_listen *listen_of(const struct conf *conf, const union sock_addr *address)
{
    for (unsigned i = 0; i < conf->listen_count; i++)
        if (sock_addr_equal(&conf->listen[i].address, address))
            return &conf->listen[i];
    return NULL;
}

static bool wanted(const struct conf *conf, const struct socket_entry *e)
{
    switch (e->kind) {
    case SOCKET_PUBLIC:
        return listen_of(conf, &e->address) != NULL;
    case SOCKET_METRICS:
        return conf->metrics.enabled && sock_addr_equal(&conf->metrics.address, &e->address);
    default:
        return strcmp(conf->control, e->address.un.sun_path) == 0;
    }
}

void sockets_trim(struct sockets *s, const struct conf *conf)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < s->count; i++) {
        if (wanted(conf, &s->entry[i]))
            s->entry[kept++] = s->entry[i];
        else
            entry_close(&s->entry[i]);
    }
    s->count = kept;
}

void sockets_fini(struct sockets *s)
{
    for (unsigned i = 0; i < s->count; i++)
        entry_close(&s->entry[i]);
    free(s->entry);
    *s = (struct sockets){0};
}

void sockets_close(struct sockets *s)
{
    for (unsigned i = 0; i < s->count; i++)
        close(s->entry[i].fd);
    free(s->entry);
    *s = (struct sockets){0};
}

/* Puts e into env, or returns false if this worker has no use for it. */
static bool hand_over(const struct socket_entry *e, const struct conf *conf, unsigned index,
                      struct worker_env *env)
{
    if (!wanted(conf, e))
        return false;
    if (e->kind == SOCKET_METRICS)
        env->metrics_fd = e->fd;
    else if (e->kind == SOCKET_CONTROL)
        env->control_fd = e->fd;
    else if (e->number % conf->workers == index)
        env->sockets[env->socket_count++] = (struct worker_socket){e->fd, listen_of(conf, &e->address)};
    else
        return false;
    return true;
}

bool sockets_inherit(struct sockets *s, const struct conf *conf, unsigned index, struct worker_env *env)
{
    env->metrics_fd = env->control_fd = -1;
    env->socket_count = 0;
    env->sockets = calloc(s->count + 1, sizeof *env->sockets);
    if (!env->sockets)
        return false;
    for (unsigned i = 0; i < s->count; i++)
        if (!hand_over(&s->entry[i], conf, index, env))
            close(s->entry[i].fd);
    free(s->entry);
    *s = (struct sockets){0};
    return true;
}
