/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The listening sockets of the whole service: bound by the supervisor, kept across reloads.
 *
 * Public addresses have one SO_REUSEPORT socket per worker; metrics and control one each. A socket is never
 * closed while its address is configured, however few workers there are: a connection waiting in it would be
 * lost. A worker takes those whose number modulo the workers is its own. */
#ifndef POLYNYA_RESOLVER_SOCKETS_H
#define POLYNYA_RESOLVER_SOCKETS_H

#include "data/conf/conf.h"
#include "resolver/worker.h"

enum socket_kind { SOCKET_PUBLIC, SOCKET_METRICS, SOCKET_CONTROL };

struct socket_entry {
    enum socket_kind kind;
    union sock_addr address;
    unsigned number; /* 0 .. workers-1 */
    int fd;
};

struct sockets {
    struct socket_entry *entry;
    unsigned count;
};

/* Binds what conf wants and is not there yet. On failure false, with the reason in error, and what this call
 * bound is closed again. */
bool sockets_open(struct sockets *s, const struct conf *conf, char *error, size_t cap);
/* Closes what conf does not want. */
void sockets_trim(struct sockets *s, const struct conf *conf);
/* Closes all; unlinks the control socket. */
void sockets_fini(struct sockets *s);
/* For the child after fork: fills env's sockets (malloced array) for worker `index`, closes all others and
 * empties the table. False without memory. */
bool sockets_inherit(struct sockets *s, const struct conf *conf, unsigned index, struct worker_env *env);
/* For children that serve nothing. */
void sockets_close(struct sockets *s);

#endif
