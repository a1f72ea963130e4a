/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya root new`, `root rotate`, `root sign` and `root show`: which keys speak for which role of a list,
 * and how that changes. Whatever is written was read back first, and all four end with who has signed. */
#include <inttypes.h>
#include <stdio.h>

#include "steering/cli/json.h"
#include "steering/cli/root_keys.h"
#include "steering/cli/root_report.h"

struct make_options {
    struct root_keys given;
    struct cli_words keys;
    const char *expires, *after, *out;
    bool json;
    int64_t now;
};

#define MAKE_OPTIONS                                                                                         \
    CLI_OPTION("threshold", 0, CLI_MANY, make_options, given.thresholds, "ROLE=N",                           \
               "signatures needed; else as before; at first more than half of root and maintainers, 1 of "   \
               "the others"),                                                                                \
        CLI_OPTION("expires", 0, CLI_TEXT, make_options, expires, "WHEN", "365d by default"),                \
        CLI_OPTION("key", 'k', CLI_MANY, make_options, keys, "FILE", "sign with this secret key at once"),   \
        CLI_OPTION("out", 'o', CLI_TEXT, make_options, out, "DIR", "where root-N.json goes; default: here"), \
        CLI_JSON_OPTION(make_options),                                                                       \
        CLI_OPTION("now", 0, CLI_TIME, make_options, now, "TIME", "instead of the clock")

static const struct cli_option new_options[] = {
    ROOT_KEYS_OPTIONS(make_options),
    MAKE_OPTIONS,
    CLI_OPTION("after", 0, CLI_TEXT, make_options, after, "FILE",
               "the root this one follows: its version + 1"),
    CLI_OPTIONS_END,
};

static const struct cli_option rotate_options[] = {
    ROOT_KEYS_OPTIONS(make_options),
    CLI_OPTION("remove", 0, CLI_MANY, make_options, given.removed, "[ROLE=]KEY",
               "take a key, or what it is named, out of a role, or of all"),
    MAKE_OPTIONS,
    CLI_OPTIONS_END,
};

/* The text, read back as a resolver will. */
static bool print(struct cli *c, const struct root *made, struct root_report *r)
{
    struct refusal why;
    r->envelope = (struct envelope){.text = root_print(made, &c->arena)};
    if (!r->envelope.text.data)
        return cli_fail("out of memory"), false;
    if (!root_parse(r->envelope.text, &c->arena, &r->root, &why))
        return cli_fail("this is no root: %s: %s", why.where, refusal_text(why.why)), false;
    return true;
}

/* before: the root that is changed, NULL for one that is made anew. */
static int make(struct cli *c, const struct make_options *o, const struct root *before)
{
    struct root made = {.version = 1};
    struct root_report r = {.has_before = o->after != NULL};
    struct envelope sealed;
    char name[ROOT_FILE_NAME];
    int64_t now = cli_now(o->now);
    struct document_signers by = {.keys = &o->keys, .name = "root", .now = now, .role = "root"};
    if (!root_keys_apply(c, &o->given, before, &made) ||
        !cli_expiry(c, o->expires, "365d", now, &made.expires))
        return CLI_FAILED;
    if (made.expires <= now)
        return cli_usage(c, "a root that has expired before it is made serves nobody: --expires");
    if (o->after && !document_load_root(c, o->after, &sealed, &r.before))
        return CLI_FAILED;
    made.version = r.before.version + 1;
    r.path = cli_path(c, o->out ? o->out : ".", root_file_name(made.version, name));
    if (!print(c, &made, &r) || !root_report_before(c, o->after, &r))
        return CLI_FAILED;
    by.allowed = &r.signers;
    if (!document_sign(c, &r.envelope, &by) || !document_save(c, r.path, &r.envelope, false))
        return CLI_FAILED;
    return root_report_print(c, &r, o->json);
}

static int run_new(struct cli *c, const void *given)
{
    return make(c, given, NULL);
}

static int run_rotate(struct cli *c, const void *given)
{
    struct make_options o = *(const struct make_options *)given;
    struct envelope sealed;
    struct root before;
    struct refusal why;
    o.after = c->words.item[0];
    if (!document_load_root(c, o.after, &sealed, &before))
        return CLI_FAILED;
    /* What nobody signed is nothing to go on from. */
    if (!root_role_verify(&before, ROOT_ROLE_ROOT, &sealed, &why))
        return document_refused(o.after, &why);
    return make(c, &o, &before);
}

struct sign_options {
    struct document_by by;
    const char *after;
    bool json;
};

#define AFTER_OPTION                                                                                         \
    CLI_OPTION("after", 0, CLI_TEXT, sign_options, after, "FILE",                                            \
               "the root before; default: the one beside the file"),                                         \
        CLI_JSON_OPTION(sign_options)

static const struct cli_option sign_options[] = {
    DOCUMENT_BY_OPTIONS(sign_options),
    AFTER_OPTION,
    CLI_OPTIONS_END,
};

static const struct cli_option show_options[] = {
    AFTER_OPTION,
    CLI_OPTIONS_END,
};

static bool load(struct cli *c, const struct sign_options *o, struct root_report *r)
{
    *r = (struct root_report){.path = c->words.item[0]};
    return document_load_root(c, r->path, &r->envelope, &r->root) && root_report_before(c, o->after, r);
}

static int run_sign(struct cli *c, const void *given)
{
    const struct sign_options *o = given;
    struct root_report r;
    if (!document_by_given(c, &o->by) || !load(c, o, &r))
        return CLI_FAILED;
    struct document_signers by = document_by(&o->by, "root");
    /* Without the root before, whose keys may sign is not known: then anyone may. */
    bool known = r.root.version == 1 || r.has_before;
    by.allowed = known ? &r.signers : NULL;
    by.role = "root";
    if (!document_sign(c, &r.envelope, &by) || !document_save(c, r.path, &r.envelope, true))
        return CLI_FAILED;
    return root_report_print(c, &r, o->json);
}

static int run_show(struct cli *c, const void *given)
{
    const struct sign_options *o = given;
    struct root_report r;
    if (!load(c, o, &r) || root_report_print(c, &r, o->json) != CLI_OK)
        return CLI_FAILED;
    return r.verdict == ROOT_COMPLETE ? CLI_OK : CLI_FAILED;
}

const struct cli_command command_root_new = {
    .name = "root new",
    .words = "",
    .summary = "Write root-N.json: the keys and thresholds of a list's roles",
    .options = new_options,
    .size = sizeof(struct make_options),
    .run = run_new,
};

const struct cli_command command_root_rotate = {
    .name = "root rotate",
    .words = "root-N.json",
    .summary = "Write the root that follows: keys added and removed, other thresholds, a later expiry",
    .options = rotate_options,
    .size = sizeof(struct make_options),
    .least = 1,
    .most = 1,
    .run = run_rotate,
};

const struct cli_command command_root_sign = {
    .name = "root sign",
    .words = "root-N.json",
    .summary = "Add signatures to a root, and say which are still missing",
    .options = sign_options,
    .size = sizeof(struct sign_options),
    .least = 1,
    .most = 1,
    .run = run_sign,
};

const struct cli_command command_root_show = {
    .name = "root show",
    .words = "root-N.json",
    .summary = "Show a root, who has signed it, and whether resolvers will take it",
    .options = show_options,
    .size = sizeof(struct sign_options),
    .least = 1,
    .most = 1,
    .run = run_show,
};
