/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Building a generation: see generation.h. Nothing of the running one is touched. */
#include "resolver/generation.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "resolver/keeper.h"
#include "resolver/privilege.h"
#include "resolver/secrets.h"

static struct tls_server *load_tls(const struct conf *conf, const struct ticket_ring *ring, char *error,
                                   size_t cap)
{
    struct tls_files *files = calloc(conf->tls.count, sizeof *files);
    struct tls_server *tls = NULL;
    for (unsigned i = 0; files && i < conf->tls.count; i++)
        files[i] = (struct tls_files){conf->tls.certificates[i].chain, conf->tls.certificates[i].key};
    if (files)
        tls = tls_server_new(files, conf->tls.count, ring, clock_wall_ms() / 1000, error, cap);
    free(files);
    return tls;
}

static bool needs_tls(const struct conf *conf)
{
    for (unsigned i = 0; i < conf->listen_count; i++)
        if (conf->listen[i].protocol != CONF_HTTP)
            return true;
    return false;
}

static bool roots_readable(const struct conf *conf, char *error, size_t cap)
{
    for (unsigned i = 0; i < conf->steering.list_count; i++) {
        const struct conf_list *list = &conf->steering.lists[i];
        if (access(list->root, R_OK) != 0) {
            snprintf(error, cap, "steering list %s: %s: %s", list->name, list->root, strerror(errno));
            return false;
        }
    }
    return true;
}

/* False if they are wanted and cannot be read. */
static bool load_anchors(const struct conf *c, struct anchors **out, char *error, size_t cap)
{
    bool wanted = c->dnssec.mode != CONF_VALIDATION_OFF;
    *out = wanted ? keeper_anchors(c, error, cap) : NULL;
    return *out || !wanted;
}

static bool anchors_good(const struct conf *conf, char *error, size_t cap)
{
    struct anchors *anchors;
    bool good = load_anchors(conf, &anchors, error, cap);
    anchors_free(&anchors);
    return good;
}

bool generation_geoip(const struct conf *conf, struct geoip **out, char *error, size_t cap)
{
    char why[512];
    *out = conf->geoip ? geoip_open(conf->geoip, why, sizeof why) : NULL;
    if (*out || !conf->geoip)
        return true;
    snprintf(error, cap, "geoip: %s", why);
    return false;
}

static bool geoip_good(const struct conf *conf, char *error, size_t cap)
{
    struct geoip *geoip;
    bool good = generation_geoip(conf, &geoip, error, cap);
    geoip_free(&geoip);
    return good;
}

bool generation_check(const struct conf *conf, char *error, size_t cap)
{
    if (conf->user && !getpwnam(conf->user)) {
        snprintf(error, cap, "user: no account %s", conf->user);
        return false;
    }
    if (needs_tls(conf)) {
        struct tls_server *tls = load_tls(conf, NULL, error, cap);
        if (!tls)
            return false;
        tls_server_free(&tls);
    }
    struct peers *peers = peers_load(conf, error, cap);
    bool ok = peers && geoip_good(conf, error, cap) && anchors_good(conf, error, cap) &&
              roots_readable(conf, error, cap) && secrets_readable(conf, error, cap);
    peers_free(&peers);
    return ok;
}

/* What is read from files, and the sockets. */
static bool open_all(struct generation *g, const struct conf *conf, struct shm *shm, struct sockets *sockets,
                     char *error, size_t cap)
{
    return load_anchors(conf, &g->anchors, error, cap) && (g->peers = peers_load(conf, error, cap)) &&
           (!needs_tls(conf) || (g->tls = load_tls(conf, &shm->tickets, error, cap))) &&
           (g->geoip || generation_geoip(conf, &g->geoip, error, cap)) &&
           sockets_open(sockets, conf, error, cap);
}

bool generation_init(struct generation *g, struct conf *conf, struct geoip *geoip, struct shm *shm,
                     struct sockets *sockets, char *error, size_t cap)
{
    struct generation next = {.geoip = geoip_share(geoip), .marks = watch_look(conf)};
    if (!open_all(&next, conf, shm, sockets, error, cap)) {
        generation_fini(&next);
        return false;
    }
    secrets_warn(conf);
    privilege_give(conf->control, conf->user);
    shm_bump(&shm->config_generation);
    next.number = shm_load(&shm->config_generation);
    next.conf = conf;
    next.since = clock_mono_ms();
    *g = next;
    return true;
}

void generation_fini(struct generation *g)
{
    conf_free(&g->conf);
    tls_server_free(&g->tls);
    geoip_free(&g->geoip);
    peers_free(&g->peers);
    anchors_free(&g->anchors);
    *g = (struct generation){0};
}
