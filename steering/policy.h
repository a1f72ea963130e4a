/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One policy zone (RPZ) that is taken over, as it is believed: its records and what they let us steer.
 *
 * Immutable once made; a newer one replaces it whole. It is kept on disk as its records, and judged again
 * when it comes back: guards and limits may be others by then. */
#ifndef POLYNYA_STEERING_POLICY_H
#define POLYNYA_STEERING_POLICY_H

#include "data/base/arena.h"
#include "data/conf/conf.h"
#include "data/store/store.h"
#include "steering/rpz_rules.h"

struct policy_zone {
    struct arena arena;
    struct records *records;
    struct soa soa;
    int64_t checked; /* when its primary, or its file, last said that it is the newest; Unix seconds */
    struct rpz_rules rules;
    struct view_source_site *live; /* room for as many as rules has */
};

/* Takes records, also on failure. judge->serial is not looked at. NULL without memory. */
struct policy_zone *policy_new(struct records *records, const struct soa *soa, const struct rpz_judge *judge);
void policy_free(struct policy_zone **p);
/* Reads and judges a zone file. */
struct policy_zone *policy_read_file(const char *path, const struct rpz_judge *judge, struct refusal *why);

/* As it was kept under that name. NULL if there is none, it is damaged, or of a zone of another name. */
struct policy_zone *policy_load(struct store_txn *t, const char *name, const struct rpz_judge *judge);
enum store_result policy_store(struct store_txn *t, const char *name, const struct dns_name *zone,
                               const struct policy_zone *p);

/* What a policy zone says of a name: the records of one owner, their zone and serial with them. */
struct policy_rule {
    struct records *records;
    struct dns_name owner; /* without the zone's name; "*" as a first label: the nearest wildcard above it */
    struct dns_name zone;
    uint32_t serial;
};

/* As it was kept under that name: the rule for it, or the nearest wildcard's. False: none, or no memory. */
bool policy_rule_load(struct store_txn *t, const char *name, const struct dns_name *of,
                      struct policy_rule *out);

/* Its sites, but for names that are taken (type 0, no RDATA; "*" as a first label stands for all below): in
 * p->live, until the next call. Then adds the names it passes through. False without memory. */
bool policy_choose(struct policy_zone *p, struct records *taken, size_t *count);

#endif
