/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers made of a config: see roster.h. */
#include "resolver/roster.h"

#include <stdlib.h>

#include "data/base/log.h"
#include "resolver/complaint.h"
#include "resolver/https.h"
#include "resolver/tcp.h"

enum { GROUPS_MAX = SERVERS_MAX + 1 };

/* Names of groups, in the order they are met; only while a roster is made. */
struct names {
    unsigned count;
    const char *name[GROUPS_MAX];
};

static unsigned index_of(struct names *n, const char *group)
{
    unsigned i = 0;
    while (i < n->count && strcmp(n->name[i], group ? group : CONF_GROUP_DEFAULT) != 0)
        i++;
    if (i == n->count && i < GROUPS_MAX)
        n->name[n->count++] = group;
    return i;
}

static bool open_server(struct server *s, struct ev_loop *loop, const struct conf_server *c,
                        struct tls_client *peer)
{
    struct stream_env env = {
        .loop = loop, .server = &s->address, .peer = peer, .failed = complaint_of_dial, .self = s};
    static const char *const protocols[] = {
        [CONF_AUTO] = "udp", [CONF_UDP] = "udp", [CONF_DOT] = "tls", [CONF_DOH] = "https"};
    server_init(s, &c->address);
    s->protocol = protocols[c->protocol];
    s->group = c->group ? c->group : CONF_GROUP_DEFAULT;
    s->encrypted = c->protocol == CONF_DOT || c->protocol == CONF_DOH;
    /* Without a peer it would be asked in clear text: rather not at all. */
    if (s->encrypted && !peer)
        return false;
    s->stream = c->protocol == CONF_DOH
                    ? https_new(&env, &(struct https_options){c->tls_name, c->path, complaint_of_https})
                    : tcp_new(&env);
    return s->stream != NULL;
}

static bool open_servers(struct roster *r, struct ev_loop *loop, const struct conf *conf,
                         const struct peers *peers, struct names *names)
{
    for (unsigned i = 0; i < r->count; i++) {
        const struct conf_server *c = &conf->upstream.servers[i];
        struct server_group *g = &r->groups[index_of(names, c->group)];
        g->server[g->count++] = &r->servers[i];
        if (!open_server(&r->servers[i], loop, c, peers_at(peers, i)))
            return false;
    }
    r->group_count = names->count;
    return true;
}

/* A rule whose group has no server would fail every question: the config has no such rule. */
static bool read_rules(struct roster *r, const struct conf *conf, struct names *names)
{
    r->forwards.rule = calloc(conf->upstream.forward_count + 1, sizeof *r->forwards.rule);
    if (!r->forwards.rule)
        return false;
    for (unsigned i = 0; i < conf->upstream.forward_count; i++) {
        const struct conf_forward *c = &conf->upstream.forward[i];
        struct forward_rule *rule = &r->forwards.rule[r->forwards.count++];
        rule->group = index_of(names, c->group);
        if (rule->group >= r->group_count || !name_from_text(bytes_str(c->suffix), &rule->suffix))
            return false;
        name_lower(&rule->suffix);
    }
    forwards_sort(&r->forwards);
    return true;
}

bool roster_init(struct roster *r, struct ev_loop *loop, const struct conf *conf, const struct peers *peers)
{
    struct names names = {1, {CONF_GROUP_DEFAULT}};
    unsigned count = conf->upstream.count < SERVERS_MAX ? conf->upstream.count : SERVERS_MAX;
    if (count < conf->upstream.count)
        log_warn("upstream.too-many", "used=%u configured=%u", count, conf->upstream.count);
    *r = (struct roster){.count = count,
                         .servers = calloc(count + 1, sizeof *r->servers),
                         .groups = calloc(count + 1, sizeof *r->groups)};
    return r->servers && r->groups && open_servers(r, loop, conf, peers, &names) &&
           read_rules(r, conf, &names);
}

void roster_fini(struct roster *r)
{
    for (unsigned i = 0; r->servers && i < r->count; i++)
        stream_free(&r->servers[i].stream);
    free(r->servers);
    free(r->groups);
    free(r->forwards.rule);
    *r = (struct roster){0};
}

const struct server_group *roster_group(const struct roster *r, const struct dns_query *q)
{
    const struct forward_rule *rule = forwards_find(&r->forwards, &q->name, q->type);
    return &r->groups[rule ? rule->group : 0];
}
