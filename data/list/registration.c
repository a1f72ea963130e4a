/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading registrations: see registration.h; writing them is registration_print.c's. */
#include "data/list/registration.h"

#include "data/list/field.h"
#include "data/list/registration_words.h"

enum { REGISTRATION_VALUES_MAX = 1 << 15 };

/* NULL without refusal means that the field was left out. */
static json_t *optional_array(const struct field_reader *r, const json_t *object, const char *key, size_t max,
                              bool *ok)
{
    if (field_absent(object, key))
        return NULL;
    json_t *list = field_array(r, object, key, 0, max);
    *ok = list != NULL;
    return list;
}

static bool read_addresses(const struct field_reader *r, json_t *object, struct mirror *out)
{
    size_t i;
    json_t *value, *list = field_array(r, object, "addresses", 1, MIRROR_ADDRESSES_MAX);
    out->addresses = list ? field_alloc(r, json_array_size(list), sizeof *out->addresses) : NULL;
    if (!out->addresses)
        return false;
    json_array_foreach(list, i, value)
    {
        struct ip *ip = &out->addresses[out->address_count++];
        if (!ip_parse(bytes_of(json_string_value(value), json_string_length(value)), ip))
            return refuse(r->why, REFUSAL_BAD_ADDRESS, "addresses[%zu]", i);
        for (size_t k = 0; k < i; k++)
            if (ip_equal(&out->addresses[k], ip))
                return refuse(r->why, REFUSAL_DUPLICATE, "addresses[%zu]", i);
    }
    return true;
}

static bool is_printable(const char *text)
{
    for (; *text; text++)
        if (*text <= ' ' || *text > '~')
            return false;
    return true;
}

static bool read_alpn(const struct field_reader *r, json_t *object, struct mirror *out)
{
    bool ok = true;
    size_t i;
    json_t *value, *list = optional_array(r, object, "alpn", MIRROR_ALPN_MAX, &ok);
    if (!list)
        return ok;
    out->alpn = field_alloc(r, json_array_size(list), sizeof(*out->alpn));
    if (!out->alpn)
        return false;
    json_array_foreach(list, i, value)
    {
        const char *text = field_text_value(r, value, "alpn", 1, MIRROR_ALPN_LEN_MAX);
        if (!text)
            return false;
        if (!is_printable(text))
            return refuse(r->why, REFUSAL_BAD_FIELD, "alpn");
        out->alpn[out->alpn_count++] = text;
    }
    return true;
}

static bool read_ech(const struct field_reader *r, json_t *object, struct mirror *out)
{
    if (field_absent(object, "ech"))
        return true;
    const json_t *value = json_object_get(object, "ech");
    uint8_t ech[MIRROR_ECH_MAX];
    long len = base64_decode(bytes_of(json_string_value(value), json_string_length(value)), ech, sizeof ech);
    if (len <= 0)
        return refuse(r->why, REFUSAL_BAD_FIELD, "ech");
    out->ech = arena_copy(r->arena, bytes_of(ech, (size_t)len));
    return out->ech.data || refuse(r->why, REFUSAL_NO_MEMORY, "ech");
}

static bool read_blocked_in(const struct field_reader *r, json_t *object, struct mirror *out)
{
    bool ok = true;
    size_t i;
    json_t *value, *list = optional_array(r, object, "blocked_in", MIRROR_COUNTRIES_MAX, &ok);
    if (!list)
        return ok;
    out->blocked_in = field_alloc(r, json_array_size(list), sizeof *out->blocked_in);
    if (!out->blocked_in)
        return false;
    json_array_foreach(list, i, value)
    {
        const char *country = json_string_value(value);
        if (!country || !field_is_country(country))
            return refuse(r->why, REFUSAL_BAD_FIELD, "blocked_in");
        memcpy(out->blocked_in[out->blocked_count++], country, 3);
    }
    return true;
}

/* A whole number that may be left out. */
static bool optional_uint(const struct field_reader *r, const json_t *object, const char *key, uint64_t min,
                          uint64_t max, uint64_t missing, uint64_t *out)
{
    *out = missing;
    return field_absent(object, key) || field_uint(r, object, key, min, max, out);
}

/* A word of a table that may be left out: then the first. -1 when refused. */
static int optional_choice(const struct field_reader *r, const json_t *object, const char *key,
                           const char *const *names, int count)
{
    return field_absent(object, key) ? 0 : field_choice(r, json_object_get(object, key), key, names, count);
}

static bool read_mirror(const struct field_reader *r, json_t *object, struct mirror *out)
{
    uint64_t weight, port;
    out->id = field_text(r, object, "id", 1, MIRROR_ID_MAX);
    if (!out->id)
        return false;
    if (!field_is_id(out->id, MIRROR_ID_MAX))
        return refuse(r->why, REFUSAL_BAD_FIELD, "id");
    int kind = optional_choice(r, object, "kind", mirror_kind_words, MIRROR_KIND_COUNT);
    if (kind < 0 || !optional_uint(r, object, "weight", 1, MIRROR_WEIGHT_MAX, 100, &weight) ||
        !optional_uint(r, object, "port", 1, 65535, 443, &port))
        return false;
    out->kind = (enum mirror_kind)kind;
    out->weight = (uint32_t)weight;
    out->port = (uint16_t)port;
    return read_addresses(r, object, out) && read_alpn(r, object, out) && read_ech(r, object, out) &&
           read_blocked_in(r, object, out);
}

