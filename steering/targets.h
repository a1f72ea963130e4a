/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Addresses of the names that policy zones' CNAMEs lead to: asked for on the loop, again and again.
 *
 * c-ares asks the upstream servers that speak plain DNS, else the system's resolvers; its answers are read by
 * our own bounded parser. What was known stays while a name cannot be looked up. Names and questions under
 * way are bounded. Nothing here is proved: guards and probes judge addresses as they do those of A and AAAA
 * records. */
#ifndef POLYNYA_STEERING_TARGETS_H
#define POLYNYA_STEERING_TARGETS_H

#include "data/conf/conf.h"
#include "steering/target_table.h"

/* Seconds after which a name is asked for again: its TTL within these; after a failure. */
enum { TARGET_AGAIN_MIN = 60, TARGET_AGAIN_MAX = 3600, TARGET_AGAIN_FAILED = 30 };

struct ev_loop;
struct targets;

/* Borrows all. changed is called from the loop when addresses are others than before. NULL without memory. */
struct targets *targets_new(struct ev_loop *loop, const struct conf *conf, void (*changed)(void *self),
                            void *self);
void targets_free(struct targets **t);
/* These are target_table.h's, of the names that are looked after. */
bool targets_set(struct targets *t, const struct dns_name *const *names, size_t count);
bool targets_get(const struct targets *t, const struct dns_name *name, struct ip *out, unsigned *count);
struct bytes targets_save(const struct targets *t);
/* Before any name is set. */
void targets_load(struct targets *t, struct bytes saved);

/* The addresses of that type (A or AAAA) that a reply gives for name, behind at most 16 CNAMEs; ttl is
 * lowered to the least on the way. -1 if the reply makes no sense. */
int target_addresses(struct bytes reply, const struct dns_name *name, uint16_t type,
                     struct ip out[TARGET_FAMILY_MAX], uint32_t *ttl);

#endif
