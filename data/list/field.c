/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Strict reading of JSON fields: see field.h. */
#include "data/list/field.h"

#include <stdlib.h>

#include "data/base/text.h"

/* No more values than opening brackets and commas outside of strings, plus one. */
static size_t count_values(struct bytes text)
{
    size_t n = 1;
    bool quoted = false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (quoted && c == '\\')
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == ',' || c == '[' || c == '{'))
            n++;
    }
    return n;
}

json_t *field_open(struct bytes text, size_t max_values, struct refusal *why)
{
    json_error_t error;
    if (count_values(text) > max_values) {
        refuse(why, REFUSAL_TOO_MANY, "more than %zu values", max_values);
        return NULL;
    }
    json_t *object = json_loadb((const char *)text.data, text.len, JSON_REJECT_DUPLICATES, &error);
    if (json_is_object(object))
        return object;
    if (object)
        refuse(why, REFUSAL_BAD_JSON, "not an object");
    else
        refuse(why, REFUSAL_BAD_JSON, "line %d, column %d", error.line, error.column);
    json_decref(object);
    return NULL;
}

json_t *field_open_document(struct bytes text, const char *type, size_t max_values, struct refusal *why)
{
    json_t *object = field_open(text, max_values, why);
    if (!object)
        return NULL;
    const char *found = json_string_value(json_object_get(object, "type"));
    if (found && strcmp(found, type) == 0)
        return object;
    refuse(why, REFUSAL_BAD_TYPE, "type is not %s", type);
    json_decref(object);
    return NULL;
}

const char *field_text_value(const struct field_reader *r, const json_t *value, const char *what, size_t min,
                             size_t max)
{
    size_t len = json_string_length(value);
    if (!json_is_string(value) || len < min || len > max) {
        refuse(r->why, REFUSAL_BAD_FIELD, "%s", what);
        return NULL;
    }
    const char *copy = arena_text(r->arena, bytes_of(json_string_value(value), len));
    if (!copy)
        refuse(r->why, REFUSAL_NO_MEMORY, "%s", what);
    return copy;
}

const char *field_text(const struct field_reader *r, const json_t *object, const char *key, size_t min,
                       size_t max)
{
    return field_text_value(r, json_object_get(object, key), key, min, max);
}

bool field_uint(const struct field_reader *r, const json_t *object, const char *key, uint64_t min,
                uint64_t max, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    json_int_t v = json_integer_value(value);
    if (!json_is_integer(value) || v < 0 || (uint64_t)v < min || (uint64_t)v > max)
        return refuse(r->why, REFUSAL_BAD_FIELD, "%s", key);
    *out = (uint64_t)v;
    return true;
}

bool field_time(const struct field_reader *r, const json_t *object, const char *key, int64_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!time_parse(bytes_of(json_string_value(value), json_string_length(value)), out) || *out < 0)
        return refuse(r->why, REFUSAL_BAD_FIELD, "%s", key);
    return true;
}

json_t *field_array(const struct field_reader *r, const json_t *object, const char *key, size_t min,
                    size_t max)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_array(value) || json_array_size(value) < min) {
        refuse(r->why, REFUSAL_BAD_FIELD, "%s", key);
        return NULL;
    }
    if (json_array_size(value) > max) {
        refuse(r->why, REFUSAL_TOO_MANY, "%s", key);
        return NULL;
    }
    return value;
}

json_t *field_object(const struct field_reader *r, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!json_is_object(value)) {
        refuse(r->why, REFUSAL_BAD_FIELD, "%s", key);
        return NULL;
    }
    return value;
}

bool field_absent(const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    return !value || json_is_null(value);
}

int field_choice(const struct field_reader *r, const json_t *value, const char *what,
                 const char *const *names, int count)
{
    const char *text = json_string_value(value);
    for (int i = 0; text && i < count; i++)
        if (strcmp(text, names[i]) == 0)
            return i;
    refuse(r->why, REFUSAL_BAD_FIELD, "%s", what);
    return -1;
}

static bool is_word(uint8_t c)
{
    return (uint8_t)(ascii_lower(c) - 'a') < 26 || (uint8_t)(c - '0') < 10 || c == '-' || c == '_';
}

bool field_is_id(const char *text, size_t max)
{
    size_t n = 0;
    for (; text[n]; n++)
        if (n == max || (!is_word((uint8_t)text[n]) && text[n] != '.'))
            return false;
    return n > 0;
}

bool field_is_country(const char *text)
{
    return (uint8_t)(text[0] - 'A') < 26 && (uint8_t)(text[1] - 'A') < 26 && text[2] == '\0';
}

bool field_host_name(char *text, struct dns_name *name)
{
    size_t len = strlen(text);
    bool ok = len > 0 && text[len - 1] != '.';
    for (size_t i = 0; i < len; i++) {
        ok = ok && (is_word((uint8_t)text[i]) || text[i] == '.');
        text[i] = (char)ascii_lower((uint8_t)text[i]);
    }
    return ok && name_from_text(bytes_of(text, len), name);
}

const char *field_domain(const struct field_reader *r, const json_t *object, const char *key,
                         struct dns_name *name)
{
    const json_t *value = json_object_get(object, key);
    if (!json_is_string(value)) {
        refuse(r->why, REFUSAL_BAD_FIELD, "%s", key);
        return NULL;
    }
    char *text = arena_text(r->arena, bytes_of(json_string_value(value), json_string_length(value)));
    if (text && field_host_name(text, name))
        return text;
    refuse(r->why, text ? REFUSAL_BAD_NAME : REFUSAL_NO_MEMORY, "%s", key);
    return NULL;
}

void *field_alloc(const struct field_reader *r, size_t count, size_t size)
{
    void *p = arena_array(r->arena, count, size);
    if (!p)
        refuse(r->why, REFUSAL_NO_MEMORY, "document");
    return p;
}

struct bytes field_print(json_t *object, bool indent, struct arena *arena)
{
    char *text = object ? json_dumps(object, indent ? JSON_INDENT(2) : JSON_COMPACT) : NULL;
    json_decref(object);
    if (!text)
        return BYTES_NONE;
    struct bytes out = bytes_str(arena_printf(arena, "%s\n", text));
    free(text);
    return out;
}
