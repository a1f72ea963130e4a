/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The outline of a config file: see outline.h. One libyaml event is held at a time. */
#include "data/conf/outline.h"

#include <stdarg.h>
#include <stdio.h>
#include <yaml.h>

enum { DEPTH_MAX = 8, KEY_MAX = 64 };

struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one */
    struct arena *arena;
    struct outline *outline;
    const struct complaint *complaint;
};

bool complain(const struct complaint *c, unsigned line, const char *key, const char *what, ...)
{
    int n =
        line ? snprintf(c->out, c->cap, "%s:%u: ", c->file, line) : snprintf(c->out, c->cap, "%s: ", c->file);
    size_t len = (size_t)n;
    if (key && len < c->cap)
        len += (size_t)snprintf(c->out + len, c->cap - len, "%s: ", key);
    va_list args;
    va_start(args, what);
    if (len < c->cap)
        vsnprintf(c->out + len, c->cap - len, what, args);
    va_end(args);
    for (char *p = c->out; c->cap && *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    return false;
}

static unsigned line_of(const struct reader *r)
{
    return (unsigned)r->event.start_mark.line + 1;
}

static bool fail_here(const struct reader *r, const char *key, const char *what)
{
    return complain(r->complaint, line_of(r), key, "%s", what);
}

static bool next(struct reader *r)
{
    yaml_event_delete(&r->event);
    if (yaml_parser_parse(&r->parser, &r->event))
        return true;
    const char *problem = r->parser.problem ? r->parser.problem : "out of memory";
    return complain(r->complaint, (unsigned)r->parser.problem_mark.line + 1, NULL, "not valid YAML: %s",
                    problem);
}

static const struct outline_node *find(const struct outline *o, const char *path)
{
    for (size_t i = 0; i < o->count; i++)
        if (strcmp(o->node[i].path, path) == 0)
            return &o->node[i];
    return NULL;
}

/* A node for the current event; its shape is set when the value comes. */
static struct outline_node *add(struct reader *r, const char *path)
{
    struct outline *o = r->outline;
    if (!path || o->count == OUTLINE_MAX) {
        fail_here(r, NULL, "too many values");
        return NULL;
    }
    struct outline_node *node = &o->node[o->count++];
    *node = (struct outline_node){path, line_of(r), OUTLINE_TEXT};
    return node;
}

static bool read_value(struct reader *r, const char *path, unsigned depth, enum outline_shape *shape);

/* The current event as a key: its path below `path`, NULL after a complaint. */
static const char *key_path(struct reader *r, const char *path)
{
    const yaml_event_t *e = &r->event;
    if (e->type != YAML_SCALAR_EVENT) {
        fail_here(r, *path ? path : NULL, "a key must be a plain word");
        return NULL;
    }
    const char *key = (const char *)e->data.scalar.value;
    if (e->data.scalar.length > KEY_MAX || strlen(key) != e->data.scalar.length || strpbrk(key, ".[]")) {
        complain(r->complaint, line_of(r), *path ? path : NULL, "unknown key \"%.*s\"", KEY_MAX, key);
        return NULL;
    }
    return arena_printf(r->arena, "%s%s%s", path, *path ? "." : "", key);
}

static bool read_mapping(struct reader *r, const char *path, unsigned depth)
{
    while (next(r)) {
        if (r->event.type == YAML_MAPPING_END_EVENT)
            return true;
        const char *below = key_path(r, path);
        if (!below)
            return false;
        if (find(r->outline, below))
            return fail_here(r, below, "given twice");
        struct outline_node *node = add(r, below);
        if (!node || !next(r) || !read_value(r, below, depth + 1, &node->shape))
            return false;
    }
    return false;
}

static bool read_sequence(struct reader *r, const char *path, unsigned depth)
{
    for (unsigned i = 0; next(r); i++) {
        if (r->event.type == YAML_SEQUENCE_END_EVENT)
            return true;
        const char *below = arena_printf(r->arena, "%s[%u]", path, i);
        struct outline_node *node = add(r, below);
        if (!node || !read_value(r, below, depth + 1, &node->shape))
            return false;
    }
    return false;
}

static bool read_value(struct reader *r, const char *path, unsigned depth, enum outline_shape *shape)
{
    const yaml_event_t *e = &r->event;
    if (depth > DEPTH_MAX)
        return fail_here(r, path, "nested too deeply");
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        if (memchr(e->data.scalar.value, 0, e->data.scalar.length))
            return fail_here(r, path, "must not contain NUL");
        return true;
    case YAML_MAPPING_START_EVENT:
        *shape = OUTLINE_MAP;
        return read_mapping(r, path, depth);
    case YAML_SEQUENCE_START_EVENT:
        *shape = OUTLINE_LIST;
        return read_sequence(r, path, depth);
    default:
        return fail_here(r, path, "aliases are not supported");
    }
}

/* Stream start, one document, stream end. An empty stream has none. */
static bool read_stream(struct reader *r)
{
    if (!next(r) || !next(r))
        return false;
    if (r->event.type == YAML_STREAM_END_EVENT)
        return true;
    if (!next(r))
        return false;
    enum outline_shape shape = OUTLINE_TEXT;
    if (r->event.type != YAML_MAPPING_START_EVENT)
        return fail_here(r, NULL, "the file must hold settings (\"key: value\")");
    if (!read_value(r, "", 0, &shape) || !next(r) || !next(r))
        return false;
    return r->event.type == YAML_STREAM_END_EVENT || fail_here(r, NULL, "a second document");
}

struct outline *outline_read(struct bytes yaml, struct arena *arena, const struct complaint *c)
{
    struct outline *o = arena_zalloc(arena, sizeof *o);
    struct reader r = {.arena = arena, .outline = o, .complaint = c};
    if (!o || !yaml_parser_initialize(&r.parser)) {
        complain(c, 0, NULL, "out of memory");
        return NULL;
    }
    yaml_parser_set_input_string(&r.parser, yaml.data ? yaml.data : (const uint8_t *)"", yaml.len);
    bool ok = read_stream(&r);
    yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    return ok ? o : NULL;
}

unsigned outline_line(const struct outline *o, const char *path)
{
    const struct outline_node *node = find(o, path);
    return node ? node->line : 0;
}
