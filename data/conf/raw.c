/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema for libcyaml and its errors in our words: see raw.h. */
#include "data/conf/raw.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>

struct raw {
    struct cyaml_schema_value schema;
    struct raw_node *top; /* NULL for a file without any setting */
};

/* Not its log: the marks in it are of the event before; the outline knows better (complain_cyaml). */
static const cyaml_config_t config = {.mem_fn = cyaml_mem, .flags = CYAML_CFG_NO_ALIAS};

/* ---- the schema ---- */

static const struct cyaml_schema_value text_value = {.type = CYAML_STRING,
                                                     .flags = CYAML_FLAG_POINTER,
                                                     .data_size = sizeof(char),
                                                     .string.max = CYAML_UNLIMITED};

static const struct cyaml_schema_field *fields_of(const char *prefix, struct arena *arena);

/* The schema of a list's entries; .type CYAML_IGNORE without memory. */
static const struct cyaml_schema_value *entry_of(const struct setting *list, struct arena *arena)
{
    if (setting_plain_entry(list))
        return &text_value;
    struct cyaml_schema_value *entry = arena_zalloc(arena, sizeof *entry);
    const char *prefix = arena_printf(arena, "%s[].", list->path);
    if (!entry || !prefix)
        return NULL;
    *entry = (struct cyaml_schema_value){.type = CYAML_MAPPING,
                                         .data_size = sizeof(struct raw_node),
                                         .mapping.fields = fields_of(prefix, arena)};
    return entry->mapping.fields ? entry : NULL;
}

/* The field of row i in a mapping, under its last component. */
static bool row_field(struct cyaml_schema_field *f, size_t i, const char *key, struct arena *arena)
{
    const struct setting *s = &settings[i];
    *f = (struct cyaml_schema_field){.key = key,
                                     .data_offset =
                                         (uint32_t)(offsetof(struct raw_node, value) + i * sizeof(void *)),
                                     .value = text_value};
    f->value.flags = CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL;
    if (s->kind != KIND_LIST)
        return true;
    f->count_offset = (uint32_t)(offsetof(struct raw_node, count) + i * sizeof(unsigned));
    f->count_size = sizeof(unsigned);
    f->value.type = CYAML_SEQUENCE;
    f->value.data_size = setting_plain_entry(s) ? sizeof(char *) : sizeof(struct raw_node);
    f->value.sequence.entry = entry_of(s, arena);
    f->value.sequence.min = 0;
    f->value.sequence.max = CYAML_UNLIMITED;
    return f->value.sequence.entry != NULL;
}

/* The field of a section: its values lie in the same node. */
static bool section_field(struct cyaml_schema_field *f, const char *prefix, const char *key,
                          struct arena *arena)
{
    const char *inner = arena_printf(arena, "%s%s.", prefix, key);
    *f = (struct cyaml_schema_field){
        .key = key,
        .value = {.type = CYAML_MAPPING, .flags = CYAML_FLAG_OPTIONAL, .data_size = sizeof(struct raw_node)}};
    f->value.mapping.fields = inner ? fields_of(inner, arena) : NULL;
    return f->value.mapping.fields != NULL;
}

/* All keys directly below prefix, closed by one without a key. Sections' rows stand together, so a section is
 * new when its name differs from the field before. NULL without memory. */
static const struct cyaml_schema_field *fields_of(const char *prefix, struct arena *arena)
{
    struct cyaml_schema_field *fields = arena_array(arena, SETTING_ROWS + 1, sizeof *fields);
    size_t n = 0;
    bool ok = fields != NULL;
    for (size_t i = 0; ok && i < SETTING_ROWS; i++) {
        const char *rest = setting_within(&settings[i], prefix);
        if (!rest)
            continue;
        size_t len = strcspn(rest, ".");
        const char *key = arena_text(arena, bytes_of(rest, len));
        if (!key)
            return NULL;
        if (rest[len] == 0)
            ok = row_field(&fields[n++], i, key, arena);
        else if (n == 0 || strcmp(fields[n - 1].key, key) != 0)
            ok = section_field(&fields[n++], prefix, key, arena);
    }
    return ok ? fields : NULL;
}

