/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya registration new` and `registration sign`: what an outlet says about its own mirrors. */
#include <inttypes.h>
#include <stdio.h>

#include "steering/cli/document.h"
#include "steering/cli/json.h"
#include "steering/cli/mirror.h"
#include "steering/guard.h"

struct new_options {
    struct cli_words names, mirrors, keys;
    const char *after, *out, *expires, *all_down, *path, *contains;
    uint64_t seq, answers, ttl;
    bool replace, json;
    int64_t now;
};

static const struct cli_option new_options[] = {
    CLI_OPTION("name", 'n', CLI_MANY, new_options, names, "LABEL",
               "@ for the domain itself (default: @ and www)"),
    CLI_OPTION("mirror", 'm', CLI_MANY, new_options, mirrors, "ID,ADDRESS…",
               "and weight=, kind=, alpn=, ech=, blocked-in=, port=, all between commas"),
    CLI_OPTION("answers", 0, CLI_NUMBER, new_options, answers, "N",
               "mirrors a reader is given: 1 (default) or 2"),
    CLI_OPTION("ttl", 0, CLI_NUMBER, new_options, ttl, "SECONDS", "default 60"),
    CLI_OPTION("all-down", 0, CLI_TEXT, new_options, all_down, "WHAT", "origin (default), mirrors or nodata"),
    CLI_OPTION("probe-path", 0, CLI_TEXT, new_options, path, "PATH", "what probes ask for; default /"),
    CLI_OPTION("probe-contains", 0, CLI_TEXT, new_options, contains, "TEXT", "what the answer must contain"),
    CLI_OPTION("seq", 0, CLI_NUMBER, new_options, seq, "N",
               "greater than any before; default 1, or one after --after"),
    CLI_OPTION("after", 0, CLI_TEXT, new_options, after, "FILE",
               "the registration before: gives seq and all defaults"),
    CLI_OPTION("expires", 0, CLI_TEXT, new_options, expires, "WHEN", "at most 30d, the default"),
    CLI_OPTION("key", 'k', CLI_MANY, new_options, keys, "FILE", "the outlet's secret key: sign at once"),
    CLI_OPTION("out", 'o', CLI_TEXT, new_options, out, "FILE", "default: DOMAIN.json"),
    CLI_OPTION("replace", 0, CLI_FLAG, new_options, replace, NULL, "overwrite the file"),
    CLI_JSON_OPTION(new_options),
    CLI_OPTION("now", 0, CLI_TIME, new_options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static bool start(struct cli *c, const struct new_options *o, struct registration *r)
{
    static const char *usual[] = {"@", "www"};
    struct envelope before;
    *r = (struct registration){.names = usual, .name_count = 2};
    r->policy = (struct policy){.answers = 1, .ttl = 60, .all_down = ALL_DOWN_ORIGIN, .probe_path = "/"};
    if (o->after && !document_load_registration(c, o->after, &before, r))
        return false;
    char text[DNS_NAME_TEXT_MAX];
    if (!name_from_text(bytes_str(c->words.item[0]), &r->name))
        return cli_usage(c, "'%s' is not a domain like outlet.example", c->words.item[0]), false;
    name_lower(&r->name);
    name_to_text(&r->name, text);
    if (o->after && strcmp(r->domain, text) != 0)
        return cli_fail("%s is a registration of %s, not of %s; is it the right file?", o->after, r->domain,
                        text),
               false;
    r->domain = arena_text(&c->arena, bytes_str(text));
    r->seq = o->seq ? o->seq : r->seq + 1;
    return r->domain != NULL;
}

static bool fill_mirrors(struct cli *c, const struct cli_words *given, struct registration *r)
{
    if (given->count == 0 && r->mirror_count == 0)
        return cli_usage(c, "a registration without mirrors says nothing: give --mirror m1,198.51.100.7"),
               false;
    if (given->count == 0)
        return true;
    r->mirrors = arena_array(&c->arena, given->count, sizeof *r->mirrors);
    r->mirror_count = given->count;
    for (unsigned i = 0; r->mirrors && i < given->count; i++)
        if (!mirror_parse(c, given->item[i], &r->mirrors[i]))
            return false;
    return r->mirrors != NULL;
}

static bool fill_policy(struct cli *c, const struct new_options *o, struct policy *p)
{
    static const char *const names[] = {"origin", "mirrors", "nodata"}; /* order of enum all_down */
    if (o->answers > 2 || (o->ttl && (o->ttl < POLICY_TTL_MIN || o->ttl > POLICY_TTL_MAX)))
        return cli_usage(c, "--answers is 1 or 2, --ttl %d to %d", POLICY_TTL_MIN, POLICY_TTL_MAX), false;
    if (o->answers)
        p->answers = (unsigned)o->answers;
    if (o->ttl)
        p->ttl = (uint32_t)o->ttl;
    if (o->path)
        p->probe_path = o->path;
    if (o->contains)
        p->probe_contains = o->contains;
    for (int i = 0; i < 3 && o->all_down; i++)
        if (strcmp(o->all_down, names[i]) == 0) {
            p->all_down = (enum all_down)i;
            return true;
        }
    return !o->all_down || !cli_usage(c, "--all-down is origin, mirrors or nodata, not '%s'", o->all_down);
}

/* Special-use addresses pass: a test's list may allow them, and `registration check` says. */
static bool is_acceptable(const struct registration *r, struct refusal *why)
{
    struct guard *guard = guard_new(NULL, 0);
    bool ok = guard ? guard_registration(guard, r, true, why)
                    : !cli_fail("no public suffix list can be loaded; install the package publicsuffix");
    guard_free(&guard);
    return ok;
}

/* The text, read back: what the reader of a list would refuse is refused here, where it can be mended. */
static bool print(struct cli *c, const struct registration *r, struct envelope *e)
{
    struct registration again;
    struct refusal why = {0};
    *e = (struct envelope){.text = registration_print(r, &c->arena)};
    if (!e->text.data)
        return cli_fail("out of memory"), false;
    if (registration_parse(e->text, &c->arena, &again, &why) && is_acceptable(&again, &why))
        return true;
    if (why.why)
        cli_fail("this cannot be registered: %s: %s", why.where, refusal_text(why.why));
    return false;
}

/* What was written. */
static int tell(struct cli *c, const char *path, const struct registration *r, const struct envelope *e,
                bool json)
{
    if (json)
        return cli_json(json_pack("{s:o, s:s, s:I, s:o, s:i}", "file", cli_json_text(c, path), "domain",
                                  r->domain, "seq", (json_int_t)r->seq, "expires", cli_json_time(r->expires),
                                  "signatures", (int)e->count));
    printf("%s: %s seq %" PRIu64, path, r->domain, r->seq);
    if (e->count)
        printf(", signatures: %u\n", e->count);
    else
        puts(", not signed yet; sign it with the outlet's key: polynya registration sign");
    return CLI_OK;
}

static int run_new(struct cli *c, const void *given)
{
    const struct new_options *o = given;
    struct registration r;
    struct envelope e;
    if (!start(c, o, &r) || !fill_mirrors(c, &o->mirrors, &r) || !fill_policy(c, o, &r.policy))
        return CLI_FAILED;
    if (o->names.count) {
        r.names = (const char **)o->names.item;
        r.name_count = o->names.count;
    }
    r.issued = cli_now(o->now);
    if (!cli_expiry(c, o->expires, "30d", r.issued, &r.expires))
        return CLI_FAILED;
    if (r.expires <= r.issued || r.expires - r.issued > REGISTRATION_LIFE_MAX)
        return cli_usage(c, "a registration may live 30 days at most, and not end before it begins");
    if (!print(c, &r, &e))
        return CLI_FAILED;
    const char *path = o->out ? o->out : arena_printf(&c->arena, "%s.json", r.domain);
    struct document_signers by = {.keys = &o->keys, .name = r.domain, .now = r.issued};
    if (!path || !document_sign(c, &e, &by) || !document_save(c, path, &e, o->replace))
        return CLI_FAILED;
    return tell(c, path, &r, &e, o->json);
}

struct sign_options {
    struct document_by by;
    bool json;
};

static const struct cli_option sign_options[] = {
    DOCUMENT_BY_OPTIONS(sign_options),
    CLI_JSON_OPTION(sign_options),
    CLI_OPTIONS_END,
};

static int run_sign(struct cli *c, const void *given)
{
    const struct sign_options *o = given;
    const char *path = c->words.item[0];
    struct envelope e;
    struct registration r;
    if (!document_by_given(c, &o->by) || !document_load_registration(c, path, &e, &r))
        return CLI_FAILED;
    struct document_signers by = document_by(&o->by, r.domain);
    if (!document_sign(c, &e, &by) || !document_save(c, path, &e, true))
        return CLI_FAILED;
    return tell(c, path, &r, &e, o->json);
}

const struct cli_command command_registration_new = {
    .name = "registration new",
    .words = "DOMAIN",
    .summary = "Write a registration: the mirrors of your own site",
    .options = new_options,
    .size = sizeof(struct new_options),
    .least = 1,
    .most = 1,
    .run = run_new,
};

const struct cli_command command_registration_sign = {
    .name = "registration sign",
    .words = "FILE",
    .summary = "Sign a registration with the outlet's key",
    .options = sign_options,
    .size = sizeof(struct sign_options),
    .least = 1,
    .most = 1,
    .run = run_sign,
};
