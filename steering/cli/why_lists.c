/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A name looked up list by list: see why_lists.h. */
#include "steering/cli/why_lists.h"

#include "data/list/delegations.h"
#include "steering/cli/sites.h"
#include "steering/cli/why_rule.h"

struct search {
    struct cli *c;
    const struct daemon *d;
    const struct dns_name *name;
    const struct view_site *answers; /* the site that has the name; NULL if none */
    int64_t now;
};

/* The list's site whose domain is the name or stands nearest above it; of a policy zone, only the former. */
static const struct view_site *nearest_site(const struct view_list *l, const struct dns_name *name)
{
    const struct view_site *s = view_list_sites(l), *best = NULL;
    for (uint32_t i = 0; i < l->site_count; i++)
        if (name_within(name, &s[i].domain) && (!best || s[i].domain.len > best->domain.len))
            best = &s[i];
    return best && l->trust == VIEW_POLICY && !name_equal(name, &best->domain) ? NULL : best;
}

/* The stored delegations of that list, in the arena. */
static bool load_delegations(const struct search *s, const char *list, struct delegations *out)
{
    struct store_txn *t;
    struct bytes value, file = BYTES_NONE;
    struct envelope e;
    struct refusal why;
    if (store_read(s->d->store, &t) != STORE_OK)
        return false;
    if (state_get(t, list, STATE_DELEGATIONS, &value) == STORE_OK)
        file = arena_copy(&s->c->arena, value);
    store_abort(t);
    return file.data && envelope_parse(file, DELEGATIONS_SIZE_MAX, &s->c->arena, &e, &why) &&
           delegations_parse(e.text, &s->c->arena, out, &why);
}

static const struct delegation *nearest_delegation(const struct delegations *d, const struct dns_name *name)
{
    const struct delegation *best = NULL;
    for (unsigned i = 0; i < d->site_count; i++)
        if (name_within(name, &d->sites[i].name) && (!best || d->sites[i].name.len > best->name.len))
            best = &d->sites[i];
    return best;
}

static json_t *how_blocked(const struct delegation *d)
{
    json_t *all = json_object();
    for (unsigned i = 0; i < d->blocked_count; i++) {
        json_t *how = json_array();
        for (int k = 0; k < BLOCK_KINDS; k++)
            if (d->blocked[i].flags & 1 << k)
                json_array_append_new(how, json_string(block_names[k]));
        json_object_set_new(all, d->blocked[i].country, how);
    }
    return all;
}

static json_t *delegation_json(const struct delegations *all, const struct delegation *d)
{
    char key[MINISIGN_PUBLIC_TEXT + 1];
    if (!d)
        return json_null();
    minisign_public_format(&d->key, key);
    return json_pack("{s:s, s:s, s:o, s:I, s:o}", "domain", d->domain, "key", key, "blocked", how_blocked(d),
                     "version", (json_int_t)all->version, "expires", cli_json_time(all->expires));
}

struct said {
    const char *says, *text;
};

static struct said judge(const struct search *s, const struct view_site *site, const struct delegation *d)
{
    if (site && site == s->answers)
        return (struct said){"answers", "it has the name, and no list before it does"};
    if (site && s->answers && name_equal(&site->domain, &s->answers->domain))
        return (struct said){"comes-later", "it has the site, but a list before it has the name"};
    if (site)
        return (struct said){"not-registered", view_site_signed(site)
                                                   ? "its outlet has not registered this name"
                                                   : "it has another name of this domain only"};
    if (d)
        return (struct said){"no-registration", "delegated, but no registration of it has been accepted"};
    return (struct said){"unknown", "it does not know the name"};
}

