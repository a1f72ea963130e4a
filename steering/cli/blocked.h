/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a domain is blocked where, as it is given on the command line. */
#ifndef POLYNYA_CLI_BLOCKED_H
#define POLYNYA_CLI_BLOCKED_H

#include "data/list/delegations.h"
#include "steering/cli/cli.h"

/* Fills site->blocked: what stood before, but for the countries named. blocked: "RU=dns,ip,sni", all that
 * holds there; unblocked: "RU". False (said) if malformed, contradictory, or there is nothing to take back.
 */
bool blocked_change(struct cli *c, const struct cli_words *blocked, const struct cli_words *unblocked,
                    const struct delegation *before, struct delegation *site);

#endif
