/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The schema for libcyaml and its errors in our words: see load.h. */
#include "data/conf/load.h"

#include <cyaml/cyaml.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATH_MAX_TEXT = 128 };

struct raw {
    struct cyaml_schema_value schema;
    struct raw_node *top; /* NULL for a file without any setting */
};

/* What libcyaml said last, as far as we need it: the first line of its backtrace is the innermost. */
struct cyaml_report {
    struct outline_mark at;
};

static void on_cyaml_log(cyaml_log_t level, void *context, const char *format, va_list args)
{
    (void)level;
    struct cyaml_report *report = context;
    char line[256];
    vsnprintf(line, sizeof line, format, args);
    /* The key in it is the file's: only what stands after the last '(' is libcyaml's. */
    const char *mark = strrchr(line, '(');
    if (mark && report->at.line == 0)
        (void)sscanf(mark, "(line: %u, column: %u)", &report->at.line, &report->at.column);
}

static cyaml_config_t config_for(struct cyaml_report *report)
{
    return (cyaml_config_t){.log_fn = on_cyaml_log,
                            .log_ctx = report,
                            .mem_fn = cyaml_mem,
                            .log_level = CYAML_LOG_ERROR,
                            .flags = CYAML_CFG_NO_ALIAS};
}

/* ---- the schema ---- */

static const struct cyaml_schema_value text_value = {.type = CYAML_STRING,
                                                     .flags = CYAML_FLAG_POINTER,
                                                     .data_size = sizeof(char),
                                                     .string.max = CYAML_UNLIMITED};

static const struct cyaml_schema_field *fields_of(const char *prefix, struct arena *arena);

const struct setting *raw_plain_entry(const struct setting *list)
{
    char path[PATH_MAX_TEXT];
    snprintf(path, sizeof path, "%s[]", list->path);
    return setting_find(path);
}

/* The schema of a list's entries; .type CYAML_IGNORE without memory. */
static const struct cyaml_schema_value *entry_of(const struct setting *list, struct arena *arena)
{
    if (raw_plain_entry(list))
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
    f->value.data_size = raw_plain_entry(s) ? sizeof(char *) : sizeof(struct raw_node);
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
static void row_path(const char *path, char out[PATH_MAX_TEXT])
{
    size_t n = 0;
    for (bool inside = false; *path && n < PATH_MAX_TEXT - 1; path++) {
        inside = inside && *path != ']';
        if (!inside)
            out[n++] = *path;
        inside = inside || *path == '[';
    }
    out[n] = 0;
}

static const char *wanted_at(const char *path)
{
    char row[PATH_MAX_TEXT];
    row_path(path, row);
    const struct setting *s = setting_find(row);
    if (!s)
        return "must hold settings (\"key: value\")";
    return s->kind == KIND_LIST ? "must be a list (\"- \" before each entry)" : "must be a single value";
}

static void complain_cyaml(const struct complaint *c, cyaml_err_t error, const struct cyaml_report *report,
                           const struct outline *o)
{
    const struct outline_node *node = NULL;
    if (error == CYAML_ERR_INVALID_KEY && (node = outline_key_at(o, report->at)))
        complain(c, report->at.line, node->path, "unknown key");
    else if (error == CYAML_ERR_INVALID_VALUE && (node = outline_value_at(o, report->at)))
        complain(c, node->key.line, node->path, "%s", wanted_at(node->path));
    else
        complain(c, report->at.line, NULL, "%s", cyaml_strerror(error));
}

/* ---- loading ---- */

static bool load(struct raw *r, struct bytes yaml, const struct outline *o, const struct complaint *c)
{
    struct cyaml_report report = {{0, 0}};
    cyaml_config_t config = config_for(&report);
    cyaml_data_t *data = NULL;
    cyaml_err_t error = cyaml_load_data(yaml.data ? yaml.data : (const uint8_t *)"", yaml.len, &config,
                                        &r->schema, &data, NULL);
    if (error != CYAML_OK)
        complain_cyaml(c, error, &report, o);
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
    struct cyaml_report report = {{0, 0}};
    cyaml_config_t config = config_for(&report);
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
