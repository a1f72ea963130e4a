/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya delegate`: which key speaks for which domain, signed by the list's maintainers. */
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>

#include "steering/cli/blocked.h"
#include "steering/cli/document.h"
#include "steering/cli/root_keys.h"
#include "steering/cli/signer.h"

struct options {
    struct document_by by;
    const char *key_of_outlet;
    struct cli_words blocked, unblocked;
    const char *root;
    const char *expires;
    uint64_t version;
    bool revoke, sign, json;
};

static const struct cli_option options[] = {
    CLI_OPTION("outlet-key", 0, CLI_TEXT, options, key_of_outlet, "KEY",
               "the outlet's public key: RW… or a .pub file"),
    CLI_OPTION("blocked", 'b', CLI_MANY, options, blocked, "CC=HOW",
               "how it is blocked in a country, instead of what stood there: RU=dns,ip,sni"),
    CLI_OPTION("unblocked", 'u', CLI_MANY, options, unblocked, "CC", "it is not blocked there any more"),
    CLI_OPTION("revoke", 0, CLI_FLAG, options, revoke, NULL, "take the domain off the list"),
    CLI_OPTION("sign", 0, CLI_FLAG, options, sign, NULL, "change nothing, add signatures"),
    DOCUMENT_BY_OPTIONS(options),
    CLI_OPTION("root", 'r', CLI_TEXT, options, root, "FILE",
               "default: the newest root-N.json beside the file"),
    CLI_OPTION("expires", 0, CLI_TEXT, options, expires, "WHEN", "at most 90d, the default"),
    CLI_OPTION("set-version", 0, CLI_NUMBER, options, version, "N", "default: one more than the file has"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* The domain as documents want it: lower-case, without a closing dot. */
static bool fill_domain(struct cli *c, const char *given, struct delegation *site)
{
    char text[DNS_NAME_TEXT_MAX];
    if (!name_from_text(bytes_str(given), &site->name) || name_labels(&site->name) < 2)
        return cli_usage(c, "'%s' is not a domain like outlet.example", given), false;
    name_lower(&site->name);
    name_to_text(&site->name, text);
    site->domain = arena_text(&c->arena, bytes_str(text));
    return site->domain != NULL;
}

/* Takes the domain out and, unless it is to stay out, puts the new entry in its place or at the end. */
static bool change_sites(struct cli *c, const struct options *o, const struct delegation *site,
                         struct delegations *d)
{
    struct delegation *sites = arena_array(&c->arena, d->site_count + 1, sizeof *sites);
    unsigned n = 0;
    bool found = false;
    for (unsigned i = 0; sites && i < d->site_count; i++) {
        bool same = strcmp(d->sites[i].domain, site->domain) == 0;
        if (same && !o->revoke)
            sites[n++] = *site;
        else if (!same)
            sites[n++] = d->sites[i];
        found |= same;
    }
    if (!sites)
        return cli_fail("out of memory"), false;
    if (o->revoke && !found)
        return cli_fail("%s is not delegated; nothing to revoke", site->domain), false;
    if (!found)
        sites[n++] = *site;
    d->sites = sites;
    d->site_count = n;
    d->by_domain = NULL; /* nobody looks into it any more */
    return true;
}

/* The entry as it is to be: what stood there, with what is given put in its place. */
static bool fill_site(struct cli *c, const struct options *o, const struct delegations *d,
                      struct delegation *site)
{
    static const struct delegation nothing;
    const struct delegation *before = delegations_find(d, site->domain);
    if (!before && !o->key_of_outlet)
        return cli_usage(c, "whose key speaks for %s? give --outlet-key", site->domain), false;
    if (!o->key_of_outlet)
        site->key = before->key;
    else if (!document_public_key(c, o->key_of_outlet, &site->key))
        return false;
    return blocked_change(c, &o->blocked, &o->unblocked, before ? before : &nothing, site);
}

static bool change(struct cli *c, const struct options *o, struct delegations *d, struct envelope *e)
{
    struct delegation site = {0};
    if (!fill_domain(c, c->words.item[1], &site) || (!o->revoke && !fill_site(c, o, d, &site)) ||
        !change_sites(c, o, &site, d))
        return false;
    d->version = o->version ? o->version : d->version + 1;
    d->issued = cli_now(o->by.now);
    if (!cli_expiry(c, o->expires, "90d", d->issued, &d->expires))
        return false;
    if (d->expires <= d->issued || d->expires > d->issued + DELEGATIONS_LIFE_MAX)
        return cli_usage(c, "delegations may live 90 days at most, and not end before they begin"), false;
    /* Another text: the old signatures are worth nothing. */
    *e = (struct envelope){.text = delegations_print(d, &c->arena)};
    return e->text.data != NULL || !cli_fail("out of memory");
}

static bool used_rightly(struct cli *c, const struct options *o)
{
    bool changes = o->key_of_outlet || o->blocked.count || o->unblocked.count;
    if (o->sign && (c->words.count > 1 || o->revoke || changes || o->expires || o->version))
        return cli_usage(c, "--sign changes nothing: give only the file and --key or --signature"), false;
    if (o->sign)
        return document_by_given(c, &o->by);
    if (c->words.count < 2)
        return cli_usage(c, "the domain is missing"), false;
    if (o->revoke && changes)
        return cli_usage(c, "--revoke takes the whole domain off: nothing else can be said of it"), false;
    if (o->by.signatures.count)
        return cli_usage(c, "--signature goes with --sign: a changed document has no signatures yet"), false;
    return true;
}

static const char *root_path(struct cli *c, const struct options *o)
{
    if (o->root)
        return o->root;
    char *path = arena_text(&c->arena, bytes_str(c->words.item[0]));
    return path ? document_newest_root(c, dirname(path)) : NULL;
}

/* Which maintainers have signed. */
static json_t *signers_json(const struct envelope *e, const struct root *root)
{
    const struct role *role = &root->roles[ROOT_ROLE_MAINTAINERS];
    json_t *signers = json_array();
    for (unsigned i = 0; i < role->count; i++)
        json_array_append_new(signers, signer_json(e, root_keys_name(root, role->keys[i]), role->keys[i]));
    return signers;
}

static int tell_json(struct cli *c, const struct delegations *d, const struct envelope *e,
                     const struct root *root, unsigned have)
{
    unsigned need = root->roles[ROOT_ROLE_MAINTAINERS].threshold;
    return cli_json(json_pack(
        "{s:o, s:I, s:i, s:o, s:o, s:i, s:i, s:b}", "file", cli_json_text(c, c->words.item[0]), "version",
        (json_int_t)d->version, "sites", (int)d->site_count, "expires", cli_json_time(d->expires), "signers",
        signers_json(e, root), "have", (int)have, "need", (int)need, "complete", have >= need));
}

static int tell(struct cli *c, const struct options *o, const struct delegations *d, const struct envelope *e,
                const struct root *root)
{
    const struct role *role = &root->roles[ROOT_ROLE_MAINTAINERS];
    unsigned have = envelope_signers(e, role->keys, role->count);
    if (o->json)
        return tell_json(c, d, e, root, have);
    for (unsigned i = 0; i < role->count; i++)
        signer_print(e, root_keys_name(root, role->keys[i]), role->keys[i], "");
    printf("%s: version %" PRIu64 ", %u sites, %u of %u signatures%s\n", c->words.item[0], d->version,
           d->site_count, have, role->threshold,
           have < role->threshold ? "; sign with more maintainers' keys: polynya delegate --sign" : "");
    return CLI_OK;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    const char *path = c->words.item[0], *root_file;
    struct envelope root_envelope, e = {0};
    struct delegations d = {0};
    struct root root;
    if (!used_rightly(c, o) || !(root_file = root_path(c, o)) ||
        !document_load_root(c, root_file, &root_envelope, &root))
        return CLI_FAILED;
    if ((o->sign || cli_exists(path)) && !document_load_delegations(c, path, &e, &d))
        return CLI_FAILED;
    if (!o->sign && !change(c, o, &d, &e))
        return CLI_FAILED;
    struct document_signers by = document_by(&o->by, "delegations.json");
    by.allowed = &root.roles[ROOT_ROLE_MAINTAINERS];
    by.role = "maintainers";
    if (!document_sign(c, &e, &by) || !document_save(c, path, &e, true))
        return CLI_FAILED;
    return tell(c, o, &d, &e, &root);
}

const struct cli_command command_delegate = {
    .name = "delegate",
    .words = "delegations.json [DOMAIN]",
    .summary = "Say which key speaks for a domain, and how it is blocked",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 2,
    .run = run,
};
