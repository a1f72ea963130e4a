/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya list diff`: what another edition of a list says otherwise. Two trees are walked at once; an object
 * is compared key by key, a list of objects by their id or domain, a list of plain values as a set. One line,
 * or one row of JSON, for each difference. */
#include <stdio.h>

#include "steering/cli/content.h"

struct options {
    bool json;
};

static const struct cli_option options[] = {
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

enum { PATH_MAX_DEPTH = 12 };

/* The walk and the place it has come to. */
struct diff {
    struct cli *c;
    json_t *rows;
    const char *path[PATH_MAX_DEPTH];
    unsigned depth;
};

static void differs(struct diff *d, const json_t *a, const json_t *b)
{
    json_t *path = json_array();
    for (unsigned i = 0; i < d->depth; i++)
        json_array_append_new(path, json_string(d->path[i]));
    json_t *row = json_pack("{s:s, s:o, s:O?, s:O?}", "change",
                            !a   ? "added"
                            : !b ? "removed"
                                 : "changed",
                            "path", path, "from", a, "to", b);
    json_array_append_new(d->rows, row);
}

static void compare(struct diff *d, json_t *a, json_t *b);

static void compare_at(struct diff *d, const char *key, json_t *a, json_t *b)
{
    if (d->depth == PATH_MAX_DEPTH)
        return;
    d->path[d->depth++] = key;
    compare(d, a, b);
    d->depth--;
}

static void compare_objects(struct diff *d, json_t *a, json_t *b)
{
    const char *key;
    json_t *value;
    json_object_foreach(a, key, value) compare_at(d, key, value, json_object_get(b, key));
    json_object_foreach(b, key, value) if (!json_object_get(a, key)) compare_at(d, key, NULL, value);
}

/* A list of objects as one object of them by id or domain; NULL if it holds plain values. */
static json_t *by_key(const json_t *list)
{
    json_t *object = json_object(), *item;
    size_t i;
    json_array_foreach(list, i, item)
    {
        json_t *key = json_object_get(item, "id");
        if (!key)
            key = json_object_get(item, "domain");
        if (!key)
            return json_decref(object), NULL;
        json_object_set(object, json_string_value(key), item);
    }
    return object;
}

static bool holds(const json_t *list, const json_t *value)
{
    json_t *item;
    size_t i;
    json_array_foreach(list, i, item) if (json_equal(item, value)) return true;
    return false;
}

static void compare_lists(struct diff *d, json_t *a, json_t *b)
{
    json_t *x = by_key(a), *y = by_key(b), *item;
    size_t i;
    if (x && y)
        compare_objects(d, x, y);
    else {
        json_array_foreach(a, i, item) if (!holds(b, item)) differs(d, item, NULL);
        json_array_foreach(b, i, item) if (!holds(a, item)) differs(d, NULL, item);
    }
    json_decref(x);
    json_decref(y);
}

static void compare(struct diff *d, json_t *a, json_t *b)
{
    if (json_is_object(a) && json_is_object(b))
        compare_objects(d, a, b);
    else if (json_is_array(a) && json_is_array(b))
        compare_lists(d, a, b);
    else if (!a || !b || !json_equal(a, b))
        differs(d, a, b);
}

/* "+ outlet.example mirrors m3: {…}". Domains need no "sites" before them. */
static void print_row(struct cli *c, const json_t *row)
{
    const json_t *from = json_object_get(row, "from"), *to = json_object_get(row, "to"), *step;
    const char *change = json_string_value(json_object_get(row, "change"));
    size_t i;
    putchar(change[0] == 'a' ? '+' : change[0] == 'r' ? '-' : '~');
    json_array_foreach(json_object_get(row, "path"), i,
                       step) if (i > 0 || strcmp(json_string_value(step), "sites") != 0)
        printf(" %s", cli_json_line(c, step));
    if (change[0] == 'c')
        printf(": %s -> %s\n", cli_json_line(c, from), cli_json_line(c, to));
    else
        printf(": %s\n", cli_json_line(c, change[0] == 'a' ? to : from));
}

static int show(struct cli *c, const struct options *o, json_t *rows)
{
    bool same = json_array_size(rows) == 0;
    size_t i;
    json_t *row;
    if (o->json)
        return cli_json(json_pack("{s:b, s:O}", "same", same, "changes", rows)) != CLI_OK ? CLI_USAGE
               : same                                                                     ? CLI_OK
                                                                                          : CLI_FAILED;
    json_array_foreach(rows, i, row) print_row(c, row);
    return same ? CLI_OK : CLI_FAILED;
}

static int run(struct cli *c, const void *given)
{
    struct content a = {0}, b = {0};
    struct diff d = {.c = c, .rows = json_array()};
    int status = CLI_USAGE;
    if (content_load(c, c->words.item[0], &a) && content_load(c, c->words.item[1], &b)) {
        if (!a.folder || !b.folder) { /* a file comes without its root */
            if (a.folder)
                json_object_del(a.tree, "root");
            if (b.folder)
                json_object_del(b.tree, "root");
        }
        compare(&d, a.tree, b.tree);
        status = show(c, given, d.rows);
    }
    json_decref(a.tree);
    json_decref(b.tree);
    json_decref(d.rows);
    return status;
}

const struct cli_command command_list_diff = {
    .name = "list diff",
    .words = "A B",
    .summary = "Say what list B says otherwise than list A; exit status as diff's: 0 same, 1 not, 2 trouble",
    .options = options,
    .size = sizeof(struct options),
    .least = 2,
    .most = 2,
    .trouble = CLI_USAGE,
    .run = run,
};
