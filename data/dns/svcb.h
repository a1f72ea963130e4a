/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RDATA of HTTPS and SVCB records (RFC 9460): written for steered answers, read by the command line. */
#ifndef POLYNYA_DNS_SVCB_H
#define POLYNYA_DNS_SVCB_H

#include "data/base/address.h"
#include "data/dns/name.h"

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

enum { SVCB_HINTS_MAX = 64 };

/* What a record's RDATA says, as far as we go by it. */
struct svcb_seen {
    uint16_t priority;
    struct dns_name target; /* the root: the owner itself */
    uint16_t port;          /* 0 for none */
    struct ip hints[SVCB_HINTS_MAX];
    unsigned hint_count;
};

/* False if it is malformed, its keys do not ascend, or it has more hints than that. */
bool svcb_read(struct bytes rdata, struct svcb_seen *out);

#endif
