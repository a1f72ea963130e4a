/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Root documents: see root.h. */
#include "data/list/root.h"

#include <inttypes.h>
#include <stdio.h>

#include "data/base/text.h"
#include "data/list/field.h"

static const char type[] = "polynya-root/1";
static const char *const role_names[ROOT_ROLE_COUNT] = {"root", "maintainers", "publisher", "vantage"};

enum { ROOT_VALUES_MAX = 4096 };

const char *root_file_name(uint64_t version, char out[ROOT_FILE_NAME])
{
    snprintf(out, ROOT_FILE_NAME, "root-%" PRIu64 ".json", version);
    return out;
}

const char *root_role_name(enum root_role role)
{
    return role_names[role];
}

static bool read_key(const struct field_reader *r, const char *id, const json_t *value, struct root *out)
{
    struct root_key *key = &out->keys[out->key_count];
    const char *text = json_string_value(value);
    if (!field_is_id(id, ROOT_KEY_ID_MAX))
        return refuse(r->why, REFUSAL_BAD_FIELD, "keys: id %.64s", id);
    if (!text || !minisign_public_parse(bytes_str(text), &key->public, NULL))
        return refuse(r->why, REFUSAL_BAD_KEY, "keys: %s", id);
    /* Two keys of one minisign id would make it unclear whose signature is whose. */
    for (unsigned i = 0; i < out->key_count; i++)
        if (memcmp(out->keys[i].public.key, key->public.key, sizeof key->public.key) == 0 ||
            memcmp(out->keys[i].public.id, key->public.id, sizeof key->public.id) == 0)
            return refuse(r->why, REFUSAL_DUPLICATE, "keys: %s and %s", out->keys[i].id, id);
    key->id = arena_text(r->arena, bytes_str(id));
    out->key_count++;
    return key->id || refuse(r->why, REFUSAL_NO_MEMORY, "keys");
}

static bool read_keys(const struct field_reader *r, json_t *object, struct root *out)
{
    const char *id;
    json_t *value;
    if (!object)
        return false;
    if (json_object_size(object) > ROOT_KEYS_MAX)
        return refuse(r->why, REFUSAL_TOO_MANY, "keys");
    out->keys = field_alloc(r, json_object_size(object), sizeof *out->keys);
    if (!out->keys)
        return false;
    json_object_foreach(object, id, value)
    {
        if (!read_key(r, id, value, out))
            return false;
    }
    return true;
}

static const struct minisign_public *find_key(const struct root *root, const char *id)
{
    for (unsigned i = 0; id && i < root->key_count; i++)
        if (strcmp(root->keys[i].id, id) == 0)
            return &root->keys[i].public;
    return NULL;
}

static bool read_role_keys(const struct field_reader *r, const json_t *list, const struct root *root,
                           struct role *out)
{
    size_t i;
    json_t *value;
    out->keys = field_alloc(r, json_array_size(list), sizeof(*out->keys));
    if (!out->keys)
        return false;
    json_array_foreach(list, i, value)
    {
        const struct minisign_public *key = find_key(root, json_string_value(value));
        if (!key)
            return refuse(r->why, REFUSAL_BAD_FIELD, "keys[%zu]: no such id", i);
        for (unsigned k = 0; k < out->count; k++)
            if (out->keys[k] == key)
                return refuse(r->why, REFUSAL_DUPLICATE, "keys[%zu]", i);
        out->keys[out->count++] = key;
    }
    return true;
}

static bool read_role(const struct field_reader *r, const json_t *object, const struct root *root,
                      struct role *out)
{
    uint64_t threshold;
    const json_t *list = field_array(r, object, "keys", 1, ROOT_KEYS_MAX);
    if (!list || !read_role_keys(r, list, root, out) ||
        !field_uint(r, object, "threshold", 1, out->count, &threshold))
        return false;
    out->threshold = (unsigned)threshold;
    return true;
}

static bool read_roles(const struct field_reader *r, json_t *object, struct root *out)
{
    if (!object)
        return false;
    for (int i = 0; i < ROOT_ROLE_COUNT; i++) {
        if (i == ROOT_ROLE_VANTAGE && field_absent(object, role_names[i]))
            continue;
        if (!read_role(r, json_object_get(object, role_names[i]), out, &out->roles[i])) {
            refusal_within(r->why, "roles.%s", role_names[i]);
            return false;
        }
    }
    return true;
}

bool root_parse(struct bytes text, struct arena *arena, struct root *out, struct refusal *why)
{
    struct field_reader r = {arena, why};
    *out = (struct root){.version = 0};
    json_t *object = field_open_document(text, type, ROOT_VALUES_MAX, why);
    bool ok = object && field_uint(&r, object, "version", 1, FIELD_NUMBER_MAX, &out->version) &&
              field_time(&r, object, "expires", &out->expires) &&
              read_keys(&r, field_object(&r, object, "keys"), out) &&
              read_roles(&r, field_object(&r, object, "roles"), out);
    json_decref(object);
    return ok;
}

static const char *id_of(const struct root *root, const struct minisign_public *key)
{
    for (unsigned i = 0; i < root->key_count; i++)
        if (&root->keys[i].public == key)
            return root->keys[i].id;
    return NULL;
}

static json_t *print_keys(const struct root *root)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < root->key_count; i++) {
        char text[MINISIGN_PUBLIC_TEXT + 1];
        minisign_public_format(&root->keys[i].public, text);
        json_object_set_new(object, root->keys[i].id, json_string(text));
    }
    return object;
}

static json_t *print_roles(const struct root *root)
{
    json_t *object = json_object();
    for (int i = 0; i < ROOT_ROLE_COUNT; i++) {
        const struct role *role = &root->roles[i];
        if (role->count == 0)
            continue;
        json_t *keys = json_array();
        for (unsigned k = 0; k < role->count; k++)
            json_array_append_new(keys, json_string(id_of(root, role->keys[k])));
        json_object_set_new(object, role_names[i],
                            json_pack("{s:o, s:i}", "keys", keys, "threshold", (int)role->threshold));
    }
    return object;
}

struct bytes root_print(const struct root *root, struct arena *arena)
{
    char expires[TIME_TEXT_MAX];
    time_format(root->expires, expires);
    return field_print(json_pack("{s:s, s:I, s:s, s:o, s:o}", "type", type, "version",
                                 (json_int_t)root->version, "expires", expires, "keys", print_keys(root),
                                 "roles", print_roles(root)),
                       true, arena);
}

bool root_role_verify(const struct root *root, enum root_role role, const struct envelope *e,
                      struct refusal *why)
{
    const struct role *who = &root->roles[role];
    if (envelope_verify(e, who->keys, who->count, who->threshold, why))
        return true;
    refusal_within(why, "role %s", role_names[role]);
    return false;
}
