/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every address of one snapshot's mirrors: whose it is, under which names it is probed, and its record in the
 * health table (health.h) that is stored beside the snapshot. Pure.
 *
 * Entries and records are parallel to the snapshot's addresses. A new snapshot gets new ones; what is
 * known of an address goes over to it wherever site, mirror and address are the same. */
#ifndef POLYNYA_STEERING_ADDRESSES_H
#define POLYNYA_STEERING_ADDRESSES_H

#include "steering/health.h"
#include "steering/view.h"

struct probed_address {
    const struct view_site *site;
    const struct view_mirror *mirror;
    uint32_t name_first; /* of `name` below */
    uint16_t name_count; /* 0: another list has all of the site's names, so nobody is sent there */
    uint8_t address;     /* index in its mirror */
};

struct addresses {
    struct view *view;
    uint32_t count;
    uint32_t sites;  /* that have names */
    uint32_t probed; /* entries of those */
    struct probed_address *entry;
    struct bytes *name;           /* wire forms, lower-case, a site's together */
    struct health_head *head;     /* the table as it is stored; not sealed */
    struct health_record *record; /* just behind it */
};

enum { ADDRESS_NONE = UINT32_MAX };

/* Takes the view on success. All records are zero: nothing is known. NULL without memory. */
struct addresses *addresses_new(struct view *view);
void addresses_free(struct addresses **r);
/* Where each of r's entries stood in old; ADDRESS_NONE for new ones. from: r->count. False without memory. */
bool addresses_match(const struct addresses *r, const struct addresses *old, uint32_t *from);
/* Copies old's records of the entries that it had (from: as addresses_match gives it). */
void addresses_inherit(struct addresses *r, const struct addresses *old, const uint32_t *from);
/* What a stored table of the same snapshot is worth at now goes into the records. */
void addresses_resume(struct addresses *r, const struct health *stored, int64_t now);
/* The table: sealed, borrowed. */
struct bytes addresses_seal(struct addresses *r);

#endif
