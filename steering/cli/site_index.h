/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The names of a snapshot by site: a site without any is one that no reader is sent to. */
#ifndef POLYNYA_CLI_SITE_INDEX_H
#define POLYNYA_CLI_SITE_INDEX_H

#include "steering/cli/cli.h"
#include "steering/view.h"

struct site_name {
    const struct view_site *site;
    struct bytes name; /* wire form, lower-case, borrowed from the view */
};

struct site_index {
    struct site_name *row; /* a site's together, the shortest first */
    size_t count, room;
};

/* In the command's arena. False, said, without memory. */
bool site_index_make(struct cli *c, const struct view *v, struct site_index *out);
/* Its first name, and how many; NULL and 0 if it has none. */
const struct site_name *site_index_find(const struct site_index *x, const struct view_site *site,
                                        size_t *count);
void site_name_copy(const struct site_name *row, struct dns_name *out);

#endif
