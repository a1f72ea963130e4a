/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging a policy zone's records: see rpz_rules.h. */
#include "steering/rpz_rules.h"

#include <stdlib.h>

#include "data/dns/msg.h"
#include "data/dns/svcb.h"
#include "data/list/field.h"
#include "steering/rpz_site.h"
#include "steering/rpz_words.h"

/* The records of one owner, and what they come to. */
struct rule {
    const struct record *const *record;
    size_t count;
    struct dns_name owner; /* without the zone's name */
    char text[DNS_NAME_TEXT_MAX];
    struct rpz_addresses found;
    struct dns_name target; /* of its CNAME to another name */
    bool waiting;           /* for that target's addresses */
};

struct maker {
    const struct rpz_judge *judge;
    struct arena *arena;
    struct rpz_rules *out;
    const struct delegation *everywhere;
    bool failed;
};

static bool no(struct maker *m, const struct rule *r, enum refusal_why why)
{
    m->out->refused[why]++;
    if (m->out->refused_count++ == 0)
        refuse(&m->out->first, why, "%s", r->text);
    return false;
}

/* ---- addresses ---- */

static bool take_address(struct maker *m, struct rule *r, const struct ip *ip)
{
    enum refusal_why not = guard_address(m->judge->guard, ip, m->judge->allow_special_use);
    if (not != REFUSAL_NONE)
        return no(m, r, not );
    unsigned *count = ip->len == 4 ? &r->found.v4_count : &r->found.v6_count;
    if (*count == RPZ_FAMILY_MAX)
        return no(m, r, REFUSAL_TOO_MANY);
    (ip->len == 4 ? r->found.v4 : r->found.v6)[(*count)++] = *ip;
    return true;
}

static bool take_address_record(struct maker *m, struct rule *r, const struct record *x)
{
    struct ip ip = {.len = x->type == DNS_A ? 4 : 16};
    if (x->rdata_len != ip.len)
        return no(m, r, REFUSAL_RPZ_RECORD);
    memcpy(ip.addr, record_rdata(x).data, ip.len);
    return take_address(m, r, &ip);
}

/* An HTTPS record must fit what we would say ourselves: this name, this port, and hints that pass as
 * addresses. */
static bool take_https(struct maker *m, struct rule *r, const struct record *x)
{
    struct svcb_seen s;
    if (!svcb_read(record_rdata(x), &s) || s.priority == 0 ||
        (s.target.len > 1 && !name_equal(&s.target, &r->owner)))
        return no(m, r, REFUSAL_RPZ_RECORD);
    if (s.port && s.port != 443 && !m->judge->allow_special_use)
        return no(m, r, REFUSAL_BAD_PORT);
    for (unsigned i = 0; i < s.hint_count; i++) {
        enum refusal_why not = guard_address(m->judge->guard, &s.hints[i], m->judge->allow_special_use);
        if (not != REFUSAL_NONE)
            return no(m, r, not );
    }
    r->found.port = s.port ? s.port : r->found.port;
    return true;
}

/* ---- CNAME ---- */

static const struct dns_name *keep_name(struct maker *m, const struct dns_name *name)
{
    struct dns_name *copy = arena_alloc(m->arena, sizeof *copy);
    m->failed = m->failed || !copy;
    if (copy)
        *copy = *name;
    return copy;
}

static void take_target(struct maker *m, struct rule *r)
{
    struct ip ip[RPZ_TARGET_ADDRESSES_MAX];
    unsigned count = 0;
    if (m->out->target_count == RPZ_TARGETS_MAX) {
        no(m, r, REFUSAL_TOO_MANY);
        return;
    }
    m->out->targets[m->out->target_count++] = keep_name(m, &r->target);
    bool known = m->judge->resolve && m->judge->resolve(m->judge->self, &r->target, ip, &count);
    if (!known && m->judge->resolve) {
        r->waiting = true;
        m->out->waiting++;
        return;
    }
    if (count == 0)
        no(m, r, REFUSAL_RPZ_TARGET);
    for (unsigned i = 0; i < count; i++)
        take_address(m, r, &ip[i]);
}

/* True if the rule has a CNAME and is done with: it passes the name through, or hides it. Another CNAME's
 * target comes out in r->target. */
static bool ends_here(struct maker *m, struct rule *r)
{
    const struct record *x = NULL;
    size_t at = 0, others = 0;
    for (size_t i = 0; i < r->count; i++) {
        if (r->record[i]->type == DNS_CNAME && !x)
            x = r->record[i];
        else
            others += !rpz_is_furniture(r->record[i]->type);
    }
    if (!x)
        return false;
    if (others || !name_read(record_rdata(x), &at, &r->target) || at != x->rdata_len)
        return !no(m, r, REFUSAL_RPZ_RECORD); /* nothing stands beside a CNAME */
    name_lower(&r->target);
    if (rpz_passes(&r->owner, &r->target)) {
        m->out->passed[m->out->passed_count++] = keep_name(m, &r->owner);
        return true;
    }
    return rpz_hides(&r->target) && !no(m, r, REFUSAL_RPZ_ACTION);
}

