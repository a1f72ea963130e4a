/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading OONI's answers: see ooni.h. */
#include "steering/ooni.h"

#include <stdlib.h>

#include "data/list/field.h"

/* A count no honest answer exceeds: keeps sums exact. */
#define COUNT_MAX 1e9

struct reading {
    struct arena *arena;
    const char *domain, *country;
    json_t *index; /* "domain CC" → number of the pair */
    struct ooni *out;
    struct refusal *why;
};

/* 0 for what is missing, no number, or out of 0..max. */
static double number(const json_t *object, const char *key, double max)
{
    const json_t *value = json_object_get(object, key);
    double n = json_is_number(value) ? json_number_value(value) : 0;
    return n >= 0 && n <= max ? n : 0;
}

static double greater(double a, double b)
{
    return a > b ? a : b;
}

/* The host of a URL, or the text itself. */
static struct bytes host_of(const char *input)
{
    const char *at = strstr(input, "://");
    const char *host = at ? at + 3 : input;
    return bytes_of(host, strcspn(host, "/:?#@"));
}

/* Lower-case, without "www."; NULL if it is no name that could be delegated: OONI measures addresses, too. */
static const char *domain_of(struct reading *r, const json_t *row)
{
    const char *given = json_string_value(json_object_get(row, "domain"));
    struct dns_name name;
    if (!given)
        given = json_string_value(json_object_get(row, "input"));
    if (!given)
        given = r->domain;
    struct bytes host = given ? host_of(given) : BYTES_NONE;
    if (host.len == 0 || host.len > DNS_NAME_TEXT_MAX)
        return NULL;
    char *text = arena_text(r->arena, host);
    if (!text || !field_host_name(text, &name) || name_labels(&name) < 2)
        return NULL;
    if (strncmp(text, "www.", 4) == 0 && name_labels(&name) > 2)
        text += 4;
    const char *last = strrchr(text, '.') + 1;
    return *last >= '0' && *last <= '9' ? NULL : text;
}

static const char *country_of(const struct reading *r, const json_t *row)
{
    const char *given = json_string_value(json_object_get(row, "probe_cc"));
    given = given ? given : r->country;
    return given && field_is_country(given) ? given : NULL;
}

/* The pair's entry, a new one if it is not there; NULL without room, with why. */
static struct ooni_pair *pair_of(struct reading *r, const char *domain, const char *country)
{
    const char *key = arena_printf(r->arena, "%s %s", domain, country);
    const json_t *known = key ? json_object_get(r->index, key) : NULL;
    if (known)
        return &r->out->pairs[json_integer_value(known)];
    if (r->out->count == OONI_PAIRS_MAX) {
        refuse(r->why, REFUSAL_TOO_MANY, "more than %d domains and countries", OONI_PAIRS_MAX);
        return NULL;
    }
    if (!key || json_object_set_new(r->index, key, json_integer(r->out->count)) != 0) {
        refuse(r->why, REFUSAL_NO_MEMORY, "rows");
        return NULL;
    }
    struct ooni_pair *pair = &r->out->pairs[r->out->count++];
    *pair = (struct ooni_pair){.domain = domain};
    memcpy(pair->country, country, sizeof pair->country);
    return pair;
}

/* How likely a layer is blocked in a cell; a layer that is rather down for everyone is not. */
static double likely(const json_t *loni, const char *blocked, const char *down)
{
    double b = number(loni, blocked, 1);
    return b > number(loni, down, 1) ? b : 0;
}

static void add_cell(struct ooni_pair *pair, const json_t *row, const json_t *loni)
{
    double count = number(row, "count", COUNT_MAX);
    pair->measurements += count;
    pair->blocked[OONI_DNS] += count * greater(likely(loni, "dns_blocked", "dns_down"),
                                               likely(loni, "dns_isp_blocked", "dns_isp_down"));
    pair->blocked[OONI_IP] += count * likely(loni, "tcp_blocked", "tcp_down");
    pair->blocked[OONI_SNI] += count * likely(loni, "tls_blocked", "tls_down");
}

