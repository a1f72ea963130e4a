/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The prober: the role that keeps the steering state. It follows the lists' feeds; see lists.h for what it
 * does with them. */
#ifndef POLYNYA_STEERING_PROBER_H
#define POLYNYA_STEERING_PROBER_H

#include <ev.h>

#include "data/conf/conf.h"
#include "data/store/shm.h"

/* Something else that needs a process that lives through all generations. */
struct prober_guest {
    void *(*open)(const void *self, struct ev_loop *loop); /* may fail: NULL */
    void (*close)(void *guest);
    const void *self;
};

/* Runs until SIGTERM or SIGINT: 0. 1 if it cannot start, which is logged. Called in a process of its own,
 * after the log and the metrics page were set up; opens everything it needs itself. ready is called
 * once, when what the lists say for now is stored and their mirrors have first results, or not within two
 * seconds. guest may be NULL. */
int prober_run(const struct conf *conf, struct shm *shm, const struct prober_guest *guest,
               void (*ready)(void *self), void *self);

#endif
