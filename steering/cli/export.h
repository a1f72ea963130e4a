/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the `polynya export FORMAT` share that read documents: which sites there are, which of their mirrors a
 * reader could be sent to, and where the result goes. A format is a file beside this one (export_FORMAT.c)
 * and a row in main.c.
 *
 * Sites come from a list's folder, judged from a pinned root as a resolver would, or from what a daemon
 * believes (steering.mdb, found by its config). What does not verify is never exported. */
#ifndef POLYNYA_CLI_EXPORT_H
#define POLYNYA_CLI_EXPORT_H

#include "data/list/delegations.h"
#include "data/list/registration.h"
#include "steering/cli/cli.h"

struct export_from {
    const char *config; /* the daemon's config; else the command's first word is the folder */
    const char *root;   /* of the folder */
    const char *region; /* country whose health counts; NULL: everywhere's */
    const char *out;    /* file; NULL: standard output */
    bool allow_special_use;
    int64_t now;
};

/* The rows of a command whose struct of options has a member `struct export_from from`. */
#define EXPORT_OPTIONS(type)                                                                                 \
    CLI_OPTION("config", 'c', CLI_TEXT, type, from.config, "FILE",                                           \
               "what the daemon with this config believes, instead of a folder"),                            \
        CLI_OPTION("root", 'r', CLI_TEXT, type, from.root, "FILE",                                           \
                   "with a folder: the root you trust, from elsewhere"),                                     \
        CLI_OPTION("region", 0, CLI_TEXT, type, from.region, "CC",                                           \
                   "leave out mirrors that are down in this country"),                                       \
        CLI_OPTION("out", 'o', CLI_TEXT, type, from.out, "FILE",                                             \
                   "put it there at once and whole; default: standard output"),                              \
        CLI_OPTION("allow-special-use", 0, CLI_FLAG, type, from.allow_special_use, NULL,                     \
                   "with a folder: as the setting of that name: tests and demos only"),                      \
        CLI_OPTION("now", 0, CLI_TIME, type, from.now, "TIME", "instead of the clock")

struct export_site {
    const char *list;      /* name in the config; the folder's path otherwise */
    uint64_t list_version; /* of list.json */
    int64_t list_expires;
    const struct registration *registration; /* not expired */
    const struct delegation *delegation;
    const bool *usable; /* one a mirror of the registration, in its order */
    unsigned usable_count;
};

struct export_sites {
    struct export_site *site; /* in the order that decides: the first that has a name has it */
    size_t count;
};

/* False (said) if there is nothing to be believed at all; a site that is refused is named on stderr. */
bool export_load(struct cli *c, const struct export_from *from, struct export_sites *out);
/* Whole and at once into from->out, or to standard output; returns an exit status. */
int export_write(const struct export_from *from, struct bytes content);

#endif
