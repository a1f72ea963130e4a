/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OONI's measurements of sites as they count for `blocked`: how much of what was measured of a domain in a
 * country speaks for blocking by DNS, by IP address or by the TLS handshake's name. Pure.
 *
 * Two answers of OONI's API are read:
 *   /api/v1/aggregation           {"result": [{"probe_cc", "domain" or "input", "blocking_type",
 * "anomaly_count", "confirmed_count", "failure_count", "measurement_count"}]}, or one object
 *   /api/v1/aggregation/analysis  {"results": [{"probe_cc", "domain", "count", "loni": {"dns_blocked",
 *                                 "tcp_blocked", "tls_blocked", "dns_down", …}}]}; older: dns_isp_blocked
 * OONI tells some errors with HTTP 200: such a body is refused with OONI's words. It speaks of the site's own
 * name and addresses, never of a mirror. */
#ifndef POLYNYA_STEERING_OONI_H
#define POLYNYA_STEERING_OONI_H

#include "data/base/arena.h"
#include "data/list/refusal.h"

enum { OONI_SIZE_MAX = 16 << 20, OONI_VALUES_MAX = 1 << 21, OONI_PAIRS_MAX = 65536 };

enum ooni_how { OONI_DNS, OONI_IP, OONI_SNI, OONI_HOW_COUNT }; /* bits of enum block_flag, in their order */

struct ooni_pair {
    const char *domain; /* lower-case, without a leading "www." */
    char country[3];
    double measurements;            /* without the failed ones */
    double blocked[OONI_HOW_COUNT]; /* of them, weighted by how likely: divide by measurements for a share */
    double untold;                  /* anomalies whose kind the file does not tell */
};

struct ooni {
    struct ooni_pair *pairs; /* sorted by domain, then country */
    unsigned count;
    unsigned skipped; /* rows without a usable domain, country or count */
};

/* domain and country: of rows that do not name them, as in answers about one of them; may be NULL. */
bool ooni_parse(struct bytes text, const char *domain, const char *country, struct arena *arena,
                struct ooni *out, struct refusal *why);

#endif
