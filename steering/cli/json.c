/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Printing JSON: see json.h. */
#include "steering/cli/json.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/base/text.h"

int cli_json(json_t *object)
{
    if (!object)
        return cli_fail("out of memory");
    int failed = json_dumpf(object, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(object);
    return failed ? cli_fail("the JSON cannot be written") : CLI_OK;
}

json_t *cli_json_text(struct cli *c, const char *text)
{
    json_t *made = json_string(text);
    char *copy = made ? NULL : arena_text(&c->arena, bytes_str(text));
    for (char *p = copy; p && *p; p++)
        if ((uint8_t)*p > '~')
            *p = '?';
    return made ? made : json_string(copy);
}

json_t *cli_json_time(int64_t seconds)
{
    char text[TIME_TEXT_MAX];
    time_format(seconds, text);
    return json_string(text);
}

json_t *cli_json_printed(struct bytes document)
{
    return document.data ? json_loadb((const char *)document.data, document.len, 0, NULL) : NULL;
}

const char *cli_json_string(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "-";
}

json_int_t cli_json_number(const json_t *object, const char *key)
{
    return json_integer_value(json_object_get(object, key));
}

bool cli_json_is(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

static bool is_plain(const json_t *value)
{
    const char *text = json_string_value(value);
    for (const char *p = text; p && *p; p++)
        if (*p < ' ' || *p > '~')
            return false;
    return text && *text && strlen(text) == json_string_length(value);
}

const char *cli_json_line(struct cli *c, const json_t *value)
{
    if (is_plain(value))
        return json_string_value(value);
    char *dumped = json_dumps(value, JSON_ENCODE_ANY | JSON_ENSURE_ASCII);
    char *line = dumped ? arena_text(&c->arena, bytes_str(dumped)) : NULL;
    free(dumped);
    return line ? line : "";
}
