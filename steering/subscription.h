/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One subscribed list: the root it is at, the documents believed, and what a feed offers beyond them.
 *
 * Nothing here writes: an offer is made of what verified, and becomes the subscription's own once lists.c has
 * stored it. */
#ifndef POLYNYA_STEERING_SUBSCRIPTION_H
#define POLYNYA_STEERING_SUBSCRIPTION_H

#include "data/conf/conf.h"
#include "steering/documents.h"

enum { SUBSCRIPTION_URLS_MAX = 16, SUBSCRIPTION_OURSELVES = SUBSCRIPTION_URLS_MAX };

enum list_age { LIST_FRESH, LIST_OLD, LIST_EXPIRED };

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
    /* The refusal logged last of each URL, and of what we have ourselves: the same is not logged again. */
    struct refusal told[SUBSCRIPTION_URLS_MAX + 1];
    unsigned sites_told; /* refused sites named so far in this update */
    enum list_age told_age;
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
/* Counts a refusal, and logs it unless it is the one logged last of that URL (its index in the config, or
 * SUBSCRIPTION_OURSELVES). what: "root", "list", "stored". */
void subscription_refused(struct subscription *s, unsigned url, const char *what, const struct refusal *why);

/* An update, step by step. The root that a fresh document is held against: */
const struct root *subscription_root(const struct subscription *s, const struct offer *o);
/* The next root's file; *o gets it if it verifies. */
bool subscription_next_root(struct subscription *s, struct bytes file, struct offer *o, struct refusal *why);
/* Judges d->list alone; d->result.unchanged: it is the one we have. judge->t is not needed. */
bool subscription_open(struct subscription *s, const struct judge *judge, const struct offer *o,
                       struct kept_documents *d, struct refusal *why);
/* The bytes of the delegations that an opened list names, if we have them. */
struct bytes subscription_delegations(const struct subscription *s, const struct kept_documents *d);
/* Judges d->delegations and the registrations; then d belongs into an offer. */
bool subscription_finish(struct subscription *s, const struct judge *judge, const struct offer *o,
                         struct kept_documents *d, struct refusal *why);
/* Where an offer has a new root but no documents: those we have, as far as it covers them. */
void subscription_judge_again(struct subscription *s, const struct judge *judge, struct offer *o);
/* What is stored, in the place of what we have: the clock is another than when that was judged. */
void subscription_judge_stored(struct subscription *s, const struct judge *judge);
/* The versions that bind once the offer is taken, where it brings a root but no documents. */
struct state_floor subscription_floor(const struct subscription *s, const struct offer *o);
/* The offer was stored. */
void subscription_take(struct subscription *s, struct offer *o);
void offer_drop(struct offer *o);

#endif
