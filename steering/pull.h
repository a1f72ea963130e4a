/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One list's update: its URLs in order, and of each the roots one by one, the list, and the delegations if
 * they are others than ours.
 *
 * Each document is judged before the next is asked for, so that a server can make us take no more than what
 * its keys have signed. URLs are tried until one has a good list; a bad one changes nothing. A URL whose list
 * is good but old is taken and the next are tried, too: whoever controls one server must not be able to hold
 * a list back. A server that fails is left alone for a while that doubles each time. */
#ifndef POLYNYA_STEERING_PULL_H
#define POLYNYA_STEERING_PULL_H

#include "steering/feed.h"
#include "steering/subscription.h"

/* What all pulls share. */
struct pull_world {
    const struct conf *conf;
    struct feeds *feeds;
    struct store *store;
    const struct guard *guard;
    /* Something new was found: stored and taken, or dropped, when it returns. */
    void (*found)(void *self, struct subscription *s, struct offer *o, int64_t now);
    /* The update has ended. */
    void (*ended)(void *self, struct subscription *s, int64_t now);
    void *self;
};

enum pull_step { PULL_ROOT, PULL_LIST, PULL_DELEGATIONS };

/* What is remembered of a URL between updates. */
struct pull_url {
    uint64_t seen;            /* mark of a file: feed when it was read last */
    char etag[FEED_ETAG_MAX]; /* of its list, if that is the list we have: */
    uint8_t etag_list[32];    /* SHA-256 of its text */
    unsigned failures;        /* in a row */
    int64_t not_before;       /* ms, clock_mono_ms */
};

struct pull {
    const struct pull_world *world;
    struct subscription *s;
    struct pull_url url[SUBSCRIPTION_URLS_MAX];
    bool running;
    int64_t again; /* when something changed while it ran; 0: nothing did */

    /* of the update under way: */
    int64_t now; /* Unix seconds, the same for all of its documents */
    unsigned at; /* index of the URL */
    enum pull_step step;
    unsigned roots; /* taken from this URL */
    struct offer offer;
    struct kept_documents *documents;
    char name[ROOT_FILE_NAME]; /* of the document asked for */
    char etag[FEED_ETAG_MAX];  /* of the list in documents */
    struct feed_get get;
};

void pull_init(struct pull *p, const struct pull_world *world, struct subscription *s);
void pull_fini(struct pull *p);
/* Starts an update, or lets the one under way run once more. all false: only if some file: feed has
 * changed. May have ended when it returns. */
void pull_start(struct pull *p, int64_t now, bool all);

#endif
