/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One rule of a policy zone, shown and judged: see why_rule.h. */
#include "steering/cli/why_rule.h"

#include <stdlib.h>

#include "data/dns/present.h"
#include "steering/cli/sites.h"
#include "steering/policy.h"
#include "steering/target_table.h"

struct reading {
    struct cli *c;
    const struct daemon *d;
    struct policy_rule rule;
    struct target_table targets;
    int64_t now;
};

static const struct conf_rpz *conf_of(const struct daemon *d, const char *list)
{
    for (unsigned i = 0; d->conf && i < d->conf->steering.rpz_count; i++)
        if (strcmp(d->conf->steering.rpz[i].name, list) == 0)
            return &d->conf->steering.rpz[i];
    return NULL;
}

static bool load(struct reading *r, const char *list, const struct dns_name *name)
{
    struct store_txn *t;
    struct bytes saved;
    if (store_read(r->d->store, &t) != STORE_OK)
        return false;
    bool found = policy_rule_load(t, list, name, &r->rule);
    if (found && state_get_policy(t, STATE_POLICY_ALL, STATE_POLICY_TARGETS, &saved) == STORE_OK)
        target_table_load(&r->targets, saved);
    store_abort(t);
    return found;
}

/* ---- shown ---- */

/* With the owner as the rule speaks of it, without the zone's name. */
static json_t *record_line(const struct reading *r, const struct record *x)
{
    char line[4 * PRESENT_RDATA_MAX + 2 * DNS_NAME_TEXT_MAX];
    size_t size = r->rule.owner.len + (size_t)x->rdata_len;
    uint8_t *message = arena_alloc(&r->c->arena, size);
    if (!message)
        return NULL;
    struct writer w = writer_of(message, size), text = writer_of(line, sizeof line);
    writer_put(&w, r->rule.owner.wire, r->rule.owner.len);
    writer_put(&w, record_rdata(x).data, x->rdata_len);
    struct dns_rr rr = {.section = DNS_ANSWER,
                        .type = x->type,
                        .class = DNS_CLASS_IN,
                        .ttl = x->ttl,
                        .rdata = bytes_of(message + r->rule.owner.len, x->rdata_len)};
    present_rr(&text, bytes_of(message, size), &rr);
    while (!text.full && text.len && line[text.len - 1] == '\n')
        text.len--;
    return json_stringn(line, text.full ? 0 : text.len);
}

static json_t *records_json(const struct reading *r)
{
    const struct record **all = records_sorted(r->rule.records);
    json_t *lines = json_array();
    for (size_t i = 0; all && i < records_count(r->rule.records); i++)
        json_array_append_new(lines, record_line(r, all[i]));
    free(all);
    return lines;
}

static json_t *addresses_json(const struct reading *r, const struct dns_name *target)
{
    struct ip ip[TARGET_ADDRESSES_MAX];
    char text[IP_TEXT_MAX];
    unsigned count;
    if (!target_table_get(&r->targets, target, ip, &count))
        return json_null();
    json_t *all = json_array();
    for (unsigned i = 0; i < count; i++) {
        ip_format(&ip[i], text);
        json_array_append_new(all, json_string(text));
    }
    return all;
}

static json_t *refused_json(const struct rpz_rules *rules)
{
    json_t *all = json_object();
    for (unsigned why = 0; why < REFUSAL_COUNT; why++)
        if (rules->refused[why])
            json_object_set_new(all, refusal_name(why), json_integer((json_int_t)rules->refused[why]));
    return all;
}

/* ---- judged: without its config, as by a daemon that denies and allows nothing of its own ---- */

static bool resolve(void *self, const struct dns_name *target, struct ip *out, unsigned *count)
{
    return target_table_get(self, target, out, count);
}

static bool judge(struct reading *r, const struct conf_rpz *conf, struct rpz_rules *out)
{
    const struct conf *all = r->d->conf;
    struct guard *guard = guard_new(all ? all->steering.deny : NULL, all ? all->steering.deny_count : 0);
    struct rpz_judge j = {.zone = &r->rule.zone,
                          .guard = guard,
                          .allow_special_use = conf && conf->allow_special_use,
                          .serial = r->rule.serial,
                          .now = r->now,
                          .resolve = resolve,
                          .self = &r->targets};
    bool ok = guard && rpz_rules_make(r->rule.records, &j, &r->c->arena, out);
    guard_free(&guard);
    return ok;
}

static enum why_rule_says says_of(const struct rpz_rules *rules)
{
    return rules->site_count      ? WHY_RULE_STEERS
           : rules->passed_count  ? WHY_RULE_PASSES
           : rules->waiting       ? WHY_RULE_WAITS
           : rules->refused_count ? WHY_RULE_REFUSED
                                  : WHY_RULE_NONE;
}

static json_t *rule_json(const struct reading *r, const struct rpz_rules *rules, bool judged)
{
    const struct dns_name *target = rules->target_count ? rules->targets[0] : NULL;
    return json_pack("{s:s, s:s, s:o, s:s?, s:o, s:o}", "zone", sites_name(r->c, &r->rule.zone), "owner",
                     sites_name(r->c, &r->rule.owner), "records", records_json(r), "target",
                     target ? sites_name(r->c, target) : NULL, "target_addresses",
                     target ? addresses_json(r, target) : json_null(), "refused",
                     judged ? refused_json(rules) : json_null());
}

enum why_rule_says why_rule(struct cli *c, const struct daemon *d, const char *list,
                            const struct dns_name *name, int64_t now, json_t **out)
{
    struct reading r = {.c = c, .d = d, .now = now};
    struct rpz_rules rules;
    const struct conf_rpz *conf = conf_of(d, list);
    enum why_rule_says says = WHY_RULE_NONE;
    if (load(&r, list, name) && judge(&r, conf, &rules))
        says = says_of(&rules);
    *out = says == WHY_RULE_NONE ? json_null() : rule_json(&r, &rules, conf != NULL);
    records_free(&r.rule.records);
    target_table_fini(&r.targets);
    return says == WHY_RULE_NONE || conf ? says : WHY_RULE_NOT_JUDGED;
}
