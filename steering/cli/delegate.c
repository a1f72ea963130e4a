/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya delegate`: which key speaks for which domain, signed by the list's maintainers. */
#include "steering/cli/document.h"

#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>

struct options {
    const char *key_of_outlet;
    struct cli_words blocked;
    struct cli_words keys, signatures;
    const char *root;
    const char *expires;
    uint64_t version;
    bool remove, sign;
    int64_t now;
};

static const struct cli_option options[] = {
    CLI_OPTION("outlet-key", 0, CLI_TEXT, options, key_of_outlet, "KEY",
               "the outlet's public key: RW… or a .pub file"),
    CLI_OPTION("blocked", 'b', CLI_MANY, options, blocked, "CC=HOW",
               "how it is blocked where: RU=dns,ip,sni"),
    CLI_OPTION("remove", 0, CLI_FLAG, options, remove, NULL, "take the domain off the list"),
    CLI_OPTION("sign", 0, CLI_FLAG, options, sign, NULL, "change nothing, add signatures"),
    CLI_OPTION("key", 'k', CLI_MANY, options, keys, "FILE", "a maintainer's secret key that signs"),
    CLI_OPTION("signature", 's', CLI_MANY, options, signatures, "FILE",
               "with --sign: a .minisig made by minisign -S"),
    CLI_OPTION("root", 'r', CLI_TEXT, options, root, "FILE",
               "default: the newest root-N.json beside the file"),
    CLI_OPTION("expires", 0, CLI_TEXT, options, expires, "WHEN", "at most 90d, the default"),
    CLI_OPTION("set-version", 0, CLI_NUMBER, options, version, "N", "default: one more than the file has"),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static bool parse_flags(const char *text, uint8_t *out)
{
    static const char *const names[] = {"dns", "ip", "sni"};
    *out = 0;
    while (*text) {
        size_t len = strcspn(text, ",");
        uint8_t flag = 0;
        for (unsigned i = 0; i < 3; i++)
            if (strlen(names[i]) == len && memcmp(names[i], text, len) == 0)
                flag = (uint8_t)(1u << i);
        if (!flag)
            return false;
        *out |= flag;
        text += len + (text[len] == ',');
    }
    return *out != 0;
}

static bool fill_blocked(struct cli *c, const struct cli_words *given, struct delegation *site)
{
    site->blocked = arena_array(&c->arena, given->count + 1, sizeof *site->blocked);
    for (unsigned i = 0; site->blocked && i < given->count; i++) {
        const char *country, *how;
        struct blocked *b = &site->blocked[site->blocked_count++];
        if (!cli_split(c, given->item[i], '=', &country, &how) || strlen(country) != 2 ||
            (uint8_t)(country[0] - 'A') > 25 || (uint8_t)(country[1] - 'A') > 25 ||
            !parse_flags(how, &b->flags))
            return cli_usage(c,
                             "--blocked wants a country and dns, ip or sni, for example RU=dns,ip, not '%s'",
                             given->item[i]),
                   false;
        memcpy(b->country, country, 3);
    }
    return site->blocked != NULL;
}

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
        if (same && !o->remove)
            sites[n++] = *site;
        else if (!same)
            sites[n++] = d->sites[i];
        found |= same;
    }
    if (!sites)
        return cli_fail("out of memory"), false;
    if (o->remove && !found)
        return cli_fail("%s is not delegated; nothing to remove", site->domain), false;
    if (!found)
        sites[n++] = *site;
    d->sites = sites;
    d->site_count = n;
    return true;
}

static bool change(struct cli *c, const struct options *o, struct delegations *d, struct envelope *e)
{
    struct delegation site = {0};
    if (!fill_domain(c, c->words.item[1], &site))
        return false;
    if (!o->remove && !o->key_of_outlet)
        return cli_usage(c, "whose key speaks for %s? give --outlet-key", site.domain), false;
    if (!o->remove &&
        (!document_public_key(c, o->key_of_outlet, &site.key) || !fill_blocked(c, &o->blocked, &site)))
        return false;
    if (!change_sites(c, o, &site, d))
        return false;
    d->version = o->version ? o->version : d->version + 1;
    d->issued = cli_now(o->now);
    if (!cli_expiry(c, o->expires, "90d", d->issued, &d->expires))
        return false;
    if (d->expires > d->issued + DELEGATIONS_LIFE_MAX)
        return cli_usage(c, "delegations may live 90 days at most"), false;
    /* Another text: the old signatures are worth nothing. */
    *e = (struct envelope){.text = delegations_print(d, &c->arena)};
    return e->text.data != NULL || !cli_fail("out of memory");
}

static bool used_rightly(struct cli *c, const struct options *o)
{
    if (o->sign && (c->words.count > 1 || o->remove || o->key_of_outlet))
        return cli_usage(c, "--sign changes nothing: give only the file and --key or --signature"), false;
    if (!o->sign && c->words.count < 2)
        return cli_usage(c, "the domain is missing"), false;
    if (!o->sign && o->signatures.count)
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
    const struct role *role = &root.roles[ROOT_ROLE_MAINTAINERS];
    struct document_signers by = {.keys = &o->keys,
                                  .signatures = &o->signatures,
                                  .name = "delegations.json",
                                  .now = cli_now(o->now),
                                  .allowed = role,
                                  .role = "maintainers"};
    if (!document_sign(c, &e, &by) || !document_save(c, path, &e, true))
        return CLI_FAILED;
    unsigned have = envelope_signers(&e, role->keys, role->count);
    printf("%s: version %" PRIu64 ", %u sites, %u of %u signatures%s\n", path, d.version, d.site_count, have,
           role->threshold,
           have < role->threshold ? "; sign with more maintainers' keys: polynya delegate --sign" : "");
    return CLI_OK;
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
