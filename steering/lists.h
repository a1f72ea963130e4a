/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The subscribed lists: what is believed of each now, what is remembered, and how an update gets into
 * steering.mdb.
 *
 * The only writer of steering.mdb. Everything an update changes (documents, highest versions, snapshot) is
 * one transaction; workers are told by the generation counter after it. What fails leaves everything as it
 * was. */
#ifndef POLYNYA_STEERING_LISTS_H
#define POLYNYA_STEERING_LISTS_H

#include "data/conf/conf.h"
#include "data/store/shm.h"
#include "steering/health.h"
#include "steering/view.h"

struct lists;
struct feeds;
struct policies;

/* Who keeps the health table that belongs to each snapshot. */
struct lists_keeper {
    void *self;
    /* What was stored before this start; takes both. Comes first; health NULL: there is none. */
    void (*restored)(void *self, struct view *view, struct health *health, int64_t now);
    /* The sealed table for a snapshot that is about to be stored; empty without memory. */
    struct bytes (*prepare)(void *self, struct bytes snapshot, int64_t now);
    /* Both were stored, or neither was. */
    void (*settled)(void *self, bool stored);
};

/* Opens or makes steering.mdb (a damaged one is set aside), reads the pinned roots, verifies what was
 * accepted before and stores the snapshot made of it: steering works from here on, whatever the feeds do.
 * All pointers are borrowed; without feeds (NULL) only file: lists are read, without policies there is no
 * policy zone, without keeper no health is stored. NULL, logged, without a store. now: Unix seconds. */
struct lists *lists_new(const struct conf *conf, struct shm *shm, struct feeds *feeds,
                        struct policies *policies, const struct lists_keeper *keeper, int64_t now);
void lists_free(struct lists **l);
/* Reads the feeds and takes what verifies: at once from file: folders, from others when their answers come.
 * all false: only lists whose files changed since they were read last. */
void lists_update(struct lists *l, int64_t now, bool all);
/* Stores a sealed table beside the snapshot, and tells workers. False, logged, if it could not. */
bool lists_put_health(struct lists *l, struct bytes table);

#endif
