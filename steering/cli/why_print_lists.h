/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya why` for people: what each list says, and what all its steps are printed with. */
#ifndef POLYNYA_CLI_WHY_PRINT_LISTS_H
#define POLYNYA_CLI_WHY_PRINT_LISTS_H

#include "steering/cli/json.h"

#define NUMBER "%" JSON_INTEGER_FORMAT

bool why_is_set(const json_t *object, const char *key);
/* The strings of an array with something between them; an empty one is "nothing". */
void why_print_words(const json_t *array, const char *between);
/* Of an object by country. */
void why_print_blocked(const json_t *blocked);
/* The rows of why_lists.h. */
void why_print_lists(const json_t *rows);

#endif
