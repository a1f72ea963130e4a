/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules between settings: see rules.h. */
#include "data/conf/rules.h"

#include "data/dns/name.h"

static bool check_listen(const struct loader *l)
{
    const struct conf *c = l->conf;
    for (unsigned i = 0; i < c->listen_count; i++) {
        for (unsigned j = 0; j < i; j++)
            if (sock_addr_equal(&c->listen[i].address, &c->listen[j].address))
                return loader_fail_entry(l, "listen[#].address", i, "is listened to already");
        if (c->metrics.enabled && sock_addr_equal(&c->listen[i].address, &c->metrics.address))
            return loader_fail(l, "metrics.address", "is listened to already");
        if (c->listen[i].proxied && c->proxies.trusted_count == 0)
            return loader_fail_entry(l, "listen[#].proxy-protocol", i, "needs an entry in proxies.trusted");
        if (c->listen[i].protocol != CONF_HTTP && c->tls.count == 0)
            return loader_fail_entry(l, "listen[#].address", i,
                                     "https and tls need an entry in tls.certificates");
    }
    return true;
}

/* What would be without effect is refused: who gives a name or a pin expects it to be checked. */
static bool check_server(const struct loader *l, const struct conf_server *s, unsigned i)
{
    if (s->allow_clear && s->protocol != CONF_UDP)
        return loader_fail_entry(l, "upstream.servers[#].allow-clear-text", i,
                                 "is never asked in clear text");
    if (s->path && s->protocol != CONF_DOH)
        return loader_fail_entry(l, "upstream.servers[#].path", i, "needs protocol: https");
    if (s->protocol == CONF_UDP) {
        if (s->tls_name || s->pin_count || s->ca_file)
            return loader_fail_entry(l, "upstream.servers[#]", i,
                                     "udp cannot check tls-name, pins or ca-file");
        return true;
    }
    if (!s->tls_name && !s->pin_count)
        return loader_fail_entry(l, "upstream.servers[#]", i, "needs tls-name or pins to know the server by");
    if (s->ca_file && !s->tls_name)
        return loader_fail_entry(l, "upstream.servers[#].ca-file", i,
                                 "needs tls-name: pins alone ask for no CA");
    return true;
}

static const char *group_of(const struct conf_server *s)
{
    return s->group ? s->group : CONF_GROUP_DEFAULT;
}

static bool has_group(const struct conf *c, const char *group)
{
    for (unsigned i = 0; i < c->upstream.count; i++)
        if (strcmp(group_of(&c->upstream.servers[i]), group) == 0)
            return true;
    return false;
}

/* Servers of a group stand for each other: what some of them are asked in secret, all of them are asked. */
static bool check_secrecy(const struct loader *l, const struct conf_server *s, unsigned i)
{
    const struct conf *c = l->conf;
    for (unsigned j = 0; j < c->upstream.count; j++) {
        const struct conf_server *other = &c->upstream.servers[j];
        if (s->protocol == CONF_UDP && !s->allow_clear && other->protocol != CONF_UDP &&
            strcmp(group_of(s), group_of(other)) == 0)
            return loader_fail_entry(
                l, "upstream.servers[#]", i,
                "would be asked in clear text what others of its group are asked over tls or "
                "https: give it a group of its own, or allow-clear-text: true");
    }
    return true;
}

static bool check_forward(const struct loader *l)
{
    const struct conf *c = l->conf;
    struct dns_name name, other;
    if (!has_group(c, CONF_GROUP_DEFAULT))
        return loader_fail(l, "upstream.servers", "none is without a group, for names that no rule forwards");
    for (unsigned i = 0; i < c->upstream.forward_count; i++) {
        const struct conf_forward *f = &c->upstream.forward[i];
        if (!name_from_text(bytes_str(f->suffix), &name))
            return loader_fail_entry(l, "upstream.forward[#].suffix", i, "is not a domain name");
        for (unsigned j = 0; j < i; j++)
            if (name_from_text(bytes_str(c->upstream.forward[j].suffix), &other) && name_equal(&name, &other))
                return loader_fail_entry(l, "upstream.forward[#].suffix", i, "is forwarded already");
        if (name.len == 1 && f->internal)
            return loader_fail_entry(l, "upstream.forward[#]", i, "the root cannot be internal");
        if (!has_group(c, f->group))
            return loader_fail_entry(l, "upstream.forward[#].group", i, "no server is in it");
    }
    return true;
}

