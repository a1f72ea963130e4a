/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya export bc2`: the sites with a usable mirror in the format of the Bypass Censorship portal, whose
 * clients take URLs. Ours keep the outlet's own name, so the URL is the site's own: it says "ask a resolver
 * that steers, and this opens". */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/base/text.h"
#include "steering/cli/export.h"

struct options {
    struct export_from from;
};

static const struct cli_option options[] = {
    EXPORT_OPTIONS(options),
    CLI_OPTIONS_END,
};

static json_t *site_json(const struct export_site *site)
{
    const struct registration *r = site->registration;
    char issued[TIME_TEXT_MAX], url[DNS_NAME_TEXT_MAX + 16], name[DNS_NAME_TEXT_MAX];
    time_format(r->issued, issued);
    name_to_text(&r->full[0], name);
    for (unsigned i = 1; i < r->name_count; i++)
        if (name_equal(&r->full[i], &r->name))
            name_to_text(&r->name, name);
    snprintf(url, sizeof url, "https://%s/", name);
    return json_pack("{s:s, s:[{s:s, s:s, s:s, s:s, s:s}]}", "main_domain", r->domain,
                     "available_alternatives", "proto", "https", "type", "mirror", "created_at", issued,
                     "updated_at", issued, "url", url);
}

/* Of a domain on several lists, the first decides, as in a resolver. */
static bool is_first(const struct export_sites *all, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (strcmp(all->site[i].registration->domain, all->site[at].registration->domain) == 0)
            return false;
    return true;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct export_sites all;
    if (!export_load(c, &o->from, &all))
        return CLI_FAILED;
    json_t *sites = json_array();
    for (size_t i = 0; i < all.count; i++)
        if (all.site[i].usable_count && is_first(&all, i))
            json_array_append_new(sites, site_json(&all.site[i]));
    json_t *root = json_pack("{s:s, s:o}", "version", "2.0", "sites", sites);
    char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;
    json_decref(root);
    char *line = text ? arena_printf(&c->arena, "%s\n", text) : NULL;
    free(text);
    return line ? export_write(&o->from, bytes_str(line)) : cli_fail("out of memory");
}

const struct cli_command command_export_bc2 = {
    .name = "export bc2",
    .words = "[DIR]",
    .summary = "Write the sites with a usable mirror for Bypass Censorship's clients",
    .options = options,
    .size = sizeof(struct options),
    .most = 1,
    .run = run,
};