/* What Web Connectivity calls http-failure is, of https:// sites, interference with TLS. */
static void add_counts(struct ooni_pair *pair, const json_t *row)
{
    static const char *const types[OONI_HOW_COUNT] = {"dns", "tcp_ip", "http-failure"};
    double bad = number(row, "anomaly_count", COUNT_MAX) + number(row, "confirmed_count", COUNT_MAX);
    double all = number(row, "measurement_count", COUNT_MAX) - number(row, "failure_count", COUNT_MAX);
    const char *type = json_string_value(json_object_get(row, "blocking_type"));
    all = greater(all, 0);
    bad = bad < all ? bad : all;
    pair->measurements += all;
    for (int i = 0; type && i < OONI_HOW_COUNT; i++)
        if (strcmp(type, types[i]) == 0) {
            pair->blocked[i] += bad;
            return;
        }
    if (!type)
        pair->untold += bad;
}

static bool add_row(struct reading *r, const json_t *row)
{
    const json_t *loni = json_object_get(row, "loni");
    const char *domain = domain_of(r, row), *country = country_of(r, row);
    bool counted = json_is_object(loni) ? json_is_number(json_object_get(row, "count"))
                                        : json_is_number(json_object_get(row, "measurement_count"));
    if (!domain || !country || !counted) {
        r->out->skipped++;
        return true;
    }
    struct ooni_pair *pair = pair_of(r, domain, country);
    if (pair && json_is_object(loni))
        add_cell(pair, row, loni);
    else if (pair)
        add_counts(pair, row);
    return pair != NULL;
}

static const char *error_of(const json_t *object)
{
    static const char *const keys[] = {"error", "msg", "detail", "title"};
    for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *value = json_object_get(object, keys[i]);
        if (json_is_string(value))
            return json_string_value(value);
        if (value && !json_is_null(value))
            return keys[i];
    }
    return NULL;
}

/* Room for a pair a row. */
static bool make_room(struct reading *r, size_t rows)
{
    rows = rows < OONI_PAIRS_MAX ? rows : OONI_PAIRS_MAX;
    r->out->pairs = arena_array(r->arena, rows + 1, sizeof *r->out->pairs);
    return r->out->pairs || refuse(r->why, REFUSAL_NO_MEMORY, "rows");
}

static bool add_rows(struct reading *r, const json_t *object)
{
    const json_t *rows = json_object_get(object, "results");
    const json_t *row;
    size_t i;
    rows = rows ? rows : json_object_get(object, "result");
    if (!make_room(r, json_is_array(rows) ? json_array_size(rows) : 1))
        return false;
    if (json_is_object(rows)) /* dimension_count 0: one row */
        return add_row(r, rows);
    if (!json_is_array(rows)) {
        const char *error = error_of(object);
        return error ? refuse(r->why, REFUSAL_BAD_TYPE, "OONI's error, not an answer: %.100s", error)
                     : refuse(r->why, REFUSAL_BAD_TYPE, "neither result nor results");
    }
    json_array_foreach(rows, i, row) if (!add_row(r, row)) return false;
    return true;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct ooni_pair *x = a, *y = b;
    int order = strcmp(x->domain, y->domain);
    return order ? order : strcmp(x->country, y->country);
}

bool ooni_parse(struct bytes text, const char *domain, const char *country, struct arena *arena,
                struct ooni *out, struct refusal *why)
{
    struct reading r = {.arena = arena, .domain = domain, .country = country, .out = out, .why = why};
    *out = (struct ooni){.count = 0};
    if (text.len > OONI_SIZE_MAX)
        return refuse(why, REFUSAL_TOO_LARGE, "%zu bytes", text.len);
    json_t *object = field_open(text, OONI_VALUES_MAX, why);
    r.index = json_object();
    bool ok = object && add_rows(&r, object);
    json_decref(r.index);
    json_decref(object);
    if (ok)
        qsort(out->pairs, out->count, sizeof *out->pairs, compare_pairs);
    return ok;
}
