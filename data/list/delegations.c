/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Delegations: see delegations.h. */
#include "data/list/delegations.h"

#include <stdlib.h>

#include "data/base/text.h"
#include "data/list/field.h"

static const char type[] = "polynya-delegations/1";
const char *const block_names[BLOCK_KINDS] = {"dns", "ip", "sni"};

enum { DELEGATIONS_VALUES_MAX = 1 << 20 };

static bool read_country(const struct field_reader *r, const char *country, const json_t *list,
                         struct blocked *out)
{
    size_t i;
    json_t *value;
    if (!field_is_country(country) || !json_is_array(list) || json_array_size(list) == 0)
        return refuse(r->why, REFUSAL_BAD_FIELD, "blocked: %.8s", country);
    memcpy(out->country, country, sizeof out->country);
    json_array_foreach(list, i, value)
    {
        int kind = field_choice(r, value, "blocked", block_names, BLOCK_KINDS);
        if (kind < 0)
            return false;
        out->flags |= (uint8_t)(1u << kind);
    }
    return true;
}

static bool read_blocked(const struct field_reader *r, json_t *site, struct delegation *out)
{
    const char *country;
    json_t *list;
    if (field_absent(site, "blocked"))
        return true;
    json_t *object = field_object(r, site, "blocked");
    if (!object)
        return false;
    if (json_object_size(object) > DELEGATION_COUNTRIES_MAX)
        return refuse(r->why, REFUSAL_TOO_MANY, "blocked");
    out->blocked = field_alloc(r, json_object_size(object), sizeof *out->blocked);
    if (!out->blocked)
        return false;
    json_object_foreach(object, country, list)
    {
        if (!read_country(r, country, list, &out->blocked[out->blocked_count++]))
            return false;
    }
    return true;
}

static bool read_site(const struct field_reader *r, json_t *site, struct delegation *out)
{
    out->domain = field_domain(r, site, "domain", &out->name);
    if (!out->domain)
        return false;
    const char *key = json_string_value(json_object_get(site, "key"));
    if (!key || !minisign_public_parse(bytes_str(key), &out->key, NULL))
        return refuse(r->why, REFUSAL_BAD_KEY, "key");
    return read_blocked(r, site, out);
}

static int compare_domains(const void *a, const void *b)
{
    return strcmp((*(const struct delegation *const *)a)->domain,
                  (*(const struct delegation *const *)b)->domain);
}

/* Also puts them in order. */
static bool check_unique(const struct field_reader *r, struct delegations *d)
{
    const struct delegation **sorted = field_alloc(r, d->site_count, sizeof(*sorted));
    if (!sorted)
        return false;
    d->by_domain = sorted;
    for (unsigned i = 0; i < d->site_count; i++)
        sorted[i] = &d->sites[i];
    qsort(sorted, d->site_count, sizeof(*sorted), compare_domains);
    for (unsigned i = 1; i < d->site_count; i++)
        if (strcmp(sorted[i - 1]->domain, sorted[i]->domain) == 0)
            return refuse(r->why, REFUSAL_DUPLICATE, "sites: %s", sorted[i]->domain);
    return true;
}

static bool read_sites(const struct field_reader *r, const json_t *list, struct delegations *out)
{
    size_t i;
    json_t *site;
    if (!list)
        return false;
    out->sites = field_alloc(r, json_array_size(list), sizeof *out->sites);
    if (!out->sites)
        return false;
    json_array_foreach(list, i, site)
    {
        if (!read_site(r, site, &out->sites[out->site_count++])) {
            refusal_within(r->why, "sites[%zu]", i);
            return false;
        }
    }
    return check_unique(r, out);
}

bool delegations_parse(struct bytes text, struct arena *arena, struct delegations *out, struct refusal *why)
{
    struct field_reader r = {arena, why};
    *out = (struct delegations){.version = 0};
    json_t *object = field_open_document(text, type, DELEGATIONS_VALUES_MAX, why);
    bool ok = object && field_uint(&r, object, "version", 1, FIELD_NUMBER_MAX, &out->version) &&
              (field_absent(object, "issued") || field_time(&r, object, "issued", &out->issued)) &&
              field_time(&r, object, "expires", &out->expires) &&
              read_sites(&r, field_array(&r, object, "sites", 0, DELEGATIONS_SITES_MAX), out);
    json_decref(object);
    return ok;
}

static json_t *print_blocked(const struct delegation *site)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < site->blocked_count; i++) {
        json_t *list = json_array();
        for (int kind = 0; kind < BLOCK_KINDS; kind++)
            if (site->blocked[i].flags & 1u << kind)
                json_array_append_new(list, json_string(block_names[kind]));
        json_object_set_new(object, site->blocked[i].country, list);
    }
    return object;
}

static json_t *print_sites(const struct delegations *d)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < d->site_count; i++) {
        char key[MINISIGN_PUBLIC_TEXT + 1];
        minisign_public_format(&d->sites[i].key, key);
        json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "domain", d->sites[i].domain, "key", key,
                                              "blocked", print_blocked(&d->sites[i])));
    }
    return list;
}

struct bytes delegations_print(const struct delegations *d, struct arena *arena)
{
    char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
    time_format(d->issued, issued);
    time_format(d->expires, expires);
    json_t *object = json_pack("{s:s, s:I}", "type", type, "version", (json_int_t)d->version);
    if (d->issued)
        json_object_set_new(object, "issued", json_string(issued));
    json_object_set_new(object, "expires", json_string(expires));
    json_object_set_new(object, "sites", print_sites(d));
    return field_print(object, true, arena);
}

const struct delegation *delegations_find(const struct delegations *d, const char *domain)
{
    const struct delegation wanted = {.domain = domain}, *key = &wanted;
    const struct delegation **found =
        d->by_domain ? bsearch(&key, d->by_domain, d->site_count, sizeof *d->by_domain, compare_domains)
                     : NULL;
    return found ? *found : NULL;
}
