/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One question of `polynya why`: decided in why.c, made a tree of in why_tree.c, shown in why_print.c. */
#ifndef POLYNYA_CLI_WHY_H
#define POLYNYA_CLI_WHY_H

#include "steering/cli/daemon.h"
#include "steering/cli/json.h"
#include "steering/steer.h"

/* A question and all it takes to decide it. */
struct why {
    struct cli *c;
    struct daemon daemon;
    struct dns_name name;
    uint16_t type; /* A stands for all where none is given */
    bool one_type;
    struct steer_client client;
    struct ip_net network; /* of client.ip */
    bool by_geoip;         /* the database told client.country */
    uint8_t day_secret[32];
    int64_t now;
    struct steer_decision decision;
    const struct view_site *site; /* the decision's, or that of a type which is not ours */
};

/* Every step, as polynya(1) says it; NULL without memory. */
json_t *why_tree(const struct why *w);
/* For people. */
void why_print(const json_t *tree);

#endif
