/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling what a snapshot holds: see sites.h. */
#include "steering/cli/sites.h"

#include "data/list/delegations.h"
#include "steering/cli/site_index.h"
#include "steering/probe.h"

const char *sites_name(struct cli *c, const struct dns_name *name)
{
    char text[DNS_NAME_TEXT_MAX];
    name_to_text(name, text);
    const char *copy = arena_text(&c->arena, bytes_str(text));
    return copy ? copy : "";
}

json_t *sites_names_json(struct cli *c, const struct view *v, const struct view_site *site)
{
    struct site_index x;
    struct dns_name name;
    size_t count;
    json_t *names = json_array();
    if (!site_index_make(c, v, &x))
        return names;
    const struct site_name *row = site_index_find(&x, site, &count);
    for (size_t i = 0; i < count; i++) {
        site_name_copy(&row[i], &name);
        json_array_append_new(names, json_string(sites_name(c, &name)));
    }
    return names;
}

json_t *sites_blocked_json(const struct view_site *site)
{
    const struct view_blocked *b = view_site_blocked(site);
    json_t *blocked = json_object();
    for (unsigned i = 0; i < site->blocked_count; i++) {
        char country[3] = {b[i].country[0], b[i].country[1], 0};
        json_t *how = json_array();
        for (int k = 0; k < BLOCK_KINDS; k++)
            if (b[i].flags & 1 << k)
                json_array_append_new(how, json_string(block_names[k]));
        json_object_set_new(blocked, country, how);
    }
    return blocked;
}

const char *sites_trust(const struct view_list *l)
{
    return l->trust == VIEW_SIGNED ? "signed" : "unsigned";
}

json_t *sites_list_json(const struct view_list *l, int64_t now)
{
    bool ends = l->trust == VIEW_SIGNED; /* a zone that is no longer renewed is left out of the snapshot */
    return json_pack("{s:s, s:I, s:o, s:o, s:b, s:s}", "name", l->name, "version", (json_int_t)l->version,
                     "issued", cli_json_time(l->issued), "expires",
                     ends ? cli_json_time(l->expires) : json_null(), "expired", now >= l->expires, "trust",
                     sites_trust(l));
}

static const char *const state_names[] = {"unknown", "up", "down"};
static const char *const uplink_names[] = {"unknown", "works", "dead"};

json_t *sites_health_json(const struct steer_case *c)
{
    if (!c->health)
        return json_null();
    const struct health_head *h = health_head(c->health);
    return json_pack("{s:o, s:b, s:i, s:s, s:b}", "stored", cli_json_time(h->stored), "fresh", c->fresh,
                     "interval", (int)h->interval, "uplink",
                     h->uplink < 3 ? uplink_names[h->uplink] : "unknown", "probing", !h->published);
}

/* Null for a time that never was. */
static json_t *time_or_null(int64_t seconds)
{
    return seconds ? cli_json_time(seconds) : json_null();
}

static const char *state_name(uint8_t state)
{
    return state < 3 ? state_names[state] : "unknown";
}

static const char *alpn_name(uint8_t alpn)
{
    return alpn & HEALTH_ALPN_H2 ? "h2" : alpn & HEALTH_ALPN_HTTP11 ? "http/1.1" : NULL;
}

static json_t *failure_json(const struct health_record *r)
{
    return r->failure == PROBE_NONE ? json_pack("{s:n, s:n}", "failure", "failure_text")
                                    : json_pack("{s:s, s:s}", "failure", probe_failure_name(r->failure),
                                                "failure_text", probe_failure_text(r->failure));
}

static json_t *record_json(const struct steer_case *c, const struct health_record *r)
{
    uint32_t ttl = health_ttl(health_head(c->health), r);
    json_t *all =
        json_pack("{s:s, s:o, s:o, s:i, s:i, s:i, s:o, s:o, s:s?, s:b, s:s, s:s?}", "state",
                  state_name(r->state), "since", time_or_null(r->since), "checked", time_or_null(r->checked),
                  "successes", r->successes, "failures", r->failures, "until_change",
                  (int)health_until_change(r), "ttl", ttl == UINT32_MAX ? json_null() : json_integer(ttl),
                  "certificate_ends", time_or_null(r->certificate_ends), "alpn", alpn_name(r->alpn), "proved",
                  r->proved != 0, "last_good", state_name(r->last_good), "forced",
                  r->forced == HEALTH_FORCED_UP     ? "up"
                  : r->forced == HEALTH_FORCED_DOWN ? "down"
                                                    : NULL);
    json_t *failure = failure_json(r);
    json_object_update(all, failure);
    json_decref(failure);
    return all;
}

/* The same keys where nothing is known. */
static json_t *no_record_json(void)
{
    return json_pack("{s:s, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:n, s:b, s:s, s:n, s:n, s:n}", "state",
                     "unknown", "since", "checked", "successes", "failures", "until_change", "ttl",
                     "certificate_ends", "alpn", "proved", 0, "last_good", "unknown", "forced", "failure",
                     "failure_text");
}

json_t *sites_address_json(const struct steer_case *c, const struct view_mirror *m, unsigned i)
{
    char ip[IP_TEXT_MAX];
    enum steer_verdict v = steer_judge_address(c, m, i);
    const struct health_record *r = steer_record(c, m, i);
    ip_format(&view_mirror_addresses(m)[i], ip);
    json_t *all =
        json_pack("{s:s, s:s, s:b, s:s}", "address", ip, "verdict", steer_verdict_word(v)->name, "usable",
                  steer_address_good(c, STEER_NOW, m, i), "text", steer_verdict_word(v)->text);
    json_t *record = r ? record_json(c, r) : no_record_json();
    json_object_update(all, record);
    json_decref(record);
    return all;
}

static json_t *alpn_json(const struct view_mirror *m)
{
    json_t *alpn = json_array();
    for (unsigned i = 0; i < m->alpn_count; i++)
        json_array_append_new(alpn, json_string(m->alpn[i]));
    return alpn;
}

static json_t *blocked_in_json(const struct view_mirror *m)
{
    const struct view_country *country = (const void *)((const uint8_t *)m + m->blocked_at);
    json_t *all = json_array();
    for (unsigned i = 0; i < m->blocked_count; i++)
        json_array_append_new(all, json_stringn(country[i].code, 2));
    return all;
}

json_t *sites_mirror_json(const struct steer_case *c, const struct view_mirror *m)
{
    enum steer_verdict v = steer_judge_mirror(c, m);
    json_t *addresses = json_array();
    for (unsigned i = 0; i < m->address_count; i++)
        json_array_append_new(addresses, sites_address_json(c, m, i));
    return json_pack("{s:s, s:i, s:s, s:i, s:o, s:b, s:o, s:s, s:s, s:b, s:s, s:o}", "id", m->id, "weight",
                     (int)m->weight, "kind", m->kind == VIEW_PASSTHROUGH ? "passthrough" : "terminate",
                     "port", m->port, "alpn", alpn_json(m), "ech", m->ech_len > 0, "blocked_in",
                     blocked_in_json(m), "list_health",
                     state_name((uint8_t)view_mirror_health(m, view_site_list(c->site), c->country, c->now)),
                     "verdict", steer_verdict_word(v)->name, "usable", steer_mirror_good(c, STEER_NOW, m),
                     "text", steer_verdict_word(v)->text, "addresses", addresses);
}
