/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every address of one snapshot's mirrors: whose it is, under which names it is probed, and its record in the
 * health table (health.h) that is stored beside the snapshot. Pure.
 *
 * Entries and records are parallel to the snapshot's addresses. A new snapshot gets a new roster; what is
 * known of an address goes over to it wherever site, mirror and address are the same. */
#ifndef POLYNYA_STEERING_ROSTER_H
#define POLYNYA_STEERING_ROSTER_H

#include "steering/health.h"
#include "steering/view.h"

struct roster_entry {
    const struct view_site *site;
    const struct view_mirror *mirror;
    uint32_t name_first; /* of roster.name */
    uint16_t name_count; /* 0: another list has all of the site's names, so nobody is sent there */
    uint8_t address;     /* index in its mirror */
};

struct roster {
    struct view *view;
    uint32_t count;
    uint32_t sites;  /* that have names */
    uint32_t probed; /* entries of those */
    struct roster_entry *entry;
    struct bytes *name;           /* wire forms, lower-case, a site's together */
    struct health_head *head;     /* the table as it is stored; not sealed */
    struct health_record *record; /* just behind it */
};

enum { ROSTER_NONE = UINT32_MAX };

/* Takes the view on success. All records are zero: nothing is known. NULL without memory. */
struct roster *roster_new(struct view *view);
void roster_free(struct roster **r);
/* Where each of r's entries stood in old; ROSTER_NONE for new ones. from: r->count. False without memory. */
bool roster_match(const struct roster *r, const struct roster *old, uint32_t *from);
/* Copies old's records of the entries that it had (from: as roster_match gives it). */
void roster_inherit(struct roster *r, const struct roster *old, const uint32_t *from);
/* What a stored table of the same snapshot is worth at now goes into the records. */
void roster_resume(struct roster *r, const struct health *stored, int64_t now);
/* The table: sealed, borrowed. */
struct bytes roster_seal(struct roster *r);

#endif
