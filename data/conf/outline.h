/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where in a config file each key stands, and that the file is plain YAML.
 *
 * libcyaml forgets lines once it has loaded, and trusts its input's shape more than an attacker's file
 * deserves. This pass goes first: it refuses aliases, a second document, repeated keys, deep nesting and too
 * many values, and keeps line and column of everything else under its path ("steering.lists[0].urls[1]"). */
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

struct outline_mark {
    unsigned line, column; /* from 1 */
};

struct outline_node {
    const char *path;
    struct outline_mark key; /* of an entry of a list: the same as value */
    struct outline_mark value;
};

enum { OUTLINE_MAX = 2048 };

struct outline {
    size_t count;
    struct outline_node node[OUTLINE_MAX];
};

/* NULL after a complaint. Lives in the arena. */
struct outline *outline_read(struct bytes yaml, struct arena *arena, const struct complaint *c);
/* Line of the key or entry with that path; 0 if the file does not have it. */
unsigned outline_line(const struct outline *o, const char *path);
/* The node whose key / whose value starts there; NULL if there is none. */
const struct outline_node *outline_key_at(const struct outline *o, struct outline_mark mark);
const struct outline_node *outline_value_at(const struct outline *o, struct outline_mark mark);

#endif
