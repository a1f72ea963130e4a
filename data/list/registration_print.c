/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writing registrations: every field is written out, defaults too, so that outlets see what they sign. */
#include "data/list/field.h"
#include "data/list/registration.h"
#include "data/list/registration_words.h"

const char registration_type[] = "polynya-registration/1";
const char *const mirror_kind_words[MIRROR_KIND_COUNT] = {"terminate", "passthrough"};
const char *const all_down_words[ALL_DOWN_COUNT] = {"origin", "mirrors", "nodata"};

static json_t *print_texts(const char *const *texts, unsigned count)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < count; i++)
        json_array_append_new(list, json_string(texts[i]));
    return list;
}

static json_t *print_addresses(const struct mirror *m)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < m->address_count; i++) {
        char text[IP_TEXT_MAX];
        ip_format(&m->addresses[i], text);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *print_countries(const struct mirror *m)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < m->blocked_count; i++)
        json_array_append_new(list, json_string(m->blocked_in[i]));
    return list;
}

static json_t *print_ech(const struct mirror *m)
{
    char text[(MIRROR_ECH_MAX + 2) / 3 * 4 + 1];
    if (m->ech.len == 0 || m->ech.len > MIRROR_ECH_MAX)
        return json_null();
    base64_encode(m->ech, text);
    return json_string(text);
}

static json_t *print_mirror(const struct mirror *m)
{
    return json_pack("{s:s, s:o, s:i, s:s, s:o, s:o, s:o, s:i}", "id", m->id, "addresses", print_addresses(m),
                     "weight", (int)m->weight, "kind", mirror_kind_words[m->kind], "alpn",
                     print_texts(m->alpn, m->alpn_count), "ech", print_ech(m), "blocked_in",
                     print_countries(m), "port", (int)m->port);
}

static json_t *print_mirrors(const struct registration *reg)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < reg->mirror_count; i++)
        json_array_append_new(list, print_mirror(&reg->mirrors[i]));
    return list;
}

static json_t *print_policy(const struct policy *p)
{
    return json_pack("{s:i, s:i, s:s, s:{s:s, s:s?}}", "answers", (int)p->answers, "ttl", (int)p->ttl,
                     "all_down", all_down_words[p->all_down], "probe", "path", p->probe_path, "contains",
                     p->probe_contains);
}

struct bytes registration_print(const struct registration *reg, struct arena *arena)
{
    char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
    time_format(reg->issued, issued);
    time_format(reg->expires, expires);
    return field_print(json_pack("{s:s, s:s, s:I, s:s, s:s, s:o, s:o, s:o}", "type", registration_type,
                                 "domain", reg->domain, "seq", (json_int_t)reg->seq, "issued", issued,
                                 "expires", expires, "names", print_texts(reg->names, reg->name_count),
                                 "mirrors", print_mirrors(reg), "policy", print_policy(&reg->policy)),
                       true, arena);
}