/* ---- rules ---- */

static void take_record(struct maker *m, struct rule *r, const struct record *x)
{
    if (rpz_is_furniture(x->type))
        return;
    if (x->type == DNS_A || x->type == DNS_AAAA)
        take_address_record(m, r, x);
    else if (x->type == DNS_HTTPS)
        take_https(m, r, x);
    else if (x->type == DNS_CNAME)
        take_target(m, r);
    else
        no(m, r, REFUSAL_RPZ_RECORD);
    r->found.ttl = x->ttl < r->found.ttl ? x->ttl : r->found.ttl;
}

static bool has_rule(const struct rule *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!rpz_is_furniture(r->record[i]->type))
            return true;
    return false;
}

static bool check_trigger(struct maker *m, struct rule *r, char host[DNS_NAME_TEXT_MAX])
{
    struct dns_name name;
    struct refusal why;
    memcpy(host, r->text, sizeof r->text);
    if (rpz_is_wildcard(&r->owner))
        return no(m, r, REFUSAL_RPZ_WILDCARD);
    if (!field_host_name(host, &name))
        return no(m, r, REFUSAL_BAD_NAME);
    return guard_domain(m->judge->guard, host, &why) || no(m, r, why.why);
}

static void add_site(struct maker *m, const struct rule *r, const char *host)
{
    const struct rpz_judge *j = m->judge;
    struct registration *reg = rpz_site(&r->owner, host, &r->found, j->serial, j->now, m->arena);
    m->failed = !reg;
    if (reg)
        m->out->sites[m->out->site_count++] = (struct view_source_site){reg, m->everywhere};
}

static void take_rule(struct maker *m, struct rule *r)
{
    char host[DNS_NAME_TEXT_MAX];
    name_to_text(&r->owner, r->text);
    if (!has_rule(r))
        return;
    if (rpz_is_word(&r->owner)) {
        no(m, r, REFUSAL_RPZ_TRIGGER);
        return;
    }
    if (ends_here(m, r) || !check_trigger(m, r, host))
        return;
    size_t refused = m->out->refused_count;
    for (size_t i = 0; i < r->count; i++)
        take_record(m, r, r->record[i]);
    if (r->found.v4_count + r->found.v6_count == 0) {
        if (m->out->refused_count == refused && !r->waiting)
            no(m, r, REFUSAL_RPZ_RECORD); /* HTTPS alone */
    } else if (m->out->site_count == RPZ_SITES_MAX)
        no(m, r, REFUSAL_TOO_MANY);
    else
        add_site(m, r, host);
}

/* False at the zone's apex, where no rule stands. */
static bool owner_of(const struct record *x, const struct dns_name *zone, struct dns_name *out)
{
    size_t len = (size_t)x->owner_len - zone->len;
    memcpy(out->wire, x->data, len);
    out->wire[len] = 0;
    out->len = (uint8_t)(len + 1);
    return len > 0;
}

static void take_all(struct maker *m, const struct record *const *all, size_t count)
{
    for (size_t i = 0, n; i < count && !m->failed; i += n) {
        struct rule r = {.record = all + i, .found = {.ttl = POLICY_TTL_MAX, .port = 443}};
        for (n = 1; i + n < count && bytes_equal(record_owner(all[i]), record_owner(all[i + n])); n++)
            ;
        r.count = n;
        if (owner_of(all[i], m->judge->zone, &r.owner))
            take_rule(m, &r);
    }
}

static size_t count_owners(const struct record *const *all, size_t count)
{
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += i == 0 || !bytes_equal(record_owner(all[i - 1]), record_owner(all[i]));
    return n;
}

bool rpz_rules_make(const struct records *records, const struct rpz_judge *judge, struct arena *arena,
                    struct rpz_rules *out)
{
    struct maker m = {.judge = judge, .arena = arena, .out = out, .everywhere = rpz_everywhere(arena)};
    const struct record **all = records_sorted(records);
    size_t count = records_count(records), owners = all ? count_owners(all, count) : 0;
    size_t sites = owners < RPZ_SITES_MAX ? owners : RPZ_SITES_MAX;
    *out =
        (struct rpz_rules){.list = {.version = judge->serial, .issued = judge->now, .expires = RPZ_NEVER},
                           .sites = arena_array(arena, sites, sizeof *out->sites),
                           .passed = arena_array(arena, owners, sizeof *out->passed),
                           .targets = arena_array(arena, owners < RPZ_TARGETS_MAX ? owners : RPZ_TARGETS_MAX,
                                                  sizeof *out->targets)};
    m.failed = !all || !out->sites || !out->passed || !out->targets || !m.everywhere;
    if (!m.failed)
        take_all(&m, all, count);
    free(all);
    return !m.failed;
}
