/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya mirrors`: every address of every mirror and what is known of it, as a daemon's workers see it. No
 * client is asked about: what depends on who asks is for `polynya why`. */
#include <stdio.h>

#include "steering/cli/daemon.h"
#include "steering/cli/site_index.h"
#include "steering/cli/sites.h"
#include "steering/cli/table.h"

struct options {
    struct daemon_from daemon;
    const char *site;
    bool all, json;
    int64_t now;
};

static const struct cli_option options[] = {
    DAEMON_OPTIONS(options),
    CLI_OPTION("site", 0, CLI_TEXT, options, site, "NAME", "only the site with this domain or name"),
    CLI_OPTION("all", 'a', CLI_FLAG, options, all, NULL,
               "also sites that no reader is sent to: expired, or another list has all their names"),
    CLI_JSON_OPTION(options),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

struct survey {
    struct cli *c;
    const struct options *o;
    struct daemon *d;
    struct site_index index;
    const struct view_site *wanted; /* has the name that is asked for */
    struct dns_name name;
    int64_t now;
    json_t *rows;
    json_t *health;
};

static bool is_answered(const struct survey *s, const struct view_site *site)
{
    size_t names;
    return s->now < site->expires && site_index_find(&s->index, site, &names);
}

static bool is_wanted(const struct survey *s, const struct view_site *site)
{
    if (s->o->site)
        return site == s->wanted || name_equal(&site->domain, &s->name);
    return s->o->all || is_answered(s, site);
}

static json_t *row_json(const struct survey *s, const struct steer_case *k, const struct view_mirror *m,
                        unsigned i)
{
    const struct view_site *site = k->site;
    const struct view_list *list = view_site_list(site);
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:b, s:s, s:s}", "list", list->name, "trust", sites_trust(list), "domain",
                  sites_name(s->c, &site->domain), "answered", is_answered(s, site), "mirror", m->id,
                  "mirror_verdict", steer_verdict_word(steer_judge_mirror(k, m))->name);
    json_t *address = sites_address_json(k, m, i);
    json_object_update(row, address);
    json_decref(address);
    return row;
}

static void add_site(struct survey *s, const struct view_site *site)
{
    struct steer_case k;
    struct steer_client everyone = {.everyone = true};
    const struct view_mirror *m = view_site_mirrors(site);
    steer_case_init(&k, site, s->d->health, &everyone, NULL, s->now);
    for (unsigned i = 0; i < site->mirror_count; i++)
        for (unsigned a = 0; a < m[i].address_count; a++)
            json_array_append_new(s->rows, row_json(s, &k, &m[i], a));
    if (!s->health)
        s->health = sites_health_json(&k);
}

static void add_sites(struct survey *s)
{
    size_t count;
    const struct view_list *l = view_lists(s->d->view, &count);
    for (size_t i = 0; i < count; i++) {
        const struct view_site *site = view_list_sites(&l[i]);
        for (uint32_t k = 0; k < l[i].site_count; k++)
            if (is_wanted(s, &site[k]))
                add_site(s, &site[k]);
    }
}

/* "up", "FORCED down", "down: list-down", … */
static json_t *state_text(struct cli *c, const json_t *row)
{
    const char *forced = json_string_value(json_object_get(row, "forced"));
    const char *verdict = cli_json_string(row, "verdict"), *mirror = cli_json_string(row, "mirror_verdict");
    const char *text = forced ? arena_printf(&c->arena, "FORCED %s", forced) : verdict;
    if (text && strcmp(mirror, "fits") != 0)
        text = arena_printf(&c->arena, "%s, %s", text, mirror);
    return json_string(text ? text : "");
}

/* A policy zone is named as what it is. */
static json_t *list_text(struct cli *c, const json_t *row)
{
    const char *name = cli_json_string(row, "list"), *trust = cli_json_string(row, "trust");
    const char *text = strcmp(trust, "signed") == 0 ? name : arena_printf(&c->arena, "%s (%s)", name, trust);
    return json_string(text ? text : "");
}

static json_t *shown(struct cli *c, const json_t *row)
{
    json_t *line = json_object();
    json_object_set(line, "site", json_object_get(row, "domain"));
    json_object_set_new(line, "list", list_text(c, row));
    json_object_set(line, "mirror", json_object_get(row, "mirror"));
    json_object_set(line, "address", json_object_get(row, "address"));
    json_object_set_new(line, "state", state_text(c, row));
    json_object_set(line, "since", json_object_get(row, "since"));
    json_object_set(line, "last failure", json_object_get(row, "failure"));
    json_object_set(line, "certificate ends", json_object_get(row, "certificate_ends"));
    return line;
}

static int tell(struct survey *s)
{
    json_t *lines, *row;
    size_t i;
    if (s->o->json)
        return cli_json(json_pack("{s:o, s:O?, s:O}", "now", cli_json_time(s->now), "health", s->health,
                                  "addresses", s->rows));
    lines = json_array();
    json_array_foreach(s->rows, i, row) json_array_append_new(lines, shown(s->c, row));
    if (json_array_size(lines) == 0)
        puts("no list sends readers to any mirror");
    table_print(s->c, lines);
    json_decref(lines);
    if (s->health && !json_is_object(s->health))
        puts("no table of health is stored");
    else if (s->health && !cli_json_is(s->health, "fresh"))
        printf("OLD: last stored %s; is the daemon running?\n", cli_json_string(s->health, "stored"));
    return CLI_OK;
}

static int survey(struct survey *s)
{
    if (!site_index_make(s->c, s->d->view, &s->index))
        return CLI_FAILED;
    if (s->o->site)
        s->wanted = view_find(s->d->view, &s->name);
    add_sites(s);
    if (s->o->site && json_array_size(s->rows) == 0)
        return cli_fail("no list has %s; `polynya why` says more", s->o->site);
    return tell(s);
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct daemon d = {0};
    struct survey s = {.c = c, .o = o, .d = &d, .now = cli_now(o->now), .rows = json_array()};
    int status = CLI_FAILED;
    if (o->site && !name_from_text(bytes_str(o->site), &s.name))
        cli_usage(c, "'%s' is not a domain name", o->site);
    else if (daemon_load(c, &o->daemon, &d)) {
        name_lower(&s.name);
        status = survey(&s);
    }
    json_decref(s.rows);
    json_decref(s.health);
    daemon_close(&d);
    return status;
}

const struct cli_command command_mirrors = {
    .name = "mirrors",
    .words = "",
    .summary = "List every mirror's addresses with their state, as a daemon's probes have it",
    .options = options,
    .size = sizeof(struct options),
    .run = run,
};
