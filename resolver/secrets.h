/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The files with secrets that a config names: TLS keys and TSIG secrets. Whether they can be read by us, and
 * whether by too many others; what is in them is no matter here. */
#ifndef POLYNYA_RESOLVER_SECRETS_H
#define POLYNYA_RESOLVER_SECRETS_H

#include "data/conf/conf.h"

/* A zone file may come later, and is then taken; a secret without which nothing is transferred may not.
 * False, and error says which. Keys are read, and found wanting, when certificates are loaded. */
bool secrets_readable(const struct conf *conf, char *error, size_t cap);
/* Calls each for every file of them that others may read or write to (file.h), once a file. setting is its
 * path in the config: "tls.certificates[].key". */
void secrets_exposed(const struct conf *conf, void (*each)(void *self, const char *setting, const char *file),
                     void *self);
/* One warning in the log for each of these. */
void secrets_warn(const struct conf *conf);

#endif
