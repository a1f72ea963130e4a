/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where in a config file each key stands, and that the file is plain YAML.
 *
 * libcyaml forgets lines once it has loaded, and trusts its input's shape more than an attacker's file
 * deserves. This pass goes first: it refuses aliases, a second document, repeated keys, deep nesting and too
 * many values, and keeps the line and the shape of everything else under its path
 * ("steering.lists[0].urls[1]"). */
#ifndef POLYNYA_CONF_OUTLINE_H
#define POLYNYA_CONF_OUTLINE_H

#include "data/base/arena.h"

/* Where errors go: "file:line: key: what" into out. */
struct complaint {
    const char *file;
    char *out;
    size_t cap;
};

/* Writes the message, unprintable bytes as '?'. line 0: none; key NULL: none. Always false. */
bool complain(const struct complaint *c, unsigned line, const char *key, const char *what, ...)
    __attribute__((format(printf, 4, 5)));

enum outline_shape { OUTLINE_TEXT, OUTLINE_MAP, OUTLINE_LIST };

struct outline_node {
    const char *path;
    unsigned line; /* of the key, or of the entry of a list; from 1 */
    enum outline_shape shape;
};

enum { OUTLINE_MAX = 2048 };

/* Nodes in the order of the file. */
struct outline {
    size_t count;
    struct outline_node node[OUTLINE_MAX];
};

/* NULL after a complaint. Lives in the arena. */
struct outline *outline_read(struct bytes yaml, struct arena *arena, const struct complaint *c);
/* Line of the key or entry with that path; 0 if the file does not have it. */
unsigned outline_line(const struct outline *o, const char *path);
#endif
