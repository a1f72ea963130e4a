/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One conversation with a policy zone's primary, over TCP and on the loop: from connecting to the news, or to
 * why there are none (xfr.h). The key's secret is read for it and wiped after it. */
#ifndef POLYNYA_STEERING_TRANSFER_H
#define POLYNYA_STEERING_TRANSFER_H

#include "data/conf/conf.h"
#include "steering/xfr.h"

struct ev_loop;
struct transfer;

enum transfer_end { TRANSFER_NEW, TRANSFER_UNCHANGED, TRANSFER_FAILED };

struct transfer_result {
    enum transfer_end end;
    struct records *records; /* NEW: the caller's from here on */
    struct soa soa;
    bool was_difference; /* it is the difference that was asked for last */
    struct refusal why;  /* FAILED */
};

struct transfer_options {
    struct ev_loop *loop;
    const struct conf_rpz *conf;
    const struct dns_name *zone; /* lower-case */
    uint64_t timeout;            /* ms, of all of it */
    const struct records *ours;  /* what we have, to be left alone meanwhile; NULL: nothing */
    uint32_t serial;             /* of that */
    bool whole;                  /* do not ask for the difference */
    /* Called once; frees the transfer. */
    void (*ended)(void *self, struct transfer_result *r);
    void *self;
};

/* Options are copied, what they point to is borrowed. NULL without memory. */
struct transfer *transfer_new(const struct transfer_options *options);
/* May have ended when it returns. */
void transfer_start(struct transfer *t);
/* What is under way ends without ended being called. */
void transfer_free(struct transfer **t);

#endif
