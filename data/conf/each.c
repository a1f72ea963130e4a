/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Every value of one kind that a config has, found along the table of settings: see conf_each_path and
 * conf_each_server. */
#include "data/conf/value.h"

#include <stdio.h>

struct visit {
    enum setting_kind kind;
    void (*each)(void *self, const char *setting, const void *value);
    void *self;
};

static void visit_node(const struct visit *v, const char *prefix, const uint8_t *base);

static void visit_list(const struct visit *v, const struct setting *s, const uint8_t *base)
{
    char prefix[SETTING_PATH_MAX];
    unsigned count;
    const uint8_t *items = setting_entries(s, base, &count);
    const struct setting *plain = setting_plain_entry(s);
    snprintf(prefix, sizeof prefix, "%s[].", s->path);
    for (unsigned i = 0; i < count; i++) {
        const uint8_t *item = items + i * s->item_size;
        if (!plain)
            visit_node(v, prefix, item);
        else if (plain->kind == v->kind)
            v->each(v->self, plain->path, item);
    }
}

static void visit_node(const struct visit *v, const char *prefix, const uint8_t *base)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting *s = &settings[i];
        if (!setting_within(s, prefix))
            continue;
        if (s->kind == KIND_LIST)
            visit_list(v, s, base);
        else if (s->kind == v->kind && value_present(s, base + s->offset))
            v->each(v->self, s->path, base + s->offset);
    }
}

void conf_each_path(const struct conf *c, conf_each *each, void *self)
{
    visit_node(&(struct visit){KIND_PATH, each, self}, "", (const uint8_t *)c);
}

void conf_each_url(const struct conf *c, conf_each *each, void *self)
{
    visit_node(&(struct visit){KIND_URL, each, self}, "", (const uint8_t *)c);
}

void conf_each_server(const struct conf *c, conf_each *each, void *self)
{
    visit_node(&(struct visit){KIND_SERVER, each, self}, "", (const uint8_t *)c);
}