static bool id_stands_before(const struct mirror *mirrors, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (strcmp(mirrors[k].id, mirrors[i].id) == 0)
            return true;
    return false;
}

static bool read_mirrors(const struct field_reader *r, json_t *object, struct registration *out)
{
    size_t i;
    json_t *value, *list = field_array(r, object, "mirrors", 1, REGISTRATION_MIRRORS_MAX);
    out->mirrors = list ? field_alloc(r, json_array_size(list), sizeof *out->mirrors) : NULL;
    if (!out->mirrors)
        return false;
    json_array_foreach(list, i, value)
    {
        bool ok = read_mirror(r, value, &out->mirrors[out->mirror_count++]);
        if (ok && id_stands_before(out->mirrors, i))
            ok = refuse(r->why, REFUSAL_DUPLICATE, "id");
        if (!ok) {
            refusal_within(r->why, "mirrors[%zu]", i);
            return false;
        }
    }
    return true;
}

/* "www" under the domain's name, into text and full. */
static bool read_name(const struct field_reader *r, const json_t *value, size_t i, struct registration *out)
{
    char *text = arena_text(r->arena, bytes_of(json_string_value(value), json_string_length(value)));
    if (!text)
        return refuse(r->why, REFUSAL_NO_MEMORY, "names");
    out->names[i] = text;
    out->full[i] = out->name;
    if (strcmp(text, "@") == 0)
        return true;
    char *full = arena_printf(r->arena, "%s.%s", text, out->domain);
    if (!full || !field_host_name(full, &out->full[i]))
        return refuse(r->why, full ? REFUSAL_BAD_NAME : REFUSAL_NO_MEMORY, "names[%zu]", i);
    for (; *text; text++)
        *text = (char)ascii_lower((uint8_t)*text);
    return true;
}

static bool read_names(const struct field_reader *r, json_t *object, struct registration *out)
{
    size_t i;
    json_t *value, *list = field_array(r, object, "names", 1, REGISTRATION_NAMES_MAX);
    size_t count = json_array_size(list);
    out->names = list ? field_alloc(r, count, sizeof(*out->names)) : NULL;
    out->full = out->names ? field_alloc(r, count, sizeof *out->full) : NULL;
    if (!out->full)
        return false;
    json_array_foreach(list, i, value)
    {
        if (!json_is_string(value))
            return refuse(r->why, REFUSAL_BAD_FIELD, "names[%zu]", i);
        if (!read_name(r, value, i, out))
            return false;
        out->name_count++;
        for (size_t k = 0; k < i; k++)
            if (name_equal(&out->full[k], &out->full[i]))
                return refuse(r->why, REFUSAL_DUPLICATE, "names[%zu]", i);
    }
    return true;
}

static bool read_probe(const struct field_reader *r, json_t *policy, struct policy *out)
{
    out->probe_path = "/";
    if (field_absent(policy, "probe"))
        return true;
    json_t *probe = field_object(r, policy, "probe");
    if (!probe)
        return false;
    if (!field_absent(probe, "path")) {
        out->probe_path = field_text(r, probe, "path", 1, PROBE_TEXT_MAX);
        if (!out->probe_path)
            return false;
        if (out->probe_path[0] != '/' || !is_printable(out->probe_path))
            return refuse(r->why, REFUSAL_BAD_FIELD, "path");
    }
    if (!field_absent(probe, "contains"))
        out->probe_contains = field_text(r, probe, "contains", 1, PROBE_TEXT_MAX);
    return field_absent(probe, "contains") || out->probe_contains;
}

static bool read_policy(const struct field_reader *r, json_t *object, struct policy *out)
{
    uint64_t answers, ttl;
    json_t *policy = json_object_get(object, "policy");
    if (!field_absent(object, "policy") && !field_object(r, object, "policy"))
        return false;
    int all_down = optional_choice(r, policy, "all_down", all_down_words, ALL_DOWN_COUNT);
    if (all_down < 0 || !optional_uint(r, policy, "answers", 1, 2, 1, &answers) ||
        !optional_uint(r, policy, "ttl", POLICY_TTL_MIN, POLICY_TTL_MAX, 60, &ttl) ||
        !read_probe(r, policy, out))
        return false;
    out->all_down = (enum all_down)all_down;
    out->answers = (unsigned)answers;
    out->ttl = (uint32_t)ttl;
    return true;
}

bool registration_parse(struct bytes text, struct arena *arena, struct registration *out, struct refusal *why)
{
    struct field_reader r = {arena, why};
    *out = (struct registration){.seq = 0};
    json_t *object = field_open_document(text, registration_type, REGISTRATION_VALUES_MAX, why);
    bool ok = object && (out->domain = field_domain(&r, object, "domain", &out->name)) &&
              field_uint(&r, object, "seq", 1, FIELD_NUMBER_MAX, &out->seq) &&
              field_time(&r, object, "issued", &out->issued) &&
              field_time(&r, object, "expires", &out->expires) && read_names(&r, object, out) &&
              read_mirrors(&r, object, out) && read_policy(&r, object, &out->policy);
    json_decref(object);
    return ok;
}
