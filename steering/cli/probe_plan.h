/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What `polynya probe` is to probe: words into jobs. */
#ifndef POLYNYA_CLI_PROBE_PLAN_H
#define POLYNYA_CLI_PROBE_PLAN_H

#include "steering/cli/daemon.h"

struct probe_wish {
    const struct cli_words *words; /* domains and addresses */
    const char *address;           /* instead of the sites' own; NULL: none */
    bool all_names;
};

/* One address under one name, and what was found there. */
struct probe_job {
    const struct view_site *site;
    const struct view_mirror *mirror; /* id "": made up for an address that no mirror has */
    unsigned address;                 /* of the mirror's */
    struct dns_name name;
    void *run;
    int64_t started, ms; /* clock_mono_ms */
    unsigned failure;    /* enum probe_failure */
    unsigned status;     /* HTTP; 0: none */
    bool h2;
    int64_t certificate_ends; /* Unix seconds; 0: no handshake */
};

struct probe_plan {
    struct probe_job *job; /* in the command's arena */
    size_t count, room;
};

/* Whether that makes sense; before anything is opened. False, said, if not. */
bool probe_plan_check(struct cli *c, const struct probe_wish *wish);
/* A domain: its site's addresses, or the one given with the site's policy. An address: every site that has a
 * mirror there. False, said, if a word matches nothing. Borrows the daemon's view. */
bool probe_plan_make(struct cli *c, const struct daemon *d, const struct probe_wish *wish,
                     struct probe_plan *out);

#endif
