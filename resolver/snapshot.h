/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A worker's copy of the steering snapshot, renewed when the prober has stored another.
 *
 * Read from steering.mdb, never written. Without the file, or with one that makes no sense, nothing is
 * steered and the last good copy stays. */
#ifndef POLYNYA_RESOLVER_SNAPSHOT_H
#define POLYNYA_RESOLVER_SNAPSHOT_H

#include "data/store/shm.h"
#include "steering/steer.h"

struct snapshot;

/* To be made before the process is confined. generation is the shared counter; it and state_dir are borrowed.
 * NULL without memory. */
struct snapshot *snapshot_new(const char *state_dir, const uint32_t *generation);
void snapshot_free(struct snapshot **s);
/* Loads what has been stored since the last call; cheap when nothing has. */
void snapshot_refresh(struct snapshot *s, int64_t now);
/* The current copy, valid until the next refresh; NULL without one. */
const struct view *snapshot_view(const struct snapshot *s);
/* steer_find in the current copy, and the decision about what it found. What they point to is valid until the
 * next refresh. */
const struct view_site *snapshot_find(const struct snapshot *s, const struct dns_query *q);
/* Any list has the name, whatever is asked about it. */
bool snapshot_has(const struct snapshot *s, const struct dns_name *name);
void snapshot_decide(const struct snapshot *s, const struct view_site *site,
                     const struct steer_client *client, int64_t now, struct steer_decision *out);

#endif
