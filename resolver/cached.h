/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's two caches as one: the packet cache in its memory, and the shared one on disk behind it.
 *
 * An answer whose time is over is kept as long as there is room, for the case that no better one can be had
 * (RFC 8767). What lies on disk may be from before a reload: it is held to the rules in force now. */
#ifndef POLYNYA_RESOLVER_CACHED_H
#define POLYNYA_RESOLVER_CACHED_H

#include "data/conf/conf.h"
#include "data/dns/answer.h"
#include "data/store/cache.h"
#include "data/store/shm.h"
#include "resolver/rebinding.h"

struct cached;

/* "<state-dir>/cache", the folder of the shared one, in which workers alone write. */
void cached_folder(const struct conf *conf, char *out, size_t cap);
/* All borrowed for its life. NULL without memory. */
struct cached *cached_new(const struct conf *conf, struct shm *shm, const struct rebinding *rebinding);
/* clean: see cache_close. */
void cached_free(struct cached **c, bool clean);

enum cached_state {
    CACHED_NONE,
    CACHED_STALE, /* its time is over, by cache.stale-for at most */
    CACHED_FRESH,
    CACHED_DUE /* fresh, and should be renewed now; told once */
};

/* The answer under key at now (Unix seconds), borrowed until the next cached_keep or the end of the turn. */
enum cached_state cached_find(struct cached *c, const struct answer_key *key, uint32_t now,
                              struct answer *out);
/* The same, not counted as a question of its own: for one that found nothing, or nothing fresh, before. */
enum cached_state cached_find_again(struct cached *c, const struct answer_key *key, uint32_t now,
                                    struct answer *out);
/* For a question that found nothing: an answer built because a name above is known not to exist. */
bool cached_find_cut(struct cached *c, const struct dns_query *q, const struct answer_key *key, uint32_t now,
                     uint8_t block[ANSWER_BLOCK_MAX], struct answer *out);
/* Keeps an answer in both caches; one without a lifetime is for its waiters alone. wanted: somebody waits. */
void cached_keep(struct cached *c, const struct answer_key *key, struct bytes block,
                 const struct answer *answer, bool wanted);

/* At the end of each turn of the loop, and about ten times a second (monotonic ms). */
void cached_end_turn(struct cached *c);
void cached_tick(struct cached *c, int64_t now_ms);
void cached_usage(struct cached *c, struct cache_usage *out);

#endif
