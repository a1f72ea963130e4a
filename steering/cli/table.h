/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rows of JSON as a table for people. */
#ifndef POLYNYA_CLI_TABLE_H
#define POLYNYA_CLI_TABLE_H

#include "steering/cli/json.h"

/* A scalar as text: bytes of a string that a terminal might obey become '?'. Borrowed or the arena's. */
const char *table_scalar(struct cli *c, const json_t *value);
/* Objects of scalars, one a line; the columns are the keys of the first. */
void table_print(struct cli *c, const json_t *rows);

#endif
