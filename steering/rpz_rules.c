/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging a policy zone's records: see rpz_rules.h. */
#include "steering/rpz_rules.h"

#include <stdlib.h>

#include "data/dns/msg.h"
#include "data/dns/svcb.h"
#include "data/list/delegations.h"
#include "data/list/field.h"

/* Beyond any time that matters, and still one that can be told (9999-12-31). */
#define NEVER 253402300799

enum { FAMILY_MAX = REGISTRATION_MIRRORS_MAX };

/* The records of one owner, and what they come to. */
struct rule {
    const struct record *const *record;
    size_t count;
    struct dns_name owner; /* without the zone's name */
    char text[DNS_NAME_TEXT_MAX];
    struct ip v4[FAMILY_MAX], v6[FAMILY_MAX];
    unsigned v4_count, v6_count;
    uint32_t ttl;
    uint16_t port;
    struct dns_name target; /* of its CNAME to another name */
    bool waiting;           /* for that target's addresses */
};

struct maker {
    const struct rpz_judge *judge;
    struct arena *arena;
    struct rpz_rules *out;
    const struct delegation *everywhere;
    const char **names; /* the one that every site has: "@" */
    bool failed;
};

static bool no(struct maker *m, const struct rule *r, enum refusal_why why)
{
    m->out->refused[why]++;
    if (m->out->refused_count++ == 0)
        refuse(&m->out->first, why, "%s", r->text);
    return false;
}

/* What stands beside rules in any zone, signed ones included, and is none: RRSIG, NSEC, DNSKEY and their kin,
 * NS, SOA and ZONEMD. */
static bool is_furniture(uint16_t type)
{
    enum { NSEC3PARAM = 51, CDS = 59, CDNSKEY = 60, ZONEMD = 63 };
    static const uint16_t types[] = {DNS_SOA,   DNS_NS,     DNS_DS, DNS_RRSIG, DNS_NSEC, DNS_DNSKEY,
                                     DNS_NSEC3, NSEC3PARAM, CDS,    CDNSKEY,   ZONEMD};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type)
            return true;
    return false;
}

static void last_label(const struct dns_name *name, struct bytes *out)
{
    *out = BYTES_NONE;
    for (size_t at = 0; name->wire[at]; at += name->wire[at] + (size_t)1)
        *out = bytes_of(name->wire + at + 1, name->wire[at]);
}

/* Below a top-level label that begins so, names are words of the protocol. */
static bool is_reserved(const struct dns_name *name)
{
    struct bytes label;
    last_label(name, &label);
    return label.len >= 4 && bytes_equal_nocase(bytes_of(label.data, 4), BYTES_LIT("rpz-"));
}

static bool is_wildcard(const struct dns_name *name)
{
    return name->wire[0] == 1 && name->wire[1] == '*';
}

static bool is_word(const struct dns_name *name, const char *word)
{
    size_t len = strlen(word);
    return name->wire[0] == len && name->len == len + 2 &&
           bytes_equal_nocase(bytes_of(name->wire + 1, len), bytes_of(word, len));
}

/* ---- addresses ---- */

static bool take_address(struct maker *m, struct rule *r, const struct ip *ip)
{
    enum refusal_why not = guard_address(m->judge->guard, ip, m->judge->allow_special_use);
    if (not != REFUSAL_NONE)
        return no(m, r, not );
    unsigned *count = ip->len == 4 ? &r->v4_count : &r->v6_count;
    if (*count == FAMILY_MAX)
        return no(m, r, REFUSAL_TOO_MANY);
    (ip->len == 4 ? r->v4 : r->v6)[(*count)++] = *ip;
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
    r->port = s.port ? s.port : r->port;
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
            others += !is_furniture(r->record[i]->type);
    }
    if (!x)
        return false;
    if (others || !name_read(record_rdata(x), &at, &r->target) || at != x->rdata_len)
        return !no(m, r, REFUSAL_RPZ_RECORD); /* nothing stands beside a CNAME */
    name_lower(&r->target);
    /* The name itself is how passing through was said before there was a word for it. */
    if (is_word(&r->target, "rpz-passthru") || name_equal(&r->target, &r->owner)) {
        m->out->passed[m->out->passed_count++] = keep_name(m, &r->owner);
        return true;
    }
    return (r->target.len == 1 || is_wildcard(&r->target) || is_reserved(&r->target)) &&
           !no(m, r, REFUSAL_RPZ_ACTION);
}

/* ---- rules ---- */

static void take_record(struct maker *m, struct rule *r, const struct record *x)
{
    if (is_furniture(x->type))
        return;
    if (x->type == DNS_A || x->type == DNS_AAAA)
        take_address_record(m, r, x);
    else if (x->type == DNS_HTTPS)
        take_https(m, r, x);
    else if (x->type == DNS_CNAME)
        take_target(m, r);
    else
        no(m, r, REFUSAL_RPZ_RECORD);
    r->ttl = x->ttl < r->ttl ? x->ttl : r->ttl;
}

static bool has_rule(const struct rule *r)
{
    for (size_t i = 0; i < r->count; i++)
        if (!is_furniture(r->record[i]->type))
            return true;
    return false;
}

