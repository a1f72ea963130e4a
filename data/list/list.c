/* SPDX-License-Identifier: GPL-3.0-or-later */
/* List documents: see list.h. */
#include "data/list/list.h"

#include <openssl/evp.h>
#include <stdlib.h>

#include "data/base/text.h"
#include "data/list/field.h"
#include "data/list/registration.h"

static const char type[] = "polynya-list/1";
static const char *const state_words[] = {"down", "up"};

enum { LIST_VALUES_MAX = 1 << 20 };

bool list_sha256(struct bytes file, uint8_t out[32])
{
    unsigned len = 0;
    return EVP_Digest(file.data, file.len, out, &len, EVP_sha256(), NULL) == 1 && len == 32;
}

static bool read_delegations(const struct field_reader *r, const json_t *object, struct list_doc *out)
{
    const json_t *d = field_object(r, object, "delegations");
    if (!d || !field_uint(r, d, "version", 1, FIELD_NUMBER_MAX, &out->delegations_version))
        return false;
    const json_t *hash = json_object_get(d, "sha256");
    if (hex_decode(bytes_of(json_string_value(hash), json_string_length(hash)), out->delegations_sha256,
                   32) != 32)
        return refuse(r->why, REFUSAL_BAD_FIELD, "sha256");
    return true;
}

static bool read_registrations(const struct field_reader *r, const json_t *object, struct list_doc *out,
                               unsigned *bad)
{
    size_t i;
    json_t *value, *list = field_array(r, object, "registrations", 0, LIST_REGISTRATIONS_MAX);
    out->registrations = list ? field_alloc(r, json_array_size(list), sizeof *out->registrations) : NULL;
    if (!out->registrations)
        return false;
    json_array_foreach(list, i, value)
    {
        struct refusal inner;
        if (envelope_read(value, REGISTRATION_SIZE_MAX, r->arena,
                          &out->registrations[out->registration_count], &inner))
            out->registration_count++;
        else if (inner.why == REFUSAL_NO_MEMORY)
            return refuse(r->why, REFUSAL_NO_MEMORY, "registrations");
        else if (bad)
            ++*bad;
    }
    return true;
}

static bool read_regions(const struct field_reader *r, json_t *object, struct list_mirror_health *out)
{
    const char *region;
    json_t *state;
    if (!json_is_object(object))
        return refuse(r->why, REFUSAL_BAD_FIELD, "mirror");
    if (json_object_size(object) > LIST_REGIONS_MAX)
        return refuse(r->why, REFUSAL_TOO_MANY, "regions");
    out->regions = field_alloc(r, json_object_size(object), sizeof *out->regions);
    if (!out->regions)
        return false;
    json_object_foreach(object, region, state)
    {
        struct list_region *to = &out->regions[out->region_count++];
        int up = field_choice(r, state, "state", state_words, 2);
        if (up < 0)
            return false;
        if (strcmp(region, "*") != 0 && !field_is_country(region))
            return refuse(r->why, REFUSAL_BAD_FIELD, "region");
        memccpy(to->region, region, '\0', sizeof to->region);
        to->up = up == 1;
    }
    return true;
}

static bool read_mirrors(const struct field_reader *r, json_t *object, struct list_site_health *out)
{
    const char *id;
    json_t *regions;
    if (!json_is_object(object))
        return refuse(r->why, REFUSAL_BAD_FIELD, "site");
    if (json_object_size(object) > REGISTRATION_MIRRORS_MAX)
        return refuse(r->why, REFUSAL_TOO_MANY, "mirrors");
    out->mirrors = field_alloc(r, json_object_size(object), sizeof *out->mirrors);
    if (!out->mirrors)
        return false;
    json_object_foreach(object, id, regions)
    {
        struct list_mirror_health *to = &out->mirrors[out->mirror_count++];
        to->mirror = arena_text(r->arena, bytes_str(id));
        if (!to->mirror)
            return refuse(r->why, REFUSAL_NO_MEMORY, "health");
        if (!read_regions(r, regions, to))
            return false;
    }
    return true;
}