/* ---- errors ---- */

/* "steering.lists[0].name" to the path of its row, "steering.lists[].name". */
static void row_path(const char *path, char out[SETTING_PATH_MAX])
{
    size_t n = 0;
    for (bool inside = false; *path && n < SETTING_PATH_MAX - 1; path++) {
        inside = inside && *path != ']';
        if (!inside)
            out[n++] = *path;
        inside = inside || *path == '[';
    }
    out[n] = 0;
}

/* Rows below the path: it is a section, or an entry with keys of its own. */
static bool is_map(const char *row)
{
    size_t n = strlen(row);
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (strncmp(settings[i].path, row, n) == 0 && settings[i].path[n] == '.')
            return true;
    return false;
}

/* What is wrong with the node, NULL if nothing is. */
static const char *fault_of(const struct outline_node *node)
{
    char row[SETTING_PATH_MAX];
    row_path(node->path, row);
    const struct setting *s = setting_find(row);
    if (!s)
        return !is_map(row)                 ? "unknown key"
               : node->shape != OUTLINE_MAP ? "must hold settings (\"key: value\")"
                                            : NULL;
    if (s->kind == KIND_LIST)
        return node->shape == OUTLINE_LIST ? NULL : "must be a list (\"- \" before each entry)";
    return node->shape == OUTLINE_TEXT ? NULL : "must be a single value";
}

/* libcyaml stops at the first node that the schema refuses; so the first with a fault is the one. */
static void complain_cyaml(const struct complaint *c, cyaml_err_t error, const struct outline *o)
{
    for (size_t i = 0; i < o->count; i++) {
        const char *fault = fault_of(&o->node[i]);
        if (fault) {
            complain(c, o->node[i].line, o->node[i].path, "%s", fault);
            return;
        }
    }
    complain(c, 0, NULL, "%s", cyaml_strerror(error));
}

/* ---- loading ---- */

static bool load(struct raw *r, struct bytes yaml, const struct outline *o, const struct complaint *c)
{
    cyaml_data_t *data = NULL;
    cyaml_err_t error = cyaml_load_data(yaml.data ? yaml.data : (const uint8_t *)"", yaml.len, &config,
                                        &r->schema, &data, NULL);
    if (error != CYAML_OK)
        complain_cyaml(c, error, o);
    r->top = data;
    return error == CYAML_OK;
}

struct raw *raw_new(struct bytes yaml, const struct outline *outline, struct arena *arena,
                    const struct complaint *c)
{
    struct raw *r = arena_zalloc(arena, sizeof *r);
    const struct cyaml_schema_field *fields = r ? fields_of("", arena) : NULL;
    if (!fields) {
        complain(c, 0, NULL, "out of memory");
        return NULL;
    }
    r->schema = (struct cyaml_schema_value){.type = CYAML_MAPPING,
                                            .flags = CYAML_FLAG_POINTER,
                                            .data_size = sizeof(struct raw_node),
                                            .mapping.fields = fields};
    return load(r, yaml, outline, c) ? r : NULL;
}

void raw_free(struct raw **r)
{
    if (*r && (*r)->top)
        cyaml_free(&config, &(*r)->schema, (*r)->top, 0);
    *r = NULL;
}

const struct raw_node *raw_top(const struct raw *r)
{
    static const struct raw_node nothing;
    return r->top ? r->top : &nothing;
}

const struct raw_node *raw_entry(const struct raw_node *node, const struct setting *s, unsigned i)
{
    return (const struct raw_node *)node->value[s - settings] + i;
}

const char *raw_entry_text(const struct raw_node *node, const struct setting *s, unsigned i)
{
    return ((char *const *)node->value[s - settings])[i];
}
