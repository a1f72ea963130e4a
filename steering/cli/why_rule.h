/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a policy zone (RPZ) says of a name, and what the daemon makes of that: a step of `polynya why`. */
#ifndef POLYNYA_CLI_WHY_RULE_H
#define POLYNYA_CLI_WHY_RULE_H

#include "steering/cli/daemon.h"
#include "steering/cli/json.h"

/* What a rule comes to, judged as the prober does (rpz_rules.h). */
enum why_rule_says {
    WHY_RULE_NONE,   /* the zone has none for the name */
    WHY_RULE_STEERS, /* it would, if nobody before it has the name */
    WHY_RULE_PASSES, /* passthru */
    WHY_RULE_WAITS,  /* for the addresses of its CNAME's target */
    WHY_RULE_REFUSED,
    WHY_RULE_NOT_JUDGED, /* without the daemon's config */
};

/* The rule of the policy zone that the config names so:
 * {zone, owner, records, target, target_addresses, refused}
 * records are lines, owners without the zone's name; target is that of a CNAME to another name;
 * target_addresses are null while none are known; refused counts its records by refusal.h's names, null
 * where it was not judged. *out is null if there is no rule. */
enum why_rule_says why_rule(struct cli *c, const struct daemon *d, const char *list,
                            const struct dns_name *name, int64_t now, json_t **out);

#endif
