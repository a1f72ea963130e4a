/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sites, mirrors and addresses of a snapshot as JSON, each with what the decision makes of it: what `why`,
 * `mirrors` and `probe` show, by the functions that decide (steer_case.h) and no others. */
#ifndef POLYNYA_CLI_SITES_H
#define POLYNYA_CLI_SITES_H

#include "steering/cli/json.h"
#include "steering/steer.h"

/* The domain without a closing dot, in the arena; "" without memory. */
const char *sites_name(struct cli *c, const struct dns_name *name);
/* The registered names of a site that are answered from it, the shortest first. */
json_t *sites_names_json(struct cli *c, const struct view *v, const struct view_site *site);
/* {"RU": ["dns", "ip"]} */
json_t *sites_blocked_json(const struct view_site *site);
/* "signed", or "unsigned": of a zone nobody vouches for, only our own probes' proof counts. */
const char *sites_trust(const struct view_list *l);
/* {name, version, issued, expires, expired, trust}; a policy zone's version is its serial, and expires null.
 */
json_t *sites_list_json(const struct view_list *l, int64_t now);
/* The date of the table of health and what it says of all: {stored, fresh, interval, uplink, probing}; null
 * if there is none. */
json_t *sites_health_json(const struct steer_case *c);
/* One address: {address, verdict, usable, text, state, since, checked, successes, failures, until_change,
 * ttl, failure, failure_text, certificate_ends, alpn, proved, last_good, forced}; those of health are null
 * where there is no table. */
json_t *sites_address_json(const struct steer_case *c, const struct view_mirror *m, unsigned i);
/* {id, weight, kind, port, alpn, ech, blocked_in, list_health, verdict, usable, text, addresses} */
json_t *sites_mirror_json(const struct steer_case *c, const struct view_mirror *m);

#endif
