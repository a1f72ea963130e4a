/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Probes and explorations: see explore.h. */
#include "resolver/explore.h"

#include "data/base/clock.h"
#include "data/base/metric.h"

/* Asks servers on hold for the root's name servers, which any resolver knows. */
static void probe_those_due(struct exchange *x, int64_t now)
{
    static const struct dns_query root = {.type = DNS_NS, .class = DNS_CLASS_IN, .name = {.len = 1}};
    for (unsigned i = 0; i < x->server_count; i++)
        if (server_probe_due(&x->servers[i], now) && exchange_ask_one(x, &x->servers[i], &root))
            metric_count(METRIC_UPSTREAM_PROBED);
}

/* The question goes to another than the best server, too, now and then: to one of its group, which may see it
 * as well as the best one does. */
static void explore(struct exchange *x, const struct server_group *group, const struct dns_query *q,
                    int64_t now)
{
    struct candidate list[SERVERS_MAX];
    server_group_list(group, now, list);
    int best = select_best(list, group->count);
    int i = select_explored(list, group->count, best, random_below(UINT32_MAX));
    if (i >= 0 && exchange_ask_one(x, group->server[i], q))
        metric_count(METRIC_UPSTREAM_EXPLORED);
}

void explore_beside(struct exchange *x, const struct server_group *group, const struct dns_query *q)
{
    int64_t now = clock_mono_ms();
    if (!server_group_held(group))
        explore(x, group, q, now);
    probe_those_due(x, now);
}
