/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Name compression for a message being written (RFC 1035 4.1.4), bounded in memory and work.
 *
 * The table remembers where suffixes already stand in the message. It never grows: when it is crowded, names
 * just come out longer. Work per name is linear in its length, whatever names an attacker chooses. */
#ifndef POLYNYA_DNS_COMPRESS_H
#define POLYNYA_DNS_COMPRESS_H

#include "data/dns/name.h"

enum { NAME_TABLE_SLOTS = 256, NAME_TABLE_PROBES = 4 };

struct name_table {
    struct {
        uint32_t hash;
        uint16_t at; /* offset in the message; 0: empty */
    } slot[NAME_TABLE_SLOTS];
};

void name_table_init(struct name_table *t);
/* Writes name behind what w holds, ending in a pointer where its tail was written before in any case. w->data
 * must be the start of the message, and t have seen no other. */
void name_put(struct name_table *t, struct writer *w, const struct dns_name *name);

#endif
