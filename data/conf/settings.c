/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of settings: see settings.h and settings.def. */
#include "data/conf/settings.h"

#include <stdio.h>

/* Entries that are plain values, in the shape the other entries have. */
struct conf_net {
    struct ip_net net;
};

struct conf_pin_entry {
    struct conf_pin pin;
};

struct conf_url {
    const char *text;
};

/* In the default column: REQUIRED sets the member after `standard`, too. */
#define NONE     NULL
#define REQUIRED NULL, .required = true

const struct setting settings[SETTING_ROWS] = {
#define SETTING(where, type_of, type, field_, from, to, standard_, doc)                                      \
    {.path = where,                                                                                          \
     .kind = KIND_##type_of,                                                                                 \
     .offset = offsetof(struct type, field_),                                                                \
     .size = sizeof(((struct type *)NULL)->field_),                                                          \
     .least = from,                                                                                          \
     .most = to,                                                                                             \
     .standard = standard_},
#define LIST(where, type, field_, count_, item, from, to, doc)                                               \
    {.path = where,                                                                                          \
     .kind = KIND_LIST,                                                                                      \
     .offset = offsetof(struct type, field_),                                                                \
     .count_offset = offsetof(struct type, count_),                                                          \
     .item_size = sizeof(item),                                                                              \
     .item_least = from,                                                                                     \
     .item_most = to},
#include "data/conf/settings.def"
#undef SETTING
#undef LIST
};

const char *setting_within(const struct setting *s, const char *prefix)
{
    size_t n = strlen(prefix);
    if (strncmp(s->path, prefix, n) != 0 || strchr(s->path + n, '['))
        return NULL;
    return s->path + n;
}

const struct setting *setting_find(const char *path)
{
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (strcmp(settings[i].path, path) == 0)
            return &settings[i];
    return NULL;
}

const struct setting *setting_plain_entry(const struct setting *list)
{
    char path[SETTING_PATH_MAX];
    snprintf(path, sizeof path, "%s[]", list->path);
    return setting_find(path);
}

const uint8_t *setting_entries(const struct setting *list, const uint8_t *node, unsigned *count)
{
    const uint8_t *entries;
    memcpy(&entries, node + list->offset, sizeof entries);
    memcpy(count, node + list->count_offset, sizeof *count);
    return entries;
}
