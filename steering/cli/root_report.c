/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Who has signed a root: see root_report.h. */
#include "steering/cli/root_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "data/base/text.h"
#include "steering/cli/root_keys.h"
#include "steering/cli/signer.h"
#include "steering/trust.h"

static bool has_key(const struct role *role, const struct minisign_public *key)
{
    for (unsigned i = 0; i < role->count; i++)
        if (minisign_public_equal(role->keys[i], key))
            return true;
    return false;
}

static bool collect_signers(struct cli *c, struct root_report *r)
{
    const struct role *from[] = {&r->root.roles[ROOT_ROLE_ROOT], &r->before.roles[ROOT_ROLE_ROOT]};
    struct role *to = &r->signers;
    *to = (struct role){.keys = arena_array(&c->arena, 2 * ROOT_KEYS_MAX, sizeof *to->keys)};
    for (int k = 0; to->keys && k < 2; k++)
        for (unsigned i = 0; i < from[k]->count; i++)
            if (!has_key(to, from[k]->keys[i]))
                to->keys[to->count++] = from[k]->keys[i];
    return to->keys || !cli_fail("out of memory");
}

bool root_report_before(struct cli *c, const char *after, struct root_report *r)
{
    const char *slash = strrchr(r->path, '/');
    char name[ROOT_FILE_NAME];
    struct envelope sealed;
    r->before = (struct root){.version = 0};
    r->has_before = false;
    if (r->root.version > 1 && !after) {
        after = arena_printf(&c->arena, "%.*s%s", slash ? (int)(slash + 1 - r->path) : 0, r->path,
                             root_file_name(r->root.version - 1, name));
        if (!after || !cli_exists(after))
            return collect_signers(c, r);
    }
    if (after) {
        if (!document_load_root(c, after, &sealed, &r->before))
            return false;
        if (r->before.version + 1 != r->root.version)
            return cli_fail("%s is version %" PRIu64 ", not the one before %" PRIu64, after,
                            r->before.version, r->root.version),
                   false;
        r->has_before = true;
    }
    return collect_signers(c, r);
}

/* Fills in the verdict, by the resolver's own code. */
static bool judge(struct cli *c, struct root_report *r)
{
    struct bytes file = envelope_write(&r->envelope, &c->arena);
    struct root again;
    if (!file.data)
        return cli_fail("out of memory"), false;
    r->why = (struct refusal){0};
    bool taken = r->has_before ? trust_next_root(&r->before, file, &c->arena, &again, &r->why)
                               : trust_pin(file, &c->arena, &again, &r->why);
    r->verdict = !taken                                  ? ROOT_INCOMPLETE
                 : r->root.version > 1 && !r->has_before ? ROOT_UNKNOWN
                                                         : ROOT_COMPLETE;
    return true;
}

bool root_report_newest(struct cli *c, const char *dir, struct root *out)
{
    struct root_report r = {.path = document_newest_root(c, dir)};
    while (r.path) {
        if (!document_load_root(c, r.path, &r.envelope, &r.root) || !root_report_before(c, NULL, &r) ||
            !judge(c, &r))
            return false;
        *out = r.root;
        if (r.verdict != ROOT_INCOMPLETE)
            return true;
        document_refused(r.path, &r.why);
        char name[ROOT_FILE_NAME];
        const char *path = cli_path(c, dir, root_file_name(r.root.version - 1, name));
        r.path = r.has_before && cli_exists(path) ? path : NULL;
    }
    return false;
}

static const struct role *root_role(const struct root *r)
{
    return &r->roles[ROOT_ROLE_ROOT];
}

static json_t *need_json(const struct root_report *r, const struct root *of)
{
    const struct role *role = root_role(of);
    return json_pack("{s:I, s:i, s:i}", "version", (json_int_t)of->version, "have",
                     (int)envelope_signers(&r->envelope, role->keys, role->count), "need",
                     (int)role->threshold);
}

static json_t *needs_json(const struct root_report *r)
{
    json_t *needs = json_array();
    json_array_append_new(needs, need_json(r, &r->root));
    if (r->has_before)
        json_array_append_new(needs, need_json(r, &r->before));
    return needs;
}

