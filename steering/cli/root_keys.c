/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and thresholds out of options: see root_keys.h. */
#include "steering/cli/root_keys.h"

#include <libgen.h>

#include "data/base/text.h"
#include "steering/cli/document.h"

static const char *const flags[ROOT_ROLE_COUNT] = {"root-key", "maintainer", "publisher", "vantage"};

static bool is_key_name(const char *text)
{
    size_t len = strlen(text);
    return len > 0 && len <= ROOT_KEY_ID_MAX &&
           strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == len;
}

/* Without a name given: the file's, or the key's own id. */
static const char *default_name(struct cli *c, const char *given, const struct minisign_public *key)
{
    char id[2 * MINISIGN_ID + 1], *path = arena_text(&c->arena, bytes_str(given));
    char *name = path ? basename(path) : NULL;
    size_t len = name ? strlen(name) : 0;
    if (len > 4 && strcmp(name + len - 4, ".pub") == 0)
        name[len - 4] = 0;
    if (cli_exists(given) && name && is_key_name(name))
        return name;
    minisign_id_format(key->id, id);
    return arena_text(&c->arena, bytes_str(id));
}

const char *root_keys_name(const struct root *r, const struct minisign_public *key)
{
    for (unsigned i = 0; i < r->key_count; i++)
        if (minisign_public_equal(&r->keys[i].public, key))
            return r->keys[i].id;
    return NULL;
}

/* The key's entry, a new one if it is not there yet: one key may have several roles, but only one name. */
static const struct minisign_public *put_key(struct root *r, const char *name,
                                             const struct minisign_public *key)
{
    for (unsigned i = 0; i < r->key_count; i++) {
        if (minisign_public_equal(&r->keys[i].public, key))
            return &r->keys[i].public;
        if (name && strcmp(r->keys[i].id, name) == 0)
            return cli_fail("two keys are named %s; give them names: --maintainer NAME=KEY", name), NULL;
    }
    if (r->key_count == ROOT_KEYS_MAX || !name)
        return cli_fail(name ? "a root holds at most %d keys" : "out of memory", ROOT_KEYS_MAX), NULL;
    r->keys[r->key_count] = (struct root_key){.id = name, .public = *key};
    return &r->keys[r->key_count++].public;
}

static const struct minisign_public *add_key(struct cli *c, struct root *r, const char *given)
{
    const char *name = NULL, *key_text = given;
    struct minisign_public key;
    if (cli_split(c, given, '=', &name, &key_text) && !is_key_name(name)) {
        name = NULL;
        key_text = given;
    }
    if (!document_public_key(c, key_text, &key))
        return NULL;
    return put_key(r, name ? name : default_name(c, key_text, &key), &key);
}

/* "ROLE=KEY" of --remove: KEY is a name in the root, or a key. True if it means this key in this role. */
static bool removes(struct cli *c, const char *given, enum root_role role, const char *name,
                    const struct minisign_public *key)
{
    const char *which, *what = given;
    struct minisign_public public;
    struct bytes file;
    if (cli_split(c, given, '=', &which, &what) && strcmp(which, root_role_name(role)) != 0)
        return false;
    if (strcmp(what, name) == 0)
        return true;
    return (minisign_public_parse(bytes_str(what), &public, NULL) ||
            (cli_exists(what) && cli_read(c, what, MINISIGN_KEY_FILE_MAX, &file) &&
             minisign_public_parse(file, &public, NULL))) &&
           minisign_public_equal(&public, key);
}

/* The keys of the role that stay. used: which of --remove have met a key. */
static bool keep(struct cli *c, const struct root_keys *given, const struct root *before, enum root_role role,
                 struct root *r, bool *used)
{
    const struct role *from = &before->roles[role];
    struct role *to = &r->roles[role];
    for (unsigned i = 0; i < from->count; i++) {
        const char *name = root_keys_name(before, from->keys[i]);
        bool stays = true;
        for (unsigned k = 0; k < given->removed.count; k++)
            if (removes(c, given->removed.item[k], role, name, from->keys[i])) {
                used[k] = true;
                stays = false;
            }
        if (stays && !(to->keys[to->count++] = put_key(r, name, from->keys[i])))
            return false;
    }
    return true;
}