static bool check_upstream(const struct loader *l)
{
    const struct conf *c = l->conf;
    if (!check_forward(l))
        return false;
    for (unsigned i = 0; i < c->upstream.count; i++)
        if (!check_server(l, &c->upstream.servers[i], i))
            return false;
    for (unsigned i = 0; i < c->upstream.count; i++)
        if (!check_secrecy(l, &c->upstream.servers[i], i))
            return false;
    if (c->upstream.try_timeout > c->upstream.total_timeout)
        return loader_fail(l, "upstream.total-timeout", "must not be less than upstream.try-timeout");
    if (c->upstream.failure_min > c->upstream.failure_max)
        return loader_fail(l, "upstream.failure-max", "must not be less than upstream.failure-min");
    return true;
}

static bool check_lists(const struct loader *l)
{
    const struct conf *c = l->conf;
    for (unsigned i = 0; i < c->steering.list_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->steering.lists[i].name, c->steering.lists[j].name) == 0)
                return loader_fail_entry(l, "steering.lists[#].name", i, "is the name of another list");
    return true;
}

static bool check_rebinding(const struct loader *l)
{
    const struct conf *c = l->conf;
    struct dns_name name;
    for (unsigned i = 0; i < c->rebinding.allow_count; i++)
        if (!name_from_text(bytes_str(c->rebinding.allow[i]), &name))
            return loader_fail_entry(l, "rebinding.allow[#]", i, "is no domain name");
    return true;
}

static bool is_taken(const struct conf *c, unsigned rpz)
{
    const char *name = c->steering.rpz[rpz].name;
    for (unsigned i = 0; i < c->steering.list_count; i++)
        if (strcmp(c->steering.lists[i].name, name) == 0)
            return true;
    for (unsigned i = 0; i < rpz; i++)
        if (strcmp(c->steering.rpz[i].name, name) == 0)
            return true;
    return false;
}

static bool check_rpz(const struct loader *l, unsigned i)
{
    const struct conf_rpz *r = &l->conf->steering.rpz[i];
    bool primary = r->primary.sa.sa_family != AF_UNSPEC;
    struct dns_name name;
    if (is_taken(l->conf, i))
        return loader_fail_entry(l, "steering.rpz[#].name", i, "is the name of another list or policy zone");
    if (!name_from_text(bytes_str(r->zone), &name) || name.len == 1)
        return loader_fail_entry(l, "steering.rpz[#].zone", i, "must be a domain name");
    if (primary == (r->file != NULL))
        return loader_fail_entry(l, "steering.rpz[#]", i, "must have either a file or a primary");
    if (!r->tsig_name != !r->tsig_secret_file || (r->tsig_name && !primary))
        return loader_fail_entry(l, "steering.rpz[#]", i,
                                 "tsig-name and tsig-secret-file belong together, and to a primary");
    if (r->tsig_name && !name_from_text(bytes_str(r->tsig_name), &name))
        return loader_fail_entry(l, "steering.rpz[#].tsig-name", i, "must be a domain name");
    return r->refresh_min <= r->refresh_max ||
           loader_fail_entry(l, "steering.rpz[#].refresh-max", i, "must not be less than refresh-min");
}

static bool check_policies(const struct loader *l)
{
    for (unsigned i = 0; i < l->conf->steering.rpz_count; i++)
        if (!check_rpz(l, i))
            return false;
    return true;
}

bool rules_check(const struct loader *l)
{
    const struct conf *c = l->conf;
    if (strlen(c->control) >= sizeof c->metrics.address.un.sun_path)
        return loader_fail(l, "control", "longer than the 107 bytes a socket's path may have");
    if (c->cache.ttl_min > c->cache.ttl_max)
        return loader_fail(l, "cache.ttl-max", "must not be less than cache.ttl-min");
    return check_listen(l) && check_upstream(l) && check_rebinding(l) && check_lists(l) && check_policies(l);
}