static int compare_sites(const void *a, const void *b)
{
    return strcmp(((const struct list_site_health *)a)->domain, ((const struct list_site_health *)b)->domain);
}

static bool read_health(const struct field_reader *r, json_t *object, struct list_doc *out)
{
    const char *domain;
    json_t *mirrors;
    if (field_absent(object, "health"))
        return true;
    json_t *health = field_object(r, object, "health");
    if (!health)
        return false;
    if (json_object_size(health) > LIST_REGISTRATIONS_MAX)
        return refuse(r->why, REFUSAL_TOO_MANY, "health");
    out->health = field_alloc(r, json_object_size(health), sizeof *out->health);
    if (!out->health)
        return false;
    json_object_foreach(health, domain, mirrors)
    {
        struct list_site_health *to = &out->health[out->health_count++];
        to->domain = arena_text(r->arena, bytes_str(domain));
        if (!to->domain)
            return refuse(r->why, REFUSAL_NO_MEMORY, "health");
        if (!read_mirrors(r, mirrors, to)) {
            refusal_within(r->why, "health: %.80s", domain);
            return false;
        }
    }
    qsort(out->health, out->health_count, sizeof *out->health, compare_sites);
    return true;
}

bool list_parse(struct bytes text, struct arena *arena, struct list_doc *out, unsigned *bad,
                struct refusal *why)
{
    struct field_reader r = {arena, why};
    *out = (struct list_doc){.version = 0};
    json_t *object = field_open_document(text, type, LIST_VALUES_MAX, why);
    bool ok = object && field_uint(&r, object, "version", 1, FIELD_NUMBER_MAX, &out->version) &&
              field_time(&r, object, "issued", &out->issued) &&
              field_time(&r, object, "expires", &out->expires) && read_delegations(&r, object, out) &&
              read_registrations(&r, object, out, bad) && read_health(&r, object, out);
    json_decref(object);
    return ok;
}

static json_t *print_mirrors(const struct list_site_health *site)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < site->mirror_count; i++) {
        json_t *regions = json_object();
        for (unsigned k = 0; k < site->mirrors[i].region_count; k++)
            json_object_set_new(regions, site->mirrors[i].regions[k].region,
                                json_string(state_words[site->mirrors[i].regions[k].up]));
        json_object_set_new(object, site->mirrors[i].mirror, regions);
    }
    return object;
}

static json_t *print_health(const struct list_doc *l)
{
    json_t *object = json_object();
    for (unsigned i = 0; i < l->health_count; i++)
        json_object_set_new(object, l->health[i].domain, print_mirrors(&l->health[i]));
    return object;
}

struct bytes list_print(const struct list_doc *l, struct arena *arena)
{
    char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX], sha256[65];
    time_format(l->issued, issued);
    time_format(l->expires, expires);
    hex_encode(bytes_of(l->delegations_sha256, 32), sha256);
    json_t *registrations = json_array();
    for (unsigned i = 0; i < l->registration_count; i++)
        if (json_array_append_new(registrations, envelope_json(&l->registrations[i])) != 0) {
            json_decref(registrations);
            return BYTES_NONE;
        }
    return field_print(json_pack("{s:s, s:I, s:s, s:s, s:{s:I, s:s}, s:o, s:o}", "type", type, "version",
                                 (json_int_t)l->version, "issued", issued, "expires", expires, "delegations",
                                 "version", (json_int_t)l->delegations_version, "sha256", sha256,
                                 "registrations", registrations, "health", print_health(l)),
                       false, arena);
}

const struct list_mirror_health *list_health(const struct list_doc *l, const char *domain, const char *mirror)
{
    struct list_site_health key = {.domain = domain};
    const struct list_site_health *site =
        l->health_count ? bsearch(&key, l->health, l->health_count, sizeof *l->health, compare_sites) : NULL;
    for (unsigned i = 0; site && i < site->mirror_count; i++)
        if (strcmp(site->mirrors[i].mirror, mirror) == 0)
            return &site->mirrors[i];
    return NULL;
}
