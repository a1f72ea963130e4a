/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya root new` and `root sign`: which keys speak for which role of a list. */
#include "data/base/text.h"
#include "steering/cli/document.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <unistd.h>

struct new_options {
    struct cli_words role[ROOT_ROLE_COUNT]; /* in the order of enum root_role */
    struct cli_words thresholds;
    struct cli_words keys;
    const char *expires;
    const char *after;
    const char *out;
    int64_t now;
};

static const struct cli_option new_options[] = {
    CLI_OPTION("root-key", 0, CLI_MANY, new_options, role[ROOT_ROLE_ROOT], "[NAME=]KEY",
               "a root key: RW… or a .pub file"),
    CLI_OPTION("maintainer", 0, CLI_MANY, new_options, role[ROOT_ROLE_MAINTAINERS], "[NAME=]KEY",
               "a key that signs delegations"),
    CLI_OPTION("publisher", 0, CLI_MANY, new_options, role[ROOT_ROLE_PUBLISHER], "[NAME=]KEY",
               "a key that signs list.json"),
    CLI_OPTION("vantage", 0, CLI_MANY, new_options, role[ROOT_ROLE_VANTAGE], "[NAME=]KEY",
               "a key that reports health"),
    CLI_OPTION("threshold", 0, CLI_MANY, new_options, thresholds, "ROLE=N",
               "signatures needed; default: more than half of root and maintainers, 1 of the others"),
    CLI_OPTION("expires", 0, CLI_TEXT, new_options, expires, "WHEN", "365d by default"),
    CLI_OPTION("after", 0, CLI_TEXT, new_options, after, "FILE",
               "the root this one follows: its version + 1"),
    CLI_OPTION("key", 'k', CLI_MANY, new_options, keys, "FILE", "sign with this secret key at once"),
    CLI_OPTION("out", 'o', CLI_TEXT, new_options, out, "DIR", "where root-N.json goes; default: here"),
    CLI_OPTION("now", 0, CLI_TIME, new_options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

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

/* The key's entry, a new one if it is not there yet: one key may have several roles, but only one name. */
static const struct minisign_public *root_add_key(struct cli *c, struct root *r, const char *given)
{
    const char *name = NULL, *key_text = given;
    struct minisign_public key;
    if (cli_split(c, given, '=', &name, &key_text) && !is_key_name(name)) {
        name = NULL;
        key_text = given;
    }
    if (!document_public_key(c, key_text, &key))
        return NULL;
    for (unsigned i = 0; i < r->key_count; i++)
        if (minisign_public_equal(&r->keys[i].public, &key))
            return &r->keys[i].public;
    if (r->key_count == ROOT_KEYS_MAX)
        return cli_fail("a root holds at most %d keys", ROOT_KEYS_MAX), NULL;
    struct root_key *k = &r->keys[r->key_count++];
    *k = (struct root_key){.id = name ? name : default_name(c, key_text, &key), .public = key};
    for (unsigned i = 0; i + 1 < r->key_count; i++)
        if (strcmp(r->keys[i].id, k->id) == 0)
            return cli_fail("two keys are named %s; give them names: --maintainer NAME=KEY", k->id), NULL;
    return &k->public;
}

static bool root_add_role(struct cli *c, struct root *r, enum root_role role, const struct cli_words *given)
{
    struct role *out = &r->roles[role];
    out->keys = arena_array(&c->arena, given->count + 1, sizeof *out->keys);
    if (!out->keys)
        return cli_fail("out of memory"), false;
    for (unsigned i = 0; i < given->count; i++) {
        out->keys[i] = root_add_key(c, r, given->item[i]);
        if (!out->keys[i])
            return false;
    }
    out->count = given->count;
    bool offline = role == ROOT_ROLE_ROOT || role == ROOT_ROLE_MAINTAINERS;
    out->threshold = given->count == 0 ? 0 : offline ? given->count / 2 + 1 : 1;
    if (given->count == 0 && role != ROOT_ROLE_VANTAGE)
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

static bool root_fill(struct cli *c, const struct new_options *o, struct root *r)
{
    *r = (struct root){.version = 1, .keys = arena_array(&c->arena, ROOT_KEYS_MAX, sizeof *r->keys)};
    for (int i = 0; i < ROOT_ROLE_COUNT; i++)
        if (!r->keys || !root_add_role(c, r, (enum root_role)i, &o->role[i]))
            return false;
    for (unsigned i = 0; i < o->thresholds.count; i++)
        if (!set_threshold(c, r, o->thresholds.item[i]))
            return false;
    if (o->after) {
        struct envelope before;
        struct root previous;
        if (!document_load_root(c, o->after, &before, &previous))
            return false;
        r->version = previous.version + 1;
    }
    return cli_expiry(c, o->expires, "365d", cli_now(o->now), &r->expires);
}

static void tell_count(const char *path, const struct envelope *e, const struct role *role, const char *whose)
{
    unsigned have = envelope_signers(e, role->keys, role->count);
    printf("%s: %u of %u signatures%s%s\n", path, have, role->threshold, whose,
           have < role->threshold ? "; sign with more of them: polynya root sign" : "");
}

/* Resolvers want the threshold of this root and of the one before it, which stands beside it as a rule. */
static void tell_signatures(struct cli *c, const char *path, const struct envelope *e, const struct root *r)
{
    tell_count(path, e, &r->roles[ROOT_ROLE_ROOT], r->version > 1 ? " of its own root keys" : "");
    const char *slash = strrchr(path, '/');
    const char *before = arena_printf(&c->arena, "%.*sroot-%" PRIu64 ".json",
                                      slash ? (int)(slash + 1 - path) : 0, path, r->version - 1);
    struct envelope sealed;
    struct root previous;
    if (r->version > 1 && before && access(before, R_OK) == 0 &&
        document_load_root(c, before, &sealed, &previous))
        tell_count(path, e, &previous.roles[ROOT_ROLE_ROOT], " of the root keys before it");
}

static int run_new(struct cli *c, const void *given)
{
    const struct new_options *o = given;
    struct root r;
    struct envelope e = {0};
    if (!root_fill(c, o, &r))
        return CLI_FAILED;
    struct document_signers by = {.keys = &o->keys, .name = "root", .now = cli_now(o->now), .role = "root"};
    e.text = root_print(&r, &c->arena);
    const char *name = arena_printf(&c->arena, "root-%" PRIu64 ".json", r.version);
    if (!e.text.data || !name)
        return cli_fail("out of memory");
    const char *path = cli_path(c, o->out ? o->out : ".", name);
    if (!document_sign(c, &e, &by) || !document_save(c, path, &e, false))
        return CLI_FAILED;
    tell_signatures(c, path, &e, &r);
    return CLI_OK;
}

struct sign_options {
    struct cli_words keys, signatures;
    int64_t now;
};

static const struct cli_option sign_options[] = {
    CLI_OPTION("key", 'k', CLI_MANY, sign_options, keys, "FILE", "a secret key that signs"),
    CLI_OPTION("signature", 's', CLI_MANY, sign_options, signatures, "FILE",
               "a .minisig made by minisign -S"),
    CLI_OPTION("now", 0, CLI_TIME, sign_options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static int run_sign(struct cli *c, const void *given)
{
    const struct sign_options *o = given;
    const char *path = c->words.item[0];
    struct envelope e;
    struct root r;
    if (o->keys.count + o->signatures.count == 0)
        return cli_usage(c, "nothing to sign with: give --key or --signature");
    if (!document_load_root(c, path, &e, &r))
        return CLI_FAILED;
    /* The keys of the root before may sign, too: their threshold must agree to the new one. */
    struct document_signers by = {.keys = &o->keys,
                                  .signatures = &o->signatures,
                                  .name = "root",
                                  .now = cli_now(o->now),
                                  .role = "root"};
    if (!document_sign(c, &e, &by) || !document_save(c, path, &e, true))
        return CLI_FAILED;
    tell_signatures(c, path, &e, &r);
    return CLI_OK;
}

const struct cli_command command_root_new = {
    .name = "root new",
    .words = "",
    .summary = "Write root-N.json: the keys and thresholds of a list's roles",
    .options = new_options,
    .size = sizeof(struct new_options),
    .run = run_new,
};

const struct cli_command command_root_sign = {
    .name = "root sign",
    .words = "root-N.json",
    .summary = "Add signatures to a root",
    .options = sign_options,
    .size = sizeof(struct sign_options),
    .least = 1,
    .most = 1,
    .run = run_sign,
};
