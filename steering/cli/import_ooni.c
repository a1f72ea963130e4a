/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya import ooni`: what OONI measured, as proposals for the maintainers' `blocked`. It changes nothing:
 * the lines it prints are commands that someone may run after thinking. */
#include <stdio.h>

#include "data/list/delegations.h"
#include "data/list/field.h"
#include "steering/cli/document.h"
#include "steering/cli/json.h"
#include "steering/ooni.h"

enum { AT_LEAST = 20, SHARE = 50 }; /* measurements; percent of them */

struct options {
    const char *domain, *country;
    uint64_t at_least, share;
    bool json;
};

static const struct cli_option options[] = {
    CLI_OPTION("domain", 0, CLI_TEXT, options, domain, "NAME", "of rows that name none"),
    CLI_OPTION("country", 0, CLI_TEXT, options, country, "CC", "of rows that name none"),
    CLI_OPTION("at-least", 0, CLI_NUMBER, options, at_least, "N",
               "measurements of a domain in a country, or nothing is proposed; default 20"),
    CLI_OPTION("share", 0, CLI_NUMBER, options, share, "PERCENT",
               "of them that must speak for a kind of blocking; default 50"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* block_names speaks of them in the same order. */
_Static_assert((int)OONI_HOW_COUNT == (int)BLOCK_KINDS, "a name each");

static double share_of(double part, const struct ooni_pair *p)
{
    return p->measurements > 0 ? 100 * part / p->measurements : 0;
}

static bool enough(const struct options *o, const struct ooni_pair *p)
{
    return p->measurements >= (double)o->at_least;
}

static bool is_blocked(const struct options *o, const struct ooni_pair *p, int how)
{
    return enough(o, p) && share_of(p->blocked[how], p) >= (double)o->share;
}

/* "dns,sni"; "" if nothing is proposed. */
static const char *how_text(struct cli *c, const struct options *o, const struct ooni_pair *p)
{
    const char *text = "";
    for (int i = 0; text && i < OONI_HOW_COUNT; i++)
        if (is_blocked(o, p, i))
            text = arena_printf(&c->arena, "%s%s%s", text, *text ? "," : "", block_names[i]);
    return text ? text : "";
}

/* A name for scripts. */
static const char *verdict(struct cli *c, const struct options *o, const struct ooni_pair *p)
{
    if (!enough(o, p))
        return "too-few";
    if (*how_text(c, o, p))
        return "blocked";
    return share_of(p->untold, p) >= (double)o->share ? "kind-not-told" : "open";
}

static json_t *pair_json(struct cli *c, const struct options *o, const struct ooni_pair *p)
{
    json_t *shares = json_object(), *blocked = json_array();
    for (int i = 0; i < OONI_HOW_COUNT; i++) {
        json_object_set_new(shares, block_names[i], json_real(share_of(p->blocked[i], p)));
        if (is_blocked(o, p, i))
            json_array_append_new(blocked, json_string(block_names[i]));
    }
    return json_pack("{s:s, s:s, s:f, s:o, s:f, s:o, s:s}", "domain", p->domain, "country", p->country,
                     "measurements", p->measurements, "percent", shares, "percent_not_told",
                     share_of(p->untold, p), "blocked", blocked, "verdict", verdict(c, o, p));
}

static int print_json(struct cli *c, const struct options *o, const struct ooni *all)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < all->count; i++)
        json_array_append_new(rows, pair_json(c, o, &all->pairs[i]));
    return cli_json(json_pack("{s:I, s:I, s:i, s:o}", "at_least", (json_int_t)o->at_least, "share",
                              (json_int_t)o->share, "skipped", (int)all->skipped, "proposals", rows));
}

static void print_why(struct cli *c, const struct options *o, const struct ooni_pair *p)
{
    const char *what = verdict(c, o, p);
    printf("# %s %s: %s; %.0f measurements, dns %.0f %%, ip %.0f %%, sni %.0f %%", p->domain, p->country,
           what, p->measurements, share_of(p->blocked[OONI_DNS], p), share_of(p->blocked[OONI_IP], p),
           share_of(p->blocked[OONI_SNI], p));
    if (p->untold > 0)
        printf(", of unknown kind %.0f %%", share_of(p->untold, p));
    printf("%s\n", strcmp(what, "kind-not-told") == 0 ? ": ask OONI with the axis blocking_type" : "");
}

/* All countries of one domain: comments with the reasons, then one command. Returns the pairs taken. */
static unsigned print_domain(struct cli *c, const struct options *o, const struct ooni *all, unsigned from)
{
    unsigned end = from;
    bool any = false;
    for (; end < all->count && strcmp(all->pairs[end].domain, all->pairs[from].domain) == 0; end++) {
        print_why(c, o, &all->pairs[end]);
        any |= *how_text(c, o, &all->pairs[end]) != 0;
    }
    if (any)
        printf("polynya delegate delegations.json %s", all->pairs[from].domain);
    for (unsigned i = from; any && i < end; i++) {
        const char *how = how_text(c, o, &all->pairs[i]);
        if (*how)
            printf(" --blocked %s=%s", all->pairs[i].country, how);
    }
    if (any)
        putchar('\n');
    return end - from;
}

static int run(struct cli *c, const void *given)
{
    struct options o = *(const struct options *)given;
    const char *path = c->words.item[0];
    struct bytes file;
    struct ooni all;
    struct refusal why;
    o.at_least = o.at_least ? o.at_least : AT_LEAST;
    o.share = o.share ? o.share : SHARE;
    if (o.share > 100)
        return cli_usage(c, "--share is 1 to 100 percent");
    if (o.country && !field_is_country(o.country))
        return cli_usage(c, "--country wants a country like RU, not '%s'", o.country);
    if (!cli_read(c, path, OONI_SIZE_MAX, &file))
        return CLI_FAILED;
    if (!ooni_parse(file, o.domain, o.country, &c->arena, &all, &why))
        return document_refused(path, &why);
    if (all.skipped)
        fprintf(stderr,
                "polynya: %u rows left out: without a count, a domain or a country (--domain, --country)\n",
                all.skipped);
    if (o.json)
        return print_json(c, &o, &all);
    for (unsigned i = 0; i < all.count;)
        i += print_domain(c, &o, &all, i);
    return CLI_OK;
}

const struct cli_command command_import_ooni = {
    .name = "import ooni",
    .words = "FILE",
    .summary = "Propose how domains are blocked out of OONI's measurements; nothing is changed",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
