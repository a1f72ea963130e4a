/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One generation after another: the current one, the next while it is being started, and what asks for one.
 *
 * A reload builds a generation aside (config, certificates, sockets, workers). When all its workers serve it
 * becomes the current one and the old workers are told to drain; should anything fail before, it is thrown
 * away and the current one was never touched. Times are monotonic milliseconds. */
#ifndef POLYNYA_RESOLVER_RELOAD_H
#define POLYNYA_RESOLVER_RELOAD_H

#include "resolver/generation.h"
#include "resolver/posts.h"
#include "resolver/watch.h"

struct reload {
    struct posts *posts;
    struct generation current, next; /* next may share current's conf */
    struct watch watch;              /* of the current one's files */
    bool wanted;                     /* the config is to be read again */
    unsigned files_changed;          /* WATCH_… */
};

/* Nothing runs yet. posts is borrowed; needs reload_fini unless the process ends. */
void reload_init(struct reload *r, struct posts *posts);
void reload_fini(struct reload *r);
/* The first generation: as generation_init. */
bool reload_first(struct reload *r, struct conf *conf, char *error, size_t cap);

/* Looks at the watched files. Call at each turn, watch_read before if watch.fd is readable. */
void reload_look(struct reload *r, int64_t now);
/* One step: starts the next generation if one is asked for and none is on its way, fills its posts, lets it
 * take over. False in a child that has run its role. */
bool reload_step(struct reload *r);
/* A process ended that nobody had told to: the next generation is given up if it was its own and had not yet
 * served. */
void reload_died(struct reload *r, const struct crew_child *was);
/* Gives up a next generation that takes too long. */
void reload_expire(struct reload *r, int64_t now);
/* When reload_expire has something to do; INT64_MAX if nothing is on its way. */
int64_t reload_due(const struct reload *r);

#endif
