/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The effective config as YAML, walked along the table of settings: see conf_print. */
#include "data/conf/value.h"

#include <stdio.h>

struct printer {
    struct writer *w;
    unsigned indent;  /* of the node */
    bool entry;       /* the node is a list's entry whose dash is still to come */
    const char *last; /* the row before: its sections are open */
    unsigned depth;   /* sections the row is in */
};

static void print_node(struct writer *w, const char *prefix, const uint8_t *base, unsigned indent,
                       bool entry);

static void start_line(struct printer *p, unsigned indent)
{
    if (p->entry)
        writer_printf(p->w, "%*s- ", (int)indent - 2, "");
    else
        writer_printf(p->w, "%*s", (int)indent, "");
    p->entry = false;
}

/* Opens the sections a row is in, but for those that the row before was in, too; gives the row's key.
 * Sections without any value never get here: an empty one could not be read back. */
static const char *open_sections(struct printer *p, const char *rest)
{
    const char *last = p->last;
    size_t len;
    p->last = rest;
    p->depth = 0;
    for (; rest[len = strcspn(rest, ".")] == '.'; rest += len + 1, p->depth++) {
        bool same = last && strncmp(last, rest, len + 1) == 0;
        last = same ? last + len + 1 : NULL;
        if (same)
            continue;
        start_line(p, p->indent + 2 * p->depth);
        writer_printf(p->w, "%.*s:\n", (int)len, rest);
    }
    return rest;
}

static void print_list(const struct setting *s, const uint8_t *base, unsigned indent, struct writer *w)
{
    char prefix[SETTING_PATH_MAX];
    unsigned count;
    const uint8_t *items = setting_entries(s, base, &count);
    const struct setting *plain = setting_plain_entry(s);
    snprintf(prefix, sizeof prefix, "%s[].", s->path);
    for (unsigned i = 0; i < count; i++) {
        if (!plain) {
            print_node(w, prefix, items + i * s->item_size, indent + 4, true);
            continue;
        }
        writer_printf(w, "%*s- ", (int)indent + 2, "");
        value_format(plain, items + i * s->item_size, w);
        writer_u8(w, '\n');
    }
}

static bool present(const struct setting *s, const uint8_t *base)
{
    unsigned count;
    if (s->kind != KIND_LIST)
        return value_present(s, base + s->offset);
    setting_entries(s, base, &count);
    return count > 0;
}

static void print_setting(struct printer *p, const struct setting *s, const char *rest, const uint8_t *base)
{
    const char *key = open_sections(p, rest);
    unsigned indent = p->indent + 2 * p->depth;
    start_line(p, indent);
    writer_printf(p->w, "%s:", key);
    if (s->kind == KIND_LIST) {
        writer_u8(p->w, '\n');
        print_list(s, base, indent, p->w);
        return;
    }
    writer_u8(p->w, ' ');
    value_format(s, base + s->offset, p->w);
    writer_u8(p->w, '\n');
}

static void print_node(struct writer *w, const char *prefix, const uint8_t *base, unsigned indent, bool entry)
{
    struct printer p = {.w = w, .indent = indent, .entry = entry};
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const char *rest = setting_within(&settings[i], prefix);
        if (rest && present(&settings[i], base))
            print_setting(&p, &settings[i], rest, base);
    }
}

void conf_print(const struct conf *c, struct writer *w)
{
    print_node(w, "", (const uint8_t *)c, 0, false);
}
