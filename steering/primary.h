/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone's primary: asked again and again for what is newer than ours (transfer.h).
 *
 * After a success it is asked again when the SOA's refresh is over, after a failure when its retry is, longer
 * each time; both within the config's refresh-min and refresh-max. One connection at a time. */
#ifndef POLYNYA_STEERING_PRIMARY_H
#define POLYNYA_STEERING_PRIMARY_H

#include "steering/transfer.h"

struct primary;

struct primary_options {
    struct ev_loop *loop;
    const struct conf_rpz *conf;
    const struct dns_name *zone; /* lower-case */
    uint64_t timeout;            /* ms, of one transfer */
    /* What we have, to be left alone until ended is called; NULL: nothing. */
    const struct records *(*ours)(void *self, struct soa *soa);
    /* False: it could not be taken, and is to be asked for again. */
    bool (*ended)(void *self, const struct transfer_result *r);
    void *self;
};

/* Options are copied, what they point to is borrowed. Asks at once. NULL without memory. */
struct primary *primary_new(const struct primary_options *options);
/* What is under way ends without ended being called. */
void primary_free(struct primary **p);

#endif
