/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What was not given: see rules.h. */
#include "data/conf/rules.h"

#include "data/conf/resolv.h"

static bool system_servers(const struct loader *l)
{
    union sock_addr found[RESOLV_MAX];
    unsigned count = resolv_read("/etc/resolv.conf", found);
    struct conf *c = l->conf;
    if (count == 0)
        return loader_fail(l, "upstream.servers", "missing, and /etc/resolv.conf has no nameserver");
    c->upstream.servers = arena_array(l->env.arena, count, sizeof *c->upstream.servers);
    if (!c->upstream.servers)
        return loader_no_memory(l);
    for (unsigned i = 0; i < count; i++)
        c->upstream.servers[i] = (struct conf_server){.address = found[i]};
    c->upstream.count = count;
    return true;
}

static void complete_server(struct conf_server *s)
{
    static const uint16_t ports[] = {[CONF_UDP] = 53, [CONF_DOT] = 853, [CONF_DOH] = 443};
    if (s->protocol == CONF_AUTO)
        s->protocol = s->tls_name || s->pin_count ? CONF_DOT : CONF_UDP;
    struct ip ip = sock_addr_ip(&s->address);
    if (sock_addr_port(&s->address) == 0)
        sock_addr_of(&ip, ports[s->protocol], &s->address);
    if (s->protocol == CONF_DOH && !s->path)
        s->path = "/dns-query";
}

/* A list of names in the config, with the internal suffixes added that it lacks. */
static bool add_internal(const struct loader *l, const char *const **list, unsigned *count)
{
    const struct conf *c = l->conf;
    const char **all = arena_array(l->env.arena, *count + c->upstream.forward_count, sizeof *all);
    if (!all)
        return loader_no_memory(l);
    if (*count)
        memcpy(all, *list, *count * sizeof *all);
    for (unsigned i = 0; i < c->upstream.forward_count; i++) {
        const struct conf_forward *f = &c->upstream.forward[i];
        unsigned j = 0;
        while (j < *count && strcasecmp(all[j], f->suffix) != 0)
            j++;
        if (f->internal && j == *count)
            all[(*count)++] = f->suffix;
    }
    *list = all;
    return true;
}

/* What only the inside knows cannot be validated from the root down, and lives on private addresses. */
static bool except_internal(const struct loader *l)
{
    struct conf *c = l->conf;
    return add_internal(l, &c->dnssec.negative, &c->dnssec.negative_count) &&
           add_internal(l, &c->rebinding.allow, &c->rebinding.allow_count);
}

bool rules_complete(const struct loader *l)
{
    struct conf *c = l->conf;
    c->metrics.enabled = c->metrics.address.sa.sa_family != AF_UNSPEC;
    if (!c->control)
        c->control = arena_printf(l->env.arena, "%s/control.sock", c->state_dir);
    if (!c->control)
        return loader_no_memory(l);
    if (c->upstream.count == 0 && !system_servers(l))
        return false;
    for (unsigned i = 0; i < c->upstream.count; i++)
        complete_server(&c->upstream.servers[i]);
    return except_internal(l);
}
