/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS upstreams and their CAs: see peers.h. Servers with the same CAs share them. */
#include "resolver/peers.h"

#include <stdio.h>
#include <stdlib.h>

struct peer {
    struct tls_client *client;
    struct ca *ca;       /* NULL: none needed, or another's */
    const char *ca_file; /* whose CAs these are; NULL: the system's */
};

struct peers {
    unsigned count;
    struct peer peer[];
};

static bool same_file(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static const struct ca *known_ca(const struct peers *p, const char *file)
{
    for (unsigned i = 0; i < p->count; i++)
        if (p->peer[i].ca && same_file(p->peer[i].ca_file, file))
            return p->peer[i].ca;
    return NULL;
}

static const struct ca *ca_for(struct peers *p, struct peer *peer, const char *file, char *error, size_t cap)
{
    const struct ca *known = known_ca(p, file);
    if (known)
        return known;
    peer->ca_file = file;
    peer->ca = ca_read(file, error, cap);
    return peer->ca;
}

static bool open_peer(struct peers *p, unsigned i, const struct conf_server *s, char *error, size_t cap)
{
    _Static_assert(sizeof(struct conf_pin) == sizeof(struct tls_pin), "pins are handed on as they are");
    struct tls_client_options o = {.name = s->tls_name,
                                   .pins = (const struct tls_pin *)s->pins,
                                   .pin_count = s->pin_count,
                                   .h2 = s->protocol == CONF_DOH};
    if (s->protocol == CONF_UDP || s->protocol == CONF_AUTO)
        return true;
    if (s->tls_name && !(o.ca = ca_for(p, &p->peer[i], s->ca_file, error, cap)))
        return false;
    p->peer[i].client = tls_client_new(&o);
    if (!p->peer[i].client)
        snprintf(error, cap, "out of memory");
    return p->peer[i].client != NULL;
}

struct peers *peers_load(const struct conf *conf, char *error, size_t cap)
{
    struct peers *p = calloc(1, sizeof *p + conf->upstream.count * sizeof p->peer[0]);
    if (!p) {
        snprintf(error, cap, "out of memory");
        return NULL;
    }
    p->count = conf->upstream.count;
    for (unsigned i = 0; p && i < p->count; i++)
        if (!open_peer(p, i, &conf->upstream.servers[i], error, cap))
            peers_free(&p);
    return p;
}

void peers_free(struct peers **p)
{
    if (!*p)
        return;
    for (unsigned i = 0; i < (*p)->count; i++) {
        tls_client_free(&(*p)->peer[i].client);
        ca_free(&(*p)->peer[i].ca);
    }
    free(*p);
    *p = NULL;
}

struct tls_client *peers_at(const struct peers *p, unsigned i)
{
    return p && i < p->count ? p->peer[i].client : NULL;
}
