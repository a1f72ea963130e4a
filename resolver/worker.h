/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker process: one event loop that accepts, answers, and leaves when told.
 *
 * SIGTERM: the service stops; SIGQUIT: a newer generation has taken over. Both drain: no new connections,
 * open requests are answered, then the process returns, after the configured drain timeout in any case. */
#ifndef POLYNYA_RESOLVER_WORKER_H
#define POLYNYA_RESOLVER_WORKER_H

#include "data/conf/conf.h"
#include "data/store/geoip.h"
#include "data/store/shm.h"
#include "resolver/net/tls.h"
#include "resolver/peers.h"

struct worker_socket {
    int fd;
    const struct conf_listen *listen;
};

/* Everything a worker inherits; all borrowed. */
struct worker_env {
    const struct conf *conf;
    struct shm *shm;
    struct tls_server *tls; /* NULL if nothing listens with TLS */
    const struct peers *peers;
    const struct geoip *geoip;     /* NULL: none */
    const struct anchors *anchors; /* NULL: nothing is validated */
    struct worker_socket *sockets;
    unsigned socket_count;
    int metrics_fd; /* -1: none */
    int control_fd;
    int ready_fd; /* gets ready_byte when all listeners are served */
    uint8_t ready_byte;
};

/* Returns the process' exit status. */
int worker_run(const struct worker_env *env);

#endif