/* A key goes by what the new root calls it, or else the old one. */
static const char *key_name(const struct root_report *r, const struct minisign_public *key)
{
    const char *name = root_keys_name(&r->root, key);
    return name ? name : root_keys_name(&r->before, key);
}

static json_t *key_json(const struct root_report *r, const struct minisign_public *key)
{
    json_t *of = json_array(), *signer = signer_json(&r->envelope, key_name(r, key), key);
    for (int k = 0; k < 2; k++) {
        const struct root *root = k == 0 ? &r->root : &r->before;
        if (has_key(root_role(root), key))
            json_array_append_new(of, json_integer((json_int_t)root->version));
    }
    json_object_set_new(signer, "root_key_of", of);
    return signer;
}

static json_t *report_json(struct cli *c, const struct root_report *r)
{
    struct bytes printed = root_print(&r->root, &c->arena);
    json_t *root = cli_json_printed(printed);
    json_t *signers = json_array();
    for (unsigned i = 0; i < r->signers.count; i++)
        json_array_append_new(signers, key_json(r, r->signers.keys[i]));
    json_t *complete = r->verdict == ROOT_UNKNOWN ? json_null() : json_boolean(r->verdict == ROOT_COMPLETE);
    json_t *all =
        json_pack("{s:o, s:I, s:O, s:O, s:O, s:o, s:o, s:o, s:s}", "file", cli_json_text(c, r->path),
                  "version", (json_int_t)r->root.version, "expires", json_object_get(root, "expires"), "keys",
                  json_object_get(root, "keys"), "roles", json_object_get(root, "roles"), "signers", signers,
                  "signatures", needs_json(r), "complete", complete, "why", refusal_name(r->why.why));
    json_decref(root);
    return all;
}

static void print_roles(const struct root *r)
{
    for (int i = 0; i < ROOT_ROLE_COUNT; i++) {
        const struct role *role = &r->roles[i];
        if (role->count == 0)
            continue;
        printf("  %-12s %u of", root_role_name((enum root_role)i), role->threshold);
        for (unsigned k = 0; k < role->count; k++)
            printf(" %s", root_keys_name(r, role->keys[k]));
        putchar('\n');
    }
}

static void print_signers(const struct root_report *r)
{
    for (unsigned i = 0; i < r->signers.count; i++) {
        const struct minisign_public *key = r->signers.keys[i];
        bool new = has_key(root_role(&r->root), key), old = has_key(root_role(&r->before), key);
        signer_print(&r->envelope, key_name(r, key), key,
                     !r->has_before ? ""
                     : new &&old    ? ", key of this root and of the one before"
                     : new          ? ", key of this root"
                                    : ", key of the one before");
    }
}

static void print_need(const struct root_report *r, const struct root *of, const char *whose)
{
    const struct role *role = root_role(of);
    unsigned have = envelope_signers(&r->envelope, role->keys, role->count);
    printf("%s: %u of %u signatures%s%s\n", r->path, have, role->threshold, whose,
           have < role->threshold ? "; sign with more of them: polynya root sign" : "");
}

static void print_verdict(const struct root_report *r)
{
    print_need(r, &r->root, r->root.version > 1 ? " of its own root keys" : "");
    if (r->has_before)
        print_need(r, &r->before, " of the root keys before it");
    if (r->root.version > 1 && !r->has_before)
        printf("%s: root-%" PRIu64
               ".json is not beside it: whether its keys agree is not known; name it with "
               "--after\n",
               r->path, r->root.version - 1);
    else if (r->verdict == ROOT_COMPLETE)
        printf("%s: complete: resolvers will take it\n", r->path);
    else if (r->why.why != REFUSAL_FEW_SIGNATURES)
        printf("%s: refused: %s: %s\n", r->path, r->why.where, refusal_text(r->why.why));
}

int root_report_print(struct cli *c, struct root_report *r, bool json)
{
    char expires[TIME_TEXT_MAX];
    if (!judge(c, r))
        return CLI_FAILED;
    if (json)
        return cli_json(report_json(c, r));
    time_format(r->root.expires, expires);
    printf("%s: version %" PRIu64 ", expires %s\n", r->path, r->root.version, expires);
    print_roles(&r->root);
    print_signers(r);
    print_verdict(r);
    return CLI_OK;
}
