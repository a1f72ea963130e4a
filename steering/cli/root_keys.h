/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The keys and thresholds of a root as they are given on the command line: for a first root, and for one that
 * changes the root before it. */
#ifndef POLYNYA_CLI_ROOT_KEYS_H
#define POLYNYA_CLI_ROOT_KEYS_H

#include "data/list/root.h"
#include "steering/cli/cli.h"

struct root_keys {
    struct cli_words role[ROOT_ROLE_COUNT]; /* keys to add, in the order of enum root_role */
    struct cli_words thresholds, removed;
};

/* The rows of a command whose struct of options has a member `struct root_keys given`. */
#define ROOT_KEYS_OPTIONS(type)                                                                              \
    CLI_OPTION("root-key", 0, CLI_MANY, type, given.role[ROOT_ROLE_ROOT], "[NAME=]KEY",                      \
               "a root key: RW… or a .pub file"),                                                            \
        CLI_OPTION("maintainer", 0, CLI_MANY, type, given.role[ROOT_ROLE_MAINTAINERS], "[NAME=]KEY",         \
                   "a key that signs delegations"),                                                          \
        CLI_OPTION("publisher", 0, CLI_MANY, type, given.role[ROOT_ROLE_PUBLISHER], "[NAME=]KEY",            \
                   "a key that signs list.json"),                                                            \
        CLI_OPTION("vantage", 0, CLI_MANY, type, given.role[ROOT_ROLE_VANTAGE], "[NAME=]KEY",                \
                   "a key that reports health")

/* Fills keys and roles of out: those of before (which may be NULL) but for the removed, then those given. A
 * threshold is the one given, else the one before, else more than half of the offline roles' keys and 1 of
 * the others'. False (said) if that is no root. */
bool root_keys_apply(struct cli *c, const struct root_keys *given, const struct root *before,
                     struct root *out);
/* The key's id in the root; NULL if it has none there. */
const char *root_keys_name(const struct root *r, const struct minisign_public *key);

#endif
