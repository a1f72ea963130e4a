/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of refusals, and how a place in a document is told: see refusal.h. */
#include "data/list/refusal.h"

#include <stdarg.h>
#include <stdio.h>

static const struct {
    const char *name;
    const char *text;
} table[REFUSAL_COUNT] = {
#define REFUSAL(id, name, text) [REFUSAL_##id] = {name, text},
#include "data/base/refusal.def"
#undef REFUSAL
};

const char *refusal_name(enum refusal_why why)
{
    return table[why].name;
}

const char *refusal_text(enum refusal_why why)
{
    return table[why].text;
}

/* Places hold field names and ids out of documents: nothing in them may end a quoted value or a line. */
static void make_loggable(char *text)
{
    for (; *text; text++)
        if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
            *text = '?';
}

bool refuse(struct refusal *r, enum refusal_why why, const char *where, ...)
{
    if (!r)
        return false;
    va_list args;
    va_start(args, where);
    r->why = why;
    vsnprintf(r->where, sizeof r->where, where, args);
    va_end(args);
    make_loggable(r->where);
    return false;
}

void refusal_within(struct refusal *r, const char *prefix, ...)
{
    if (!r)
        return;
    struct refusal inner = *r;
    va_list args;
    va_start(args, prefix);
    vsnprintf(r->where, sizeof r->where, prefix, args);
    va_end(args);
    size_t n = strlen(r->where), left = sizeof r->where - n;
    if (inner.where[0] && left > 3) {
        memcpy(r->where + n, ": ", 2);
        memccpy(r->where + n + 2, inner.where, '\0', left - 2);
        r->where[sizeof r->where - 1] = '\0';
    }
    make_loggable(r->where);
}