/* Of a policy zone, whose rules are for exact names and have been judged one by one. */
static struct said judge_rule(const struct search *s, const struct view_site *site, enum why_rule_says says)
{
    static const struct said saids[] = {
        [WHY_RULE_NONE] = {"unknown", "it has no rule for the name"},
        [WHY_RULE_STEERS] = {"comes-later",
                             "it has a rule, but a list has the name, or a zone before it passes it through"},
        [WHY_RULE_PASSES] = {"passes-through", "its rule leaves the name to upstream"},
        [WHY_RULE_WAITS] = {"waiting", "no address of its rule's CNAME target is known yet"},
        [WHY_RULE_REFUSED] = {"refused", "its rule is not taken"},
        [WHY_RULE_NOT_JUDGED] = {"not-taken",
                                 "it has a rule that is not in force; with -c FILE it is told why"},
    };
    if (site && site == s->answers)
        return (struct said){"answers", "it has a rule for the name, and no list before it has the name"};
    return saids[site ? WHY_RULE_STEERS : says];
}

static json_t *policy_row(const struct search *s, const struct view_list *l)
{
    json_t *rule;
    const struct view_site *site =
        s->answers && view_site_list(s->answers) == l ? s->answers : nearest_site(l, s->name);
    struct said said = judge_rule(s, site, why_rule(s->c, s->d, l->name, s->name, s->now, &rule));
    json_t *row = sites_list_json(l, s->now),
           *more = json_pack("{s:s, s:s, s:s?, s:n, s:o}", "says", said.says, "text", said.text, "site",
                             site ? sites_name(s->c, &site->domain) : NULL, "delegation", "rule", rule);
    json_object_update(row, more);
    json_decref(more);
    return row;
}

static json_t *list_row(const struct search *s, const struct view_list *l)
{
    struct delegations all = {0};
    const struct view_site *site =
        s->answers && view_site_list(s->answers) == l ? s->answers : nearest_site(l, s->name);
    const struct delegation *d =
        load_delegations(s, l->name, &all) ? nearest_delegation(&all, site ? &site->domain : s->name) : NULL;
    struct said said = judge(s, site, d);
    json_t *row = sites_list_json(l, s->now);
    json_object_set_new(row, "says", json_string(said.says));
    json_object_set_new(row, "text", json_string(said.text));
    json_object_set_new(row, "site",
                        site ? json_string(sites_name(s->c, &site->domain))
                        : d  ? json_string(d->domain)
                             : json_null());
    json_object_set_new(row, "delegation", delegation_json(&all, d));
    json_object_set_new(row, "rule", json_null());
    return row;
}

static const struct view_list *list_named(const struct view *v, const char *name)
{
    size_t count;
    const struct view_list *l = view_lists(v, &count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(l[i].name, name) == 0)
            return &l[i];
    return NULL;
}

static void add_absent(const struct search *s, const char *name, const char *text, json_t *rows)
{
    if (!list_named(s->d->view, name))
        json_array_append_new(rows, json_pack("{s:s, s:s, s:s, s:n, s:n, s:n}", "name", name, "says",
                                              "not-accepted", "text", text, "site", "delegation", "rule"));
}

/* Those of the config of which nothing is in force. */
static void add_all_absent(const struct search *s, json_t *rows)
{
    const struct conf *conf = s->d->conf;
    for (unsigned i = 0; conf && i < conf->steering.list_count; i++)
        add_absent(s, conf->steering.lists[i].name, "the daemon has accepted no edition of it yet", rows);
    for (unsigned i = 0; conf && i < conf->steering.rpz_count; i++)
        add_absent(s, conf->steering.rpz[i].name, "no policy zone of that name is in force", rows);
}

json_t *why_lists(struct cli *c, const struct daemon *d, const struct dns_name *name, int64_t now)
{
    struct search s = {.c = c, .d = d, .name = name, .answers = view_find(d->view, name), .now = now};
    size_t count;
    const struct view_list *l = view_lists(d->view, &count);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, l[i].trust == VIEW_POLICY ? policy_row(&s, &l[i]) : list_row(&s, &l[i]));
    add_all_absent(&s, rows);
    return rows;
}
