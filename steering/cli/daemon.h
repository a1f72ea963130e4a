/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a polynyad keeps, read beside it whether it runs or not: its config and its steering.mdb. Nothing is
 * ever written there. */
#ifndef POLYNYA_CLI_DAEMON_H
#define POLYNYA_CLI_DAEMON_H

#include "data/conf/conf.h"
#include "steering/cli/cli.h"
#include "steering/state.h"

struct daemon_from {
    const char *config, *state_dir; /* one of them */
};

/* The rows of a command whose struct of options has a member `struct daemon_from daemon`. */
#define DAEMON_OPTIONS(type)                                                                                 \
    CLI_OPTION("config", 'c', CLI_TEXT, type, daemon.config, "FILE", "the daemon's config"),                 \
        CLI_OPTION("state-dir", 0, CLI_TEXT, type, daemon.state_dir, "DIR",                                  \
                   "the daemon's state folder, without its config")

struct daemon {
    struct conf *conf; /* NULL where only the folder is known */
    const char *state_dir;
    struct store *store;
    struct view *view; /* what the lists say; NULL before daemon_load */
    struct health *health;
};

/* Config and store. False, said, if one of them cannot be read; daemon_close in any case. */
bool daemon_open(struct cli *c, const struct daemon_from *from, struct daemon *out);
/* daemon_open, and the snapshot in use with what is proved of it. */
bool daemon_load(struct cli *c, const struct daemon_from *from, struct daemon *out);
void daemon_close(struct daemon *d);

#endif
