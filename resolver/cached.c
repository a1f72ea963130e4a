/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two caches: see cached.h. */
#include "resolver/cached.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/base/metric.h"
#include "resolver/denied.h"
#include "resolver/pcache.h"

enum { ANCOUNT_AT = 6 };

struct cached {
    const struct conf *conf;
    const struct rebinding *rebinding;
    struct pcache *packets;
    struct cache *store;
    uint32_t stale_for; /* seconds */
    struct denied denied;
};

void cached_folder(const struct conf *conf, char *out, size_t cap)
{
    snprintf(out, cap, "%s/cache", conf->state_dir);
}

struct cached *cached_new(const struct conf *conf, struct shm *shm, const struct rebinding *rebinding)
{
    char folder[4096];
    struct cached *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->conf = conf;
    c->rebinding = rebinding;
    denied_init(&c->denied);
    c->stale_for = (uint32_t)(conf->cache.stale_for / 1000);
    c->packets = pcache_new(conf->cache.memory, &shm->cache_hash);
    cached_folder(conf, folder, sizeof folder);
    c->store = cache_open(&(struct cache_options){
        .dir = folder, .size = conf->cache.size, .generation = &shm->cache_generation});
    if (!c->packets || !c->store)
        cached_free(&c, false);
    return c;
}

void cached_free(struct cached **c, bool clean)
{
    if (!*c)
        return;
    cache_close(&(*c)->store, clean);
    pcache_free(&(*c)->packets);
    free(*c);
    *c = NULL;
}

/* What was kept under other rules may not be told under ours. */
static bool fits_rules(const struct cached *c, const struct answer_key *key, const struct answer *a)
{
    struct dns_name name = {.len = (uint8_t)(key->len - ANSWER_KEY_REST)};
    memcpy(name.wire, key->data, name.len);
    bool unchecked = !(a->head.flags & ANSWER_CHECKED) && !(key->data[key->len - 1] & ANSWER_KEY_CD);
    return !(unchecked && c->conf->dnssec.mode == CONF_VALIDATE) && rebinding_accepts(c->rebinding, &name, a);
}

static bool from_store(struct cached *c, const struct answer_key *key, struct bytes *block, struct answer *a)
{
    return cache_get(c->store, bytes_of(key->data, key->len), block) && answer_open(*block, true, a) &&
           fits_rules(c, key, a);
}

/* Its time is over, but not for too long. */
static bool still_of_use(const struct cached *c, const struct answer *a, uint32_t now)
{
    return c->stale_for && now - a->head.stored - a->head.ttl < c->stale_for;
}

/* Whether it says that its name, not that of an alias, does not exist, and is believed about names below. */
static bool cuts(const struct cached *c, const struct answer *a)
{
    return c->conf->cache.cut != CONF_CUT_OFF && a->head.rcode == DNS_NXDOMAIN &&
           get_u16(a->wire.data + ANCOUNT_AT) == 0 &&
           (a->head.flags & ANSWER_SECURE || c->conf->cache.cut == CONF_CUT_ALWAYS);
}

static void keep_packet(struct cached *c, const struct answer_key *key, struct bytes block,
                        const struct answer *a, bool wanted)
{
    if (cuts(c, a))
        denied_note(&c->denied, key, a->head.stored + a->head.ttl);
    pcache_put(c->packets, key, block, wanted);
}

/* Where ours is not simply alive: another worker may have stored a younger one. */
static enum cached_state look_in_store(struct cached *c, const struct answer_key *key, uint32_t now,
                                       enum pcache_found ours, struct answer *out)
{
    struct bytes block;
    struct answer stored;
    bool younger =
        from_store(c, key, &block, &stored) && (ours == PCACHE_NONE || stored.head.stored > out->head.stored);
    if (younger)
        *out = stored;
    if (younger && answer_ttl_left(&stored, now)) {
        keep_packet(c, key, block, &stored, true);
        return CACHED_FRESH;
    }
    if (ours == PCACHE_DUE)
        return CACHED_DUE;
    return (younger || ours == PCACHE_OVER) && still_of_use(c, out, now) ? CACHED_STALE : CACHED_NONE;
}

enum cached_state cached_find_again(struct cached *c, const struct answer_key *key, uint32_t now,
                                    struct answer *out)
{
    enum pcache_found ours = pcache_get(c->packets, key, now, out);
    return ours == PCACHE_ALIVE ? CACHED_FRESH : look_in_store(c, key, now, ours, out);
}

enum cached_state cached_find(struct cached *c, const struct answer_key *key, uint32_t now,
                              struct answer *out)
{
    enum pcache_found ours = pcache_get(c->packets, key, now, out);
    if (ours == PCACHE_ALIVE) {
        metric_count(METRIC_CACHE_HIT_PACKET);
        return CACHED_FRESH;
    }
    enum cached_state state = look_in_store(c, key, now, ours, out);
    metric_count(ours == PCACHE_DUE      ? METRIC_CACHE_HIT_PACKET
                 : state == CACHED_FRESH ? METRIC_CACHE_HIT_STORE
                                         : METRIC_CACHE_MISS);
    return state;
}

/* The denial said again of a name below: its SOA and, for who wants them, the same proofs hold (RFC 8020 2).
 */
static bool build_cut(const struct dns_query *q, const struct answer *denial, uint8_t block[ANSWER_BLOCK_MAX],
                      struct answer *out)
{
    static const struct answer_limits as_they_are = {.ttl_max = INT32_MAX, .negative_max = INT32_MAX};
    size_t n = answer_build(q, denial->wire, denial->head.stored, &as_they_are, block);
    if (!n)
        return false;
    answer_mark(block, n, denial->head.flags & (ANSWER_CHECKED | ANSWER_SECURE), 0, denial->head.ttl);
    return answer_open(bytes_of(block, n), false, out);
}

bool cached_find_cut(struct cached *c, const struct dns_query *q, const struct answer_key *key, uint32_t now,
                     uint8_t block[ANSWER_BLOCK_MAX], struct answer *out)
{
    struct answer_key above;
    struct answer denial;
    unsigned depth = 0;
    while (denied_above(&c->denied, key, now, &depth, &above)) {
        if (cached_find_again(c, &above, now, &denial) < CACHED_FRESH || !cuts(c, &denial))
            continue;
        if (build_cut(q, &denial, block, out) && out->head.rcode == DNS_NXDOMAIN) {
            metric_count(METRIC_NXDOMAIN_CUT);
            return true;
        }
    }
    return false;
}

void cached_keep(struct cached *c, const struct answer_key *key, struct bytes block,
                 const struct answer *answer, bool wanted)
{
    if (answer->head.ttl == 0)
        return;
    keep_packet(c, key, block, answer, wanted);
    cache_put(c->store, bytes_of(key->data, key->len), block);
}

void cached_end_turn(struct cached *c)
{
    cache_end(c->store);
}

void cached_tick(struct cached *c, int64_t now_ms)
{
    cache_tick(c->store, now_ms);
}

void cached_usage(struct cached *c, struct cache_usage *out)
{
    cache_usage(c->store, out);
}
