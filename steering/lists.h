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

struct lists;

struct feeds;

/* Opens or makes steering.mdb (a damaged one is set aside), reads the pinned roots, verifies what was
 * accepted before and stores the snapshot made of it: steering works from here on, whatever the feeds do.
 * conf, shm and feeds are borrowed; without feeds (NULL)
 * only file: lists are read. NULL, logged, without a store. now: Unix seconds. */
struct lists *lists_new(const struct conf *conf, struct shm *shm, struct feeds *feeds, int64_t now);
void lists_free(struct lists **l);
/* Reads the feeds and takes what verifies: at once from file: folders, from others when their answers come.
 * all false: only lists whose files changed since they were read last. */
void lists_update(struct lists *l, int64_t now, bool all);

#endif
