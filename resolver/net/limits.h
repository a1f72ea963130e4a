/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What one client, and all of them together, may take of a process. */
#ifndef POLYNYA_NET_LIMITS_H
#define POLYNYA_NET_LIMITS_H

#include <stddef.h>

struct front_limits {
    unsigned streams;     /* requests of one connection that are open or not yet answered */
    size_t header_list;   /* bytes of one request's header fields, the target not counted */
    double idle_timeout;  /* seconds: no request open */
    double read_timeout;  /* seconds: a handshake, a header or a body under way */
    double write_timeout; /* seconds: something to send and nothing of it taken */
    unsigned connections, connections_per_prefix;
    /* Of all that follow, 0 means no limit. */
    unsigned handshakes;      /* TLS handshakes under way */
    unsigned connection_rate; /* a second, see rate.h for whom: new connections */
    unsigned query_rate;      /* and requests */
    unsigned requests;        /* of one connection */
    double connection_life;   /* seconds */
};

#endif
