/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each of a daemon's lists says of a name: the steps of `polynya why` before a decision. */
#ifndef POLYNYA_CLI_WHY_LISTS_H
#define POLYNYA_CLI_WHY_LISTS_H

#include "steering/cli/daemon.h"
#include "steering/cli/json.h"

/* One row a list, in config order; the first whose `says` is "answers" has the name:
 * {name, version, issued, expires, expired, trust, says, text, site, delegation: {domain, key, blocked,
 *  version, expires}, rule: of a policy zone, see why_rule.h}
 * site is the domain that text speaks of. site, delegation and rule are null where there is none; a list that
 * was never accepted has name, says and text alone. The documents were verified when they were stored, and
 * are not verified again. */
json_t *why_lists(struct cli *c, const struct daemon *d, const struct dns_name *name, int64_t now);

#endif
