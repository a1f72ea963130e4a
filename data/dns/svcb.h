/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RDATA of HTTPS and SVCB records (RFC 9460): written for steered answers, read by the command line. */
#ifndef POLYNYA_DNS_SVCB_H
#define POLYNYA_DNS_SVCB_H

#include "data/base/text.h"

struct svcb {
    uint16_t priority;
    struct bytes target;     /* wire name, not compressed; empty means the owner itself (".") */
    const char *const *alpn; /* NULL-terminated, or NULL for none */
    uint16_t port;           /* 0 for none */
    const struct ip *hints;  /* both families mixed; written as ipv4hint and ipv6hint */
    size_t hint_count;
    struct bytes ech; /* ECHConfigList, may be empty */
};

/* SvcParams in ascending key order. w is full if it does not fit. */
void svcb_write(struct writer *w, const struct svcb *s);

#endif
