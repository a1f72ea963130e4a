/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Texts to values: see loader.h. */
#include "data/conf/loader.h"

bool loader_fail(const struct loader *l, const char *path, const char *what)
{
    return complain(l->complaint, outline_line(l->outline, path), path, "%s", what);
}

bool loader_no_memory(const struct loader *l)
{
    return complain(l->complaint, 0, NULL, "too large, or out of memory");
}

bool loader_fail_entry(const struct loader *l, const char *path, unsigned i, const char *what)
{
    size_t at = strcspn(path, "#");
    char *entry = arena_printf(l->env.arena, "%.*s%u%s", (int)at, path, i, path + at + 1);
    return entry ? loader_fail(l, entry, what) : loader_no_memory(l);
}

static bool read_node(const struct loader *l, const char *prefix, const char *path,
                      const struct raw_node *raw, uint8_t *base);

static bool read_text(const struct loader *l, const struct setting *s, const char *path, const char *text,
                      uint8_t *at)
{
    char why[VALUE_WHY_MAX];
    return value_parse(s, text, &l->env, at, why) || loader_fail(l, path, why);
}

/* A missing key is blamed on the entry it is missing from. */
static bool missing(const struct loader *l, const char *node, const char *path)
{
    size_t len = strlen(node);
    char *entry = arena_text(l->env.arena, bytes_of(node, len ? len - 1 : 0));
    return entry ? complain(l->complaint, outline_line(l->outline, entry), path, "missing")
                 : loader_no_memory(l);
}

static bool read_entry(const struct loader *l, const struct setting *list, const char *path,
                       const struct raw_node *raw, unsigned i, uint8_t *at)
{
    const struct setting *plain = setting_plain_entry(list);
    char *row_prefix = arena_printf(l->env.arena, "%s[].", list->path);
    char *entry = arena_printf(l->env.arena, "%s[%u]", path, i);
    char *prefix = arena_printf(l->env.arena, "%s[%u].", path, i);
    if (!row_prefix || !entry || !prefix)
        return loader_no_memory(l);
    if (plain)
        return read_text(l, plain, entry, raw_entry_text(raw, list, i), at);
    return read_node(l, row_prefix, prefix, raw_entry(raw, list, i), at);
}

static bool read_list(const struct loader *l, const struct setting *s, const char *path,
                      const struct raw_node *raw, uint8_t *base)
{
    unsigned count = raw->count[s - settings];
    if (count < s->item_least || count > s->item_most)
        return complain(l->complaint, outline_line(l->outline, path), path, "must have %u to %u entries",
                        s->item_least, s->item_most);
    uint8_t *items = arena_array(l->env.arena, count, s->item_size);
    if (!items)
        return loader_no_memory(l);
    for (unsigned i = 0; i < count; i++)
        if (!read_entry(l, s, path, raw, i, items + i * s->item_size))
            return false;
    memcpy(base + s->offset, &items, sizeof items);
    memcpy(base + s->count_offset, &count, sizeof count);
    return true;
}

/* Row s in the node at base: given, by default, or missing. */
static bool read_setting(const struct loader *l, const struct setting *s, const char *node, const char *path,
                         const struct raw_node *raw, uint8_t *base)
{
    const char *text = raw->value[s - settings];
    bool given = text || outline_line(l->outline, path); /* an empty list has no text */
    if (s->kind == KIND_LIST)
        return given || !s->item_least ? read_list(l, s, path, raw, base) : missing(l, node, path);
    text = text ? text : s->standard;
    if (!text)
        return !s->required || missing(l, node, path);
    return read_text(l, s, path, text, base + s->offset);
}

/* prefix as rows have it ("steering.lists[]."), node as the file has it ("steering.lists[0]."). */
static bool read_node(const struct loader *l, const char *prefix, const char *node,
                      const struct raw_node *raw, uint8_t *base)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const char *rest = setting_within(&settings[i], prefix);
        if (!rest)
            continue;
        const char *path = arena_printf(l->env.arena, "%s%s", node, rest);
        if (!path)
            return loader_no_memory(l);
        if (!read_setting(l, &settings[i], node, path, raw, base))
            return false;
    }
    return true;
}

bool loader_read(const struct loader *l, const struct raw *raw)
{
    return read_node(l, "", "", raw_top(raw), (uint8_t *)l->conf);
}
