/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A feed: the folder behind a URL, one document at a time, wherever it is.
 *
 * A feed only brings bytes; what is believed is trust's to say. file: folders answer at once, https: ones
 * later, on the loop. Every document is bounded in size, and those from afar in time, too. */
#ifndef POLYNYA_STEERING_FEED_H
#define POLYNYA_STEERING_FEED_H

#include "data/base/arena.h"
#include "data/conf/conf.h"
#include "data/list/refusal.h"

enum { FEED_ETAG_MAX = 128 }; /* a longer one is not kept */

struct ev_loop;
struct feeds;

enum feed_end {
    FEED_GOT,
    FEED_SAME,   /* what the etag given stands for */
    FEED_ABSENT, /* the folder has no such document */
    FEED_FAILED
};

struct feed_result {
    enum feed_end end;
    struct bytes body;        /* in the arena given */
    char etag[FEED_ETAG_MAX]; /* "": none */
    struct refusal why;       /* of ABSENT and FAILED */
};

struct feed_request {
    const char *url;  /* of the folder, as in the config */
    const char *name; /* "list.json" */
    size_t max;       /* bytes */
    const char *etag; /* of the copy that we have; "" or NULL: none */
    struct arena *arena;
    void (*done)(void *self, const struct feed_result *r);
    void *self;
};

/* One request; the caller's storage. */
struct feed_get {
    struct fetch *fetch; /* NULL: nothing is under way */
    struct feed_request request;
};

/* Both are borrowed. loop NULL: only file: can be read. NULL without memory. */
struct feeds *feeds_new(struct ev_loop *loop, const struct conf *conf);
/* Requests under way end without done being called. */
void feeds_free(struct feeds **f);
/* True: *out is filled in. False: done will be called, once and from the loop. Texts are borrowed until then,
 * but for url and etag, which are copied. */
bool feed_start(struct feeds *f, struct feed_get *g, const struct feed_request *r, struct feed_result *out);
/* Ends it, if it is under way, without done being called. */
void feed_cancel(struct feed_get *g);

#endif
