/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A generation: one config with its certificates, loaded, checked and bound, ready for processes to be
 * forked. */
#ifndef POLYNYA_RESOLVER_GENERATION_H
#define POLYNYA_RESOLVER_GENERATION_H

#include "data/conf/conf.h"
#include "data/store/geoip.h"
#include "data/store/shm.h"
#include "resolver/net/tls.h"
#include "resolver/peers.h"
#include "resolver/sockets.h"
#include "resolver/watch.h"

struct generation {
    uint32_t number; /* 0: none */
    struct conf *conf;
    struct tls_server *tls; /* NULL if nothing listens with TLS */
    struct peers *peers;
    struct geoip *geoip;      /* NULL if none is configured */
    struct anchors *anchors;  /* NULL if nothing is validated */
    struct watch_marks marks; /* of the files as they were just before loading */
    int64_t since;            /* monotonic ms */
};

/* Loads certificates and upstreams' CAs, and the geoip database unless one is given to be kept; opens the
 * sockets that conf wants and are missing, takes the next number. Takes conf on success and shares geoip; on
 * failure nothing has changed, and error says why. */
bool generation_init(struct generation *g, struct conf *conf, struct geoip *geoip, struct shm *shm,
                     struct sockets *sockets, char *error, size_t cap);
void generation_fini(struct generation *g);
/* The geoip database of conf, NULL without one. False, and error says why, if there is one and it is no good.
 */
bool generation_geoip(const struct conf *conf, struct geoip **out, char *error, size_t cap);
/* What `polynyad -n` checks besides the config's text: the account, certificates, CAs, the geoip database and
 * pinned roots. */
bool generation_check(const struct conf *conf, char *error, size_t cap);

#endif
