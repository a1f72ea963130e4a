/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A config being loaded: texts become values along the table of settings, and what is wrong is told with its
 * line.
 *
 * For the files of this folder only. Paths of settings are the file's own: "steering.lists[0].name". */
#ifndef POLYNYA_CONF_LOADER_H
#define POLYNYA_CONF_LOADER_H

#include "data/conf/raw.h"
#include "data/conf/value.h"

struct loader {
    struct conf *conf;
    const struct outline *outline;
    const struct complaint *complaint;
    struct value_env env;
};

/* Complain of the setting at path; always false. */
bool loader_fail(const struct loader *l, const char *path, const char *what);
/* The same of entry i: path has a "#" for its number. */
bool loader_fail_entry(const struct loader *l, const char *path, unsigned i, const char *what);
bool loader_no_memory(const struct loader *l);

/* Fills l->conf with what the file gives and with the defaults in the table. False after a complaint. */
bool loader_read(const struct loader *l, const struct raw *raw);

#endif