static bool add(struct cli *c, const struct cli_words *given, enum root_role role, struct root *r)
{
    struct role *to = &r->roles[role];
    for (unsigned i = 0; i < given->count; i++) {
        const struct minisign_public *key = add_key(c, r, given->item[i]);
        if (!key)
            return false;
        for (unsigned k = 0; k < to->count; k++)
            if (to->keys[k] == key)
                return cli_usage(c, "--%s %s: that key has this role already", flags[role], given->item[i]),
                       false;
        to->keys[to->count++] = key;
    }
    if (to->count == 0 && role != ROOT_ROLE_VANTAGE)
        return cli_usage(c, "no key is given for the role %s", root_role_name(role)), false;
    return true;
}

static bool set_threshold(struct cli *c, struct root *r, const char *given)
{
    const char *name, *number;
    uint64_t n;
    if (!cli_split(c, given, '=', &name, &number) || !uint_parse(bytes_str(number), ROOT_KEYS_MAX, &n))
        return cli_usage(c, "--threshold wants ROLE=N, for example maintainers=2, not '%s'", given), false;
    for (int i = 0; i < ROOT_ROLE_COUNT; i++)
        if (strcmp(root_role_name((enum root_role)i), name) == 0) {
            if (n < 1 || n > r->roles[i].count)
                return cli_usage(c, "the threshold of %s must be 1 to %u, its number of keys", name,
                                 r->roles[i].count),
                       false;
            r->roles[i].threshold = (unsigned)n;
            return true;
        }
    return cli_usage(c, "'%s' is no role: root, maintainers, publisher, vantage", name), false;
}

static bool set_thresholds(struct cli *c, const struct root_keys *given, const struct root *before,
                           struct root *r)
{
    for (int i = 0; i < ROOT_ROLE_COUNT; i++) {
        bool offline = i == ROOT_ROLE_ROOT || i == ROOT_ROLE_MAINTAINERS;
        struct role *role = &r->roles[i];
        role->threshold = role->count == 0             ? 0
                          : before->roles[i].threshold ? before->roles[i].threshold
                          : offline                    ? role->count / 2 + 1
                                                       : 1;
    }
    for (unsigned i = 0; i < given->thresholds.count; i++)
        if (!set_threshold(c, r, given->thresholds.item[i]))
            return false;
    for (int i = 0; i < ROOT_ROLE_COUNT; i++)
        if (r->roles[i].threshold > r->roles[i].count)
            return cli_usage(c,
                             "%u keys of %s must sign, but %u are left: add keys, or give --threshold %s=N",
                             r->roles[i].threshold, root_role_name((enum root_role)i), r->roles[i].count,
                             root_role_name((enum root_role)i)),
                   false;
    return true;
}

bool root_keys_apply(struct cli *c, const struct root_keys *given, const struct root *before,
                     struct root *out)
{
    static const struct root nothing;
    bool used[CLI_WORDS_MAX] = {false};
    before = before ? before : &nothing;
    out->keys = arena_array(&c->arena, ROOT_KEYS_MAX, sizeof *out->keys);
    for (int i = 0; i < ROOT_ROLE_COUNT; i++) {
        enum root_role role = (enum root_role)i;
        struct role *to = &out->roles[i];
        *to = (struct role){.keys = arena_array(&c->arena, before->roles[i].count + given->role[i].count + 1,
                                                sizeof *to->keys)};
        if (!out->keys || !to->keys)
            return cli_fail("out of memory"), false;
        if (!keep(c, given, before, role, out, used) || !add(c, &given->role[i], role, out))
            return false;
    }
    for (unsigned i = 0; i < given->removed.count; i++)
        if (!used[i])
            return cli_usage(c, "--remove %s: there is no such key in that role", given->removed.item[i]),
                   false;
    return set_thresholds(c, given, before, out);
}