static bool check_trigger(struct maker *m, struct rule *r, char host[DNS_NAME_TEXT_MAX])
{
    struct dns_name name;
    struct refusal why;
    memcpy(host, r->text, sizeof r->text);
    if (is_wildcard(&r->owner))
        return no(m, r, REFUSAL_RPZ_WILDCARD);
    if (!field_host_name(host, &name))
        return no(m, r, REFUSAL_BAD_NAME);
    return guard_domain(m->judge->guard, host, &why) || no(m, r, why.why);
}

/* One mirror for each address of the family that has more of them, each with one of the other family, so that
 * every client gets both where the zone has both. Its id is that address: taking one away moves nobody else.
 */
static bool make_mirrors(struct maker *m, const struct rule *r, struct registration *out)
{
    bool by_v4 = r->v4_count >= r->v6_count;
    out->mirror_count = by_v4 ? r->v4_count : r->v6_count;
    out->mirrors = arena_array(m->arena, out->mirror_count, sizeof *out->mirrors);
    for (unsigned i = 0; out->mirrors && i < out->mirror_count; i++) {
        char id[IP_TEXT_MAX];
        struct ip *ip = arena_array(m->arena, 2, sizeof *ip);
        unsigned n = 0;
        if (!ip)
            return false;
        if (by_v4)
            ip_format(&r->v4[i], id);
        else
            hex_encode(bytes_of(r->v6[i].addr, 16), id);
        if (r->v4_count)
            ip[n++] = r->v4[i % r->v4_count];
        if (r->v6_count)
            ip[n++] = r->v6[i % r->v6_count];
        out->mirrors[i] = (struct mirror){.id = arena_text(m->arena, bytes_str(id)),
                                          .addresses = ip,
                                          .address_count = n,
                                          .weight = 100,
                                          .port = r->port};
        if (!out->mirrors[i].id)
            return false;
    }
    return out->mirrors != NULL;
}

static void add_site(struct maker *m, const struct rule *r, const char *host)
{
    struct registration *reg = arena_zalloc(m->arena, sizeof *reg);
    m->failed = !reg || !make_mirrors(m, r, reg) || !(reg->domain = arena_text(m->arena, bytes_str(host)));
    if (m->failed)
        return;
    reg->name = r->owner;
    reg->seq = m->judge->serial;
    reg->issued = m->judge->now;
    reg->expires = NEVER;
    reg->names = m->names;
    reg->full = &reg->name;
    reg->name_count = 1;
    reg->policy = (struct policy){.answers = 1, .ttl = r->ttl, .probe_path = "/"};
    if (reg->policy.ttl < POLICY_TTL_MIN)
        reg->policy.ttl = POLICY_TTL_MIN;
    m->out->sites[m->out->site_count++] = (struct view_source_site){reg, m->everywhere};
}

static void take_rule(struct maker *m, struct rule *r)
{
    char host[DNS_NAME_TEXT_MAX];
    name_to_text(&r->owner, r->text);
    if (!has_rule(r))
        return;
    if (is_reserved(&r->owner)) {
        no(m, r, REFUSAL_RPZ_TRIGGER);
        return;
    }
    if (ends_here(m, r) || !check_trigger(m, r, host))
        return;
    size_t refused = m->out->refused_count;
    for (size_t i = 0; i < r->count; i++)
        take_record(m, r, r->record[i]);
    if (r->v4_count + r->v6_count == 0) {
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
        struct rule r = {.record = all + i, .ttl = POLICY_TTL_MAX, .port = 443};
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

/* The delegation of all sites: blocked by address, everywhere. */
static const struct delegation *everywhere(struct arena *arena)
{
    struct delegation *d = arena_zalloc(arena, sizeof *d);
    struct blocked *b = arena_zalloc(arena, sizeof *b);
    if (!d || !b)
        return NULL;
    *b = (struct blocked){.country = VIEW_EVERYWHERE, .flags = BLOCK_IP};
    d->blocked = b;
    d->blocked_count = 1;
    return d;
}

bool rpz_rules_make(const struct records *records, const struct rpz_judge *judge, struct arena *arena,
                    struct rpz_rules *out)
{
    struct maker m = {.judge = judge, .arena = arena, .out = out, .everywhere = everywhere(arena)};
    const struct record **all = records_sorted(records);
    size_t count = records_count(records), owners = all ? count_owners(all, count) : 0;
    size_t sites = owners < RPZ_SITES_MAX ? owners : RPZ_SITES_MAX;
    *out =
        (struct rpz_rules){.list = {.version = judge->serial, .issued = judge->now, .expires = NEVER},
                           .sites = arena_array(arena, sites, sizeof *out->sites),
                           .passed = arena_array(arena, owners, sizeof *out->passed),
                           .targets = arena_array(arena, owners < RPZ_TARGETS_MAX ? owners : RPZ_TARGETS_MAX,
                                                  sizeof *out->targets)};
    m.names = arena_array(arena, 1, sizeof *m.names);
    m.failed = !all || !out->sites || !out->passed || !out->targets || !m.names || !m.everywhere;
    if (!m.failed) {
        m.names[0] = "@";
        take_all(&m, all, count);
    }
    free(all);
    return !m.failed;
}
