/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A channel of c-ares as we use it: plain questions, no search list, no host file's aliases, EDNS. */
#ifndef POLYNYA_STEERING_STUB_H
#define POLYNYA_STEERING_STUB_H

#include <ares.h>

#include "data/base/address.h"

enum { STUB_SERVERS_MAX = 32 };

struct stub_options {
    int try_ms, tries;
    ares_sock_state_cb on_state; /* NULL: the caller asks c-ares for its sockets */
    void *self;
    const union sock_addr *servers; /* asked in order; of IPv4 or IPv6 */
    unsigned server_count;          /* at most STUB_SERVERS_MAX; 0: the system's */
};

/* ARES_SUCCESS, or why not: then *out is NULL. End it by ares_destroy. */
int stub_open(const struct stub_options *o, ares_channel *out);

#endif
