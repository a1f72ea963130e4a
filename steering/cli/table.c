/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Printing tables: see table.h. */
#include "steering/cli/table.h"

#include <stdio.h>

enum { COLUMNS_MAX = 64, WIDTH_MAX = 60 };

const char *table_scalar(struct cli *c, const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING: {
        char *text = arena_text(&c->arena, bytes_of(json_string_value(v), json_string_length(v)));
        for (char *p = text; p && *p; p++)
            if ((uint8_t)*p < ' ' || *p == 0x7f)
                *p = '?';
        return text ? text : "";
    }
    case JSON_INTEGER:
        return arena_printf(&c->arena, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    case JSON_REAL:
        return arena_printf(&c->arena, "%g", json_real_value(v));
    case JSON_TRUE:
        return "yes";
    case JSON_FALSE:
        return "no";
    case JSON_NULL:
        return "-";
    default:
        return "…";
    }
}

struct column {
    const char *key;
    size_t width;
};

static const char *cell(struct cli *c, const json_t *row, const char *key)
{
    const json_t *value = json_object_get(row, key);
    const char *text = value ? table_scalar(c, value) : "-";
    return text ? text : "";
}

static unsigned measure(struct cli *c, const json_t *rows, struct column *columns)
{
    unsigned count = 0;
    const char *key;
    json_t *row, *value;
    size_t i;
    json_object_foreach(json_array_get(rows, 0), key, value) if (count < COLUMNS_MAX) columns[count++] =
        (struct column){key, strlen(key)};
    json_array_foreach(rows, i, row)
    {
        for (unsigned k = 0; k < count; k++) {
            size_t len = strlen(cell(c, row, columns[k].key));
            if (len > columns[k].width)
                columns[k].width = len < WIDTH_MAX ? len : WIDTH_MAX;
        }
    }
    return count;
}

/* The last column is not padded: no line ends in spaces. */
static void print_cell(const struct column *columns, unsigned count, unsigned k, const char *text)
{
    printf("  %-*s", k + 1 < count ? (int)columns[k].width : 0, text);
    if (k + 1 == count)
        putchar('\n');
}

void table_print(struct cli *c, const json_t *rows)
{
    struct column columns[COLUMNS_MAX];
    unsigned count = measure(c, rows, columns);
    json_t *row;
    size_t i;
    for (unsigned k = 0; k < count; k++)
        print_cell(columns, count, k, columns[k].key);
    json_array_foreach(rows, i, row)
    {
        for (unsigned k = 0; k < count; k++)
            print_cell(columns, count, k, cell(c, row, columns[k].key));
    }
}
