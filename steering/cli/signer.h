/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A key that may sign a document, and whether it has, as every command that adds signatures tells it. */
#ifndef POLYNYA_CLI_SIGNER_H
#define POLYNYA_CLI_SIGNER_H

#include "data/list/envelope.h"
#include "steering/cli/json.h"

/* {name, key, signed}; NULL without memory. name NULL: it has none. */
json_t *signer_json(const struct envelope *e, const char *name, const struct minisign_public *key);
/* One line; more stands behind the name. */
void signer_print(const struct envelope *e, const char *name, const struct minisign_public *key,
                  const char *more);

#endif
