/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One subscribed policy zone: where it comes from, what is believed of it now, and what was said of it.
 *
 * A file is read when it changed, a primary is followed on the loop. What is refused leaves the zone before
 * standing; what is taken is stored before it is believed. A transferred zone ends when its primary has
 * confirmed it for none of the SOA's expire. */
#ifndef POLYNYA_STEERING_POLICY_FEED_H
#define POLYNYA_STEERING_POLICY_FEED_H

#include "steering/policy.h"
#include "steering/targets.h"

/* What all policy zones share; borrowed. */
struct policy_world {
    struct ev_loop *loop; /* NULL: only files are read */
    const struct conf *conf;
    struct store *store;
    const struct guard *guard;
    struct targets *targets; /* NULL: no CNAME's target is known */
    /* Compiles and stores anew, with what the feeds have; false: it could not. */
    bool (*changed)(void *self, int64_t now);
    /* What is believed of some zone, or whether it has expired, is another thing than before. */
    void (*taken)(void *self);
    void *self;
};

struct primary;

struct policy_feed {
    const struct conf_rpz *conf;
    const struct policy_world *world;
    struct dns_name zone;     /* lower-case */
    struct policy_zone *now;  /* believed; NULL: nothing */
    struct policy_zone *next; /* while it is being stored */
    uint64_t seen;            /* mark of the file when it was read last */
    struct primary *primary;  /* NULL: from a file */
    struct refusal told;
    bool expired; /* said so, and left out */
};

void policy_feed_init(struct policy_feed *f, const struct conf_rpz *conf, const struct policy_world *world);
void policy_feed_fini(struct policy_feed *f);
/* Takes what the store remembers, and begins to follow the primary. Calls nothing of the world yet. */
void policy_feed_start(struct policy_feed *f, struct store_txn *t, int64_t now);
/* Reads a file that changed since it was read last; lets go of a zone that has expired. */
void policy_feed_look(struct policy_feed *f, int64_t now);
/* The same zone, now that more or other addresses of its CNAMEs' targets are known. */
void policy_feed_judge_again(struct policy_feed *f, int64_t now);
/* What a snapshot is to have of it; NULL: nothing. */
struct policy_zone *policy_feed_zone(const struct policy_feed *f, int64_t now);
/* Stores what is new. */
enum store_result policy_feed_put(const struct policy_feed *f, struct store_txn *t);

#endif
