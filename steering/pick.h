/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which mirrors a client is given: weighted rendezvous hashing.
 *
 * Every pair of client and mirror has a fixed score; the best scores win. So a client keeps its mirrors for
 * the day, a mirror that goes takes only its own clients elsewhere, and one that comes takes a fair share
 * from each of the others. Clients are told apart by network (/24, /56), which is also all that is ever
 * looked at. */
#ifndef POLYNYA_STEERING_PICK_H
#define POLYNYA_STEERING_PICK_H

#include "data/base/address.h"
#include "data/base/hash.h"

/* HMAC-SHA256 (RFC 2104) under a key of 32 bytes; allocates nothing. */
void pick_hmac(const uint8_t key[32], struct bytes message, uint8_t out[32]);

/* The key of all scores of this client's network for this domain: HMAC(day_secret, family ‖ prefix ‖ domain).
 * client.len 0 (unknown) is one network of its own. domain: at most 255 bytes, lower-case; more are cut. */
void pick_seed(const uint8_t day_secret[32], const struct ip *client, struct bytes domain,
               struct hash_key *out);

/* A mirror's score for that client: -weight / ln(u), u uniform in (0,1) and drawn by the mirror's id. The
 * chance to have the best score is weight / sum of weights (Efraimidis, Spirakis 2006). 0 if weight is 0. */
double pick_score(const struct hash_key *seed, struct bytes id, uint32_t weight);

/* The best so far, best first. */
enum { PICK_MAX = 2 };
struct pick {
    unsigned wanted; /* 1 .. PICK_MAX */
    unsigned count;
    struct {
        double score;
        const void *what;
    } best[PICK_MAX];
};

void pick_init(struct pick *p, unsigned wanted);
/* Of equal scores the one offered first stays ahead; a score of 0 is never taken. */
void pick_offer(struct pick *p, const void *what, double score);

#endif
