/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents read into one tree: see content.h. Every document goes through its own parser and its own
 * printer, so what stands in the tree is what a resolver would read, bounded as there. */
#include "steering/cli/content.h"

#include <libgen.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "data/list/list.h"
#include "data/list/registration.h"
#include "steering/cli/document.h"

/* While it is gathered, "sites" is an object of sites by domain. */
struct gathering {
    struct cli *c;
    json_t *tree, *sites;
};

/* The printed document without what only its file is about; NULL without memory. */
static json_t *reread(struct bytes printed)
{
    json_t *object = cli_json_printed(printed);
    json_object_del(object, "type");
    return object;
}

static json_t *site_of(struct gathering *g, const char *domain)
{
    json_t *site = json_object_get(g->sites, domain);
    if (site)
        return site;
    json_object_set_new(g->sites, domain, json_pack("{s:s}", "domain", domain));
    return json_object_get(g->sites, domain);
}

static bool add_delegations(struct gathering *g, const struct delegations *d)
{
    json_t *object = reread(delegations_print(d, &g->c->arena)), *entry;
    size_t i;
    json_array_foreach(json_object_get(object, "sites"), i, entry)
        json_object_update(site_of(g, json_string_value(json_object_get(entry, "domain"))), entry);
    json_object_del(object, "sites");
    return json_object_set_new(g->tree, "delegations", object) == 0;
}

static bool add_registration(struct gathering *g, const struct registration *r)
{
    json_t *object = reread(registration_print(r, &g->c->arena));
    bool ok = object && json_object_update(site_of(g, r->domain), object) == 0;
    json_decref(object);
    return ok;
}

static bool add_root(struct gathering *g, const struct root *r)
{
    return json_object_set_new(g->tree, "root", reread(root_print(r, &g->c->arena))) == 0;
}

static void add_health(struct gathering *g, const struct list_doc *l)
{
    json_t *site, *mirror;
    const char *domain;
    size_t i;
    json_object_foreach(g->sites, domain, site)
        json_array_foreach(json_object_get(site, "mirrors"), i, mirror)
    {
        const char *id = json_string_value(json_object_get(mirror, "id"));
        const struct list_mirror_health *h = list_health(l, domain, id);
        json_t *regions = json_object();
        for (unsigned k = 0; h && k < h->region_count; k++)
            json_object_set_new(regions, h->regions[k].region, json_string(h->regions[k].up ? "up" : "down"));
        json_object_set_new(mirror, "health", regions);
    }
}

static bool add_list(struct gathering *g, const struct list_doc *l, unsigned left_out)
{
    for (unsigned i = 0; i < l->registration_count; i++) {
        struct registration r;
        struct refusal why;
        if (!registration_parse(l->registrations[i].text, &g->c->arena, &r, &why)) {
            document_refused("a registration of the list", &why);
            left_out++;
        } else if (json_object_get(json_object_get(g->sites, r.domain), "seq"))
            left_out++; /* a second one of this domain: a resolver takes one only */
        else if (!add_registration(g, &r))
            return false;
    }
    add_health(g, l);
    return json_object_set_new(g->tree, "list",
                               json_pack("{s:I, s:o, s:o, s:i}", "version", (json_int_t)l->version, "issued",
                                         cli_json_time(l->issued), "expires", cli_json_time(l->expires),
                                         "left_out", (int)left_out)) == 0;
}

static bool load_delegations(struct gathering *g, const char *path)
{
    struct envelope e;
    struct delegations d;
    if (!cli_exists(path))
        return true;
    return document_load_delegations(g->c, path, &e, &d) &&
           (add_delegations(g, &d) || !cli_fail("out of memory"));
}

/* One text by its type; BAD_TYPE of the last parser if it is no document of ours. */
static bool add_text(struct gathering *g, struct bytes text, struct refusal *why)
{
    struct arena *a = &g->c->arena;
    struct list_doc l;
    struct delegations d;
    struct registration r;
    struct root root;
    unsigned bad = 0;
    if (list_parse(text, a, &l, &bad, why))
        return add_list(g, &l, bad) || refuse(why, REFUSAL_NO_MEMORY, "all of it");
    if (why->why == REFUSAL_BAD_TYPE && delegations_parse(text, a, &d, why))
        return add_delegations(g, &d) || refuse(why, REFUSAL_NO_MEMORY, "all of it");
    if (why->why == REFUSAL_BAD_TYPE && registration_parse(text, a, &r, why))
        return add_registration(g, &r) || refuse(why, REFUSAL_NO_MEMORY, "all of it");
    if (why->why == REFUSAL_BAD_TYPE && root_parse(text, a, &root, why))
        return add_root(g, &root) || refuse(why, REFUSAL_NO_MEMORY, "all of it");
    if (why->why == REFUSAL_BAD_TYPE)
        refuse(why, REFUSAL_BAD_TYPE, "neither list, delegations, registration nor root");
    return false;
}

static bool load_file(struct gathering *g, const char *path)
{
    struct envelope e;
    struct refusal why = {0};
    char *copy = arena_text(&g->c->arena, bytes_str(path));
    if (!copy || !document_load(g->c, path, LIST_SIZE_MAX, &e))
        return false;
    if (!add_text(g, e.text, &why))
        return document_refused(path, &why), false;
    return !json_object_get(g->tree, "list") ||
           load_delegations(g, cli_path(g->c, dirname(copy), "delegations.json"));
}

static bool load_folder(struct gathering *g, const char *dir)
{
    struct envelope e;
    struct root root;
    const char *newest = document_find_root(g->c, dir);
    if (!load_file(g, cli_path(g->c, dir, "list.json")))
        return false;
    return !newest || (document_load_root(g->c, newest, &e, &root) &&
                       (add_root(g, &root) || !cli_fail("out of memory")));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The sites in the order of their domains. */
static bool close_sites(struct gathering *g)
{
    size_t count = json_object_size(g->sites), n = 0;
    const char **domains = arena_array(&g->c->arena, count + 1, sizeof *domains), *domain;
    json_t *list = json_array(), *site;
    if (!domains || !list)
        return json_decref(list), cli_fail("out of memory"), false;
    json_object_foreach(g->sites, domain, site) domains[n++] = domain;
    qsort(domains, n, sizeof *domains, compare_names);
    for (size_t i = 0; i < n; i++)
        json_array_append(list, json_object_get(g->sites, domains[i]));
    return json_object_set_new(g->tree, "sites", list) == 0;
}

/* The path behind "file:" or "file://", as in steering.lists[].urls; other text is a path already. */
static const char *path_of(const char *where)
{
    if (strncmp(where, "file:", 5) != 0)
        return where;
    return strncmp(where + 5, "//", 2) == 0 ? where + 7 : where + 5;
}

bool content_load(struct cli *c, const char *where, struct content *out)
{
    const char *path = path_of(where);
    struct stat st;
    struct gathering g = {.c = c, .tree = json_object(), .sites = json_object()};
    *out = (struct content){.folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode)};
    bool ok = false;
    if (strstr(path, "://"))
        cli_fail("%s cannot be fetched: give a folder, a file or file:PATH", where);
    else
        ok = (out->folder ? load_folder(&g, path) : load_file(&g, path)) && close_sites(&g);
    json_decref(g.sites);
    if (ok)
        out->tree = g.tree;
    else
        json_decref(g.tree);
    return ok;
}
