/* SPDX-License-Identifier: GPL-3.0-or-later */
/* JSON as every command prints it with --json: one object, indented by two, nothing else on standard output.
 * A command builds it with jansson's json_pack and hands it over; NULL, which jansson gives without memory,
 * is said and fails. */
#ifndef POLYNYA_CLI_JSON_H
#define POLYNYA_CLI_JSON_H

#include <jansson.h>

#include "steering/cli/cli.h"

/* The option row of a command whose struct of options has a member `bool json`. */
#define CLI_JSON_OPTION(type) CLI_OPTION("json", 'j', CLI_FLAG, type, json, NULL, "print JSON")

/* Prints it and takes the reference; returns an exit status. */
int cli_json(json_t *object);
/* Text from outside (a path, a reply): JSON strings are UTF-8, so where it is not, other bytes become '?'. */
json_t *cli_json_text(struct cli *c, const char *text);
json_t *cli_json_time(int64_t seconds);
/* A document as its printer made it; NULL without memory, the printer's or ours. */
json_t *cli_json_printed(struct bytes document);
/* Members of an object that is being shown: "-" and 0 where there is none of that kind. */
const char *cli_json_string(const json_t *object, const char *key);
json_int_t cli_json_number(const json_t *object, const char *key);
bool cli_json_is(const json_t *object, const char *key);
/* A value on one line, fit for a terminal: a string as it is if that is harmless, all else as ASCII JSON.
 * "" without memory. */
const char *cli_json_line(struct cli *c, const json_t *value);

#endif
