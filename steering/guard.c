/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The guards: see guard.h. */
#include "steering/guard.h"

#include <libpsl.h>
#include <stdlib.h>

struct guard {
    psl_ctx_t *suffixes;
    size_t denied_count;
    struct ip_net denied[];
};

/* IANA IPv4 and IPv6 Special-Purpose Address Registries (RFC 6890), every block that is not plain global
 * unicast, multicast and class E included. Of IPv6 only 2000::/3 is global unicast (RFC 4291 2.4): what lies
 * outside needs no row. Blocks that are delegated to anycast services (AS112) are no place for a mirror
 * either. */
static const struct ip_net special[] = {
    {{4, {0}}, 8},
    {{4, {10}}, 8},
    {{4, {100, 64}}, 10},
    {{4, {127}}, 8},
    {{4, {169, 254}}, 16},
    {{4, {172, 16}}, 12},
    {{4, {192, 0, 0}}, 24},
    {{4, {192, 0, 2}}, 24},
    {{4, {192, 31, 196}}, 24},
    {{4, {192, 52, 193}}, 24},
    {{4, {192, 88, 99}}, 24},
    {{4, {192, 168}}, 16},
    {{4, {192, 175, 48}}, 24},
    {{4, {198, 18}}, 15},
    {{4, {198, 51, 100}}, 24},
    {{4, {203, 0, 113}}, 24},
    {{4, {224}}, 3},
    {{16, {0x20, 0x01, 0x00}}, 23},
    {{16, {0x20, 0x01, 0x0d, 0xb8}}, 32},
    {{16, {0x20, 0x02}}, 16},
    {{16, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}}, 48},
    {{16, {0x3f, 0xff}}, 20},
};

static const struct ip_net global_v6 = {{16, {0x20}}, 3};
static const struct ip_net mapped_v4 = {{16, {[10] = 0xff, [11] = 0xff}}, 96};

bool guard_is_global(const struct ip *ip)
{
    for (size_t i = 0; i < sizeof special / sizeof *special; i++)
        if (ip_within(ip, &special[i]))
            return false;
    return ip->len == 4 || ip_within(ip, &global_v6);
}

bool guard_is_denied(const struct guard *g, const struct ip *ip)
{
    struct ip plain = *ip;
    if (ip_within(ip, &mapped_v4)) {
        plain.len = 4;
        memcpy(plain.addr, ip->addr + 12, 4);
    }
    for (size_t i = 0; i < g->denied_count; i++)
        if (ip_within(&plain, &g->denied[i]))
            return true;
    return false;
}

enum refusal_why guard_address(const struct guard *g, const struct ip *ip, bool allow_special_use)
{
    if (!allow_special_use && !guard_is_global(ip))
        return REFUSAL_SPECIAL_USE;
    return guard_is_denied(g, ip) ? REFUSAL_DENIED : REFUSAL_NONE;
}

struct guard *guard_new(const struct ip_net *denied, size_t count)
{
    struct guard *g = malloc(sizeof *g + count * sizeof *denied);
    if (!g)
        return NULL;
    g->denied_count = count;
    if (count)
        memcpy(g->denied, denied, count * sizeof *denied);
    g->suffixes = psl_latest(NULL);
    if (!g->suffixes)
        guard_free(&g);
    return g;
}

void guard_free(struct guard **g)
{
    if (!*g)
        return;
    psl_free((*g)->suffixes);
    free(*g);
    *g = NULL;
}

const char *guard_registered(const struct guard *g, const char *domain)
{
    const char *found = psl_registrable_domain(g->suffixes, domain);
    const char *dot = found ? NULL : strchr(domain, '.');
    return found ? found : dot ? dot + 1 : "";
}

bool guard_domain(const struct guard *g, const char *domain, struct refusal *why)
{
    if (domain[0] == '_' || strstr(domain, "._"))
        return refuse(why, REFUSAL_BAD_NAME, "%s", domain);
    if (psl_is_public_suffix(g->suffixes, domain) || !psl_registrable_domain(g->suffixes, domain))
        return refuse(why, REFUSAL_PUBLIC_SUFFIX, "%s", domain);
    return true;
}

/* A name under the domain may be a public suffix of its own (*.kawasaki.jp), and none may begin with "_". */
static bool check_name(const struct guard *g, const struct registration *reg, unsigned i, struct refusal *why)
{
    char text[DNS_NAME_TEXT_MAX];
    if (!name_within(&reg->full[i], &reg->name))
        return refuse(why, REFUSAL_WRONG_DOMAIN, "names[%u]", i);
    name_to_text(&reg->full[i], text);
    if (guard_domain(g, text, why))
        return true;
    refusal_within(why, "names[%u]", i);
    return false;
}

static bool check_mirror(const struct guard *g, const struct mirror *m, bool allow_special_use,
                         struct refusal *why)
{
    if (m->port != 443 && !allow_special_use)
        return refuse(why, REFUSAL_BAD_PORT, "port");
    for (unsigned i = 0; i < m->address_count; i++) {
        enum refusal_why not = guard_address(g, &m->addresses[i], allow_special_use);
        if (not != REFUSAL_NONE)
            return refuse(why, not, "addresses[%u]", i);
    }
    return true;
}

bool guard_registration(const struct guard *g, const struct registration *reg, bool allow_special_use,
                        struct refusal *why)
{
    if (!guard_domain(g, reg->domain, why))
        return false;
    for (unsigned i = 0; i < reg->name_count; i++)
        if (!check_name(g, reg, i, why))
            return false;
    for (unsigned i = 0; i < reg->mirror_count; i++)
        if (!check_mirror(g, &reg->mirrors[i], allow_special_use, why)) {
            refusal_within(why, "mirrors[%u]", i);
            return false;
        }
    return true;
}

static bool is_owner(const struct delegations *all, const struct delegation *d, const struct dns_name *name)
{
    char text[DNS_NAME_TEXT_MAX];
    name_to_text(name, text);
    const char *domain = text + strlen(text) - strlen(d->domain);
    for (const char *at = text; at < domain; at = strchr(at, '.') + 1) {
        const struct delegation *below = delegations_find(all, at);
        if (below && !minisign_public_equal(&below->key, &d->key))
            return false;
    }
    return true;
}

bool guard_owner(const struct delegations *all, const struct delegation *d, const struct registration *reg,
                 struct refusal *why)
{
    for (unsigned i = 0; i < reg->name_count; i++)
        if (!is_owner(all, d, &reg->full[i]))
            return refuse(why, REFUSAL_WRONG_DOMAIN, "names[%u]", i);
    return true;
}
