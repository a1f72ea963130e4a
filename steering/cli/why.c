/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya why`: how a daemon decides about a name, step by step, from what stands in its steering.mdb. The
 * decision is made by the worker's own code (steer.h); every word about a mirror is that code's verdict. */
#include "steering/cli/why.h"

#include "data/list/field.h"
#include "data/store/geoip.h"

enum { NETWORK_V4 = 24, NETWORK_V6 = 56 }; /* what of an address is looked at, see pick.h */

struct options {
    struct daemon_from daemon;
    const char *client, *country, *type;
    bool json;
    int64_t now;
};

static const struct cli_option options[] = {
    DAEMON_OPTIONS(options),
    CLI_OPTION("client", 0, CLI_TEXT, options, client, "ADDRESS|NET",
               "who asks: an address, or a network of at most a /24 or /56; default: unknown"),
    CLI_OPTION("country", 0, CLI_TEXT, options, country, "CC",
               "where the client is; default: as geoip in the config says, or unknown"),
    CLI_OPTION("type", 't', CLI_TEXT, options, type, "TYPE", "A, AAAA, HTTPS or another; default: all three"),
    CLI_JSON_OPTION(options),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

/* v6 text of a v4 address is that v4 client, as in a worker. */
static void unmap(struct ip_net *net)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (net->ip.len != 16 || net->bits < 96 || memcmp(net->ip.addr, mapped, 12) != 0)
        return;
    memmove(net->ip.addr, net->ip.addr + 12, 4);
    net->ip.len = 4;
    net->bits = (uint8_t)(net->bits - 96);
}

/* What of the address is looked at. */
static void cut_network(struct ip_net *net)
{
    net->bits = net->ip.len == 4 ? NETWORK_V4 : NETWORK_V6;
    for (unsigned i = net->bits / 8u; i < net->ip.len; i++)
        net->ip.addr[i] = 0;
}

static bool parse_client(const struct options *o, struct why *q)
{
    if (o->country && !field_is_country(o->country))
        return cli_usage(q->c, "--country wants a country like RU, not '%s'", o->country), false;
    if (o->country)
        memcpy(q->client.country, o->country, 3);
    if (!o->client)
        return true;
    if (!ip_net_parse(bytes_str(o->client), &q->network))
        return cli_usage(q->c, "--client wants an address or a network like 198.51.100.0/24, not '%s'",
                         o->client),
               false;
    unmap(&q->network);
    if (q->network.bits < (q->network.ip.len == 4 ? NETWORK_V4 : NETWORK_V6))
        return cli_usage(q->c, "%s holds clients that are told apart: give at most a /%d or /%d", o->client,
                         NETWORK_V4, NETWORK_V6),
               false;
    q->client.ip = q->network.ip;
    cut_network(&q->network);
    return true;
}

static bool parse(const struct options *o, struct why *q)
{
    const char *name = q->c->words.item[0];
    q->type = DNS_A;
    q->one_type = o->type != NULL;
    q->now = cli_now(o->now);
    if (!name_from_text(bytes_str(name), &q->name))
        return cli_usage(q->c, "'%s' is not a domain name", name), false;
    name_lower(&q->name);
    if (o->type && !dns_type_parse(bytes_str(o->type), &q->type))
        return cli_usage(q->c, "'%s' is not a type: A, AAAA, HTTPS, MX, TYPE65…", o->type), false;
    return parse_client(o, q);
}

/* As a worker would, where it has a database and no country is given. */
static bool place(struct why *q)
{
    char error[512];
    const struct conf *conf = q->daemon.conf;
    if (!conf || !conf->geoip || !q->client.ip.len || q->client.country[0])
        return true;
    struct geoip *g = geoip_open(conf->geoip, error, sizeof error);
    if (!g)
        return cli_fail("%s; give --country", error), false;
    geoip_country(g, &q->client.ip, q->client.country);
    q->by_geoip = q->client.country[0] != 0;
    geoip_free(&g);
    return true;
}

static bool decide(struct why *q)
{
    uint8_t master[STATE_SECRET];
    if (state_load_secret(q->daemon.store, master) != STORE_OK)
        return cli_fail("steering.mdb in %s has no secret; has the daemon run to its end?",
                        q->daemon.state_dir),
               false;
    steer_day_secret(master, q->now, q->day_secret);
    explicit_bzero(master, sizeof master);
    steer_decide(q->daemon.view, q->daemon.health, &q->name, q->type, &q->client, q->day_secret, q->now,
                 &q->decision);
    q->site = view_find(q->daemon.view, &q->name);
    return true;
}

static int tell(const struct why *q, bool json)
{
    json_t *tree = why_tree(q);
    if (json || !tree)
        return cli_json(tree);
    why_print(tree);
    json_decref(tree);
    return CLI_OK;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct why q = {.c = c};
    int status = CLI_FAILED;
    if (parse(o, &q) && daemon_load(c, &o->daemon, &q.daemon) && place(&q) && decide(&q))
        status = tell(&q, o->json);
    explicit_bzero(q.day_secret, sizeof q.day_secret);
    daemon_close(&q.daemon);
    return status;
}

const struct cli_command command_why = {
    .name = "why",
    .words = "NAME",
    .summary = "Explain, step by step, how a daemon answers for a name",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
