/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One subscribed list: the root it is at, the documents believed, and what a feed offers beyond them.
 *
 * Nothing here writes: an offer is made of what verified, and becomes the subscription's own once lists.c has
 * stored it. */
#ifndef POLYNYA_STEERING_SUBSCRIPTION_H
#define POLYNYA_STEERING_SUBSCRIPTION_H

#include "data/conf/conf.h"
#include "steering/trust.h"

enum { SUBSCRIPTION_URLS_MAX = 16 };

/* A root and the file it was read from, in an arena of its own. */
struct kept_root {
    struct arena arena;
    struct root root;
    struct bytes file;
};

/* An accepted list with its delegations, and their files. */
struct kept_documents {
    struct arena arena;
    struct trust_result result;
    struct bytes list;
    struct bytes delegations;
};

/* What an update found; owned until taken or dropped. NULL members: nothing new. */
struct offer {
    struct kept_root *root;
    struct kept_documents *documents;
    bool revoked; /* the new root no longer covers the documents believed so far, and there are no others */
};

struct subscription {
    const struct conf_list *conf;
    uint8_t pin[32];                  /* SHA-256 of the pinned root's file */
    struct kept_root *root;           /* NULL: no root to begin with; nothing is believed */
    struct kept_documents *documents; /* NULL: nothing accepted yet */
    struct state_floor floor;
    uint64_t seen[SUBSCRIPTION_URLS_MAX]; /* fingerprints of the feeds when they were read last */
    struct refusal told;                  /* the refusal logged last: the same one is not logged again */
    unsigned sites_told;                  /* refused sites named so far in this update */
    bool told_expired;
};

/* What it takes to judge a list. t: a read transaction. */
struct judge {
    struct store_txn *t;
    const struct guard *guard;
    int64_t now;
};

/* Reads the pinned root and what the store remembers; logs what is refused. */
void subscription_start(struct subscription *s, const struct conf_list *conf, const struct judge *judge);
void subscription_fini(struct subscription *s);
/* Tries the URLs in order until one has a list that is accepted or already is; logs and counts what is
 * refused. all false: looks only if some file has changed. True if there is anything in out. */
bool subscription_try(struct subscription *s, const struct judge *judge, bool all, struct offer *out);
/* The versions that bind once the offer is taken, where it brings a root but no documents. */
struct state_floor subscription_floor(const struct subscription *s, const struct offer *o);
/* The offer was stored. */
void subscription_take(struct subscription *s, struct offer *o);
void offer_drop(struct offer *o);

#endif
