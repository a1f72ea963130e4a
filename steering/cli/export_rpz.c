/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya export rpz`: what the daemon believes of one list, and knows to be up, as a policy zone for BIND,
 * Unbound, Knot Resolver and others. Reads steering.mdb beside the running daemon and writes one file, which
 * is left alone when nothing changed: to be run every minute. */
#include <stdio.h>

#include "data/list/field.h"
#include "steering/cli/copies.h"
#include "steering/cli/daemon.h"

enum { ZONE_SIZE_MAX = 256 << 20, TIMEOUT_DEFAULT = 10 /* seconds */ };

struct options {
    struct daemon_from daemon;
    const char *zone, *list, *region, *out;
    struct cli_words resolvers;
    uint64_t timeout;
    bool no_copies;
    int64_t now;
};

static const struct cli_option options[] = {
    DAEMON_OPTIONS(options),
    CLI_OPTION("zone", 'z', CLI_TEXT, options, zone, "NAME", "the zone's name; default: rpz.polynya"),
    CLI_OPTION("list", 'l', CLI_TEXT, options, list, "NAME", "which list, if there are several"),
    CLI_OPTION("region", 0, CLI_TEXT, options, region, "CC",
               "for readers in this country; default: for readers anywhere"),
    CLI_OPTION("no-copies", 0, CLI_FLAG, options, no_copies, NULL,
               "without the MX, TXT and CAA of the sites' domains"),
    CLI_OPTION("resolver", 0, CLI_MANY, options, resolvers, "ADDRESS",
               "ask this one for them, not the daemon's upstreams or the system's"),
    CLI_OPTION("timeout", 0, CLI_NUMBER, options, timeout, "SECONDS", "for all that asking; default: 10"),
    CLI_OPTION("out", 'o', CLI_TEXT, options, out, "FILE",
               "put it there at once and whole, if anything changed; default: standard output"),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

/* The one meant; NULL, said, if that is not clear. */
static const struct view_list *list_of(const struct view *v, const char *name)
{
    size_t count;
    const struct view_list *l = view_lists(v, &count), *only = NULL;
    /* Policy zones stand behind all lists, and are exported only where they are meant. */
    for (size_t i = 0; !name && i < count && l[i].trust == VIEW_SIGNED; i++)
        only = i == 0 ? l : NULL;
    if (!name && count == 1)
        only = l;
    if (only)
        return only;
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(l[i].name, name) == 0)
            return &l[i];
    if (name || !count)
        cli_fail("the daemon has accepted no list%s%s yet; see `polynya status`", name ? " " : "",
                 name ? name : "");
    else
        cli_fail("there are %zu lists, and each is a zone: give one with --list (%s, %s, …)", count,
                 l[0].name, l[1].name);
    return NULL;
}

/* The zone written last; false, said, if out is something else, which is not overwritten. */
static bool read_old(struct cli *c, const char *out, struct rpz_old *old, bool *is_old)
{
    struct bytes file;
    *is_old = false;
    if (!out || !cli_exists(out))
        return true;
    if (!cli_read(c, out, ZONE_SIZE_MAX, &file))
        return false;
    *is_old = file.len && rpz_old_read(file, old);
    return *is_old || !file.len || !cli_fail("%s is no zone by polynya, and not overwritten", out);
}

static bool add_server(struct cli *c, struct copies *how, const char *text)
{
    if (how->count == COPIES_SERVERS_MAX)
        return cli_usage(c, "more than %d resolvers", COPIES_SERVERS_MAX), false;
    struct ip ip;
    if (ip_parse(bytes_str(text), &ip))
        sock_addr_of(&ip, 53, &how->server[how->count++]);
    else if (!sock_addr_parse(bytes_str(text), 53, &how->server[how->count++]))
        return cli_usage(c, "--resolver wants an address like 9.9.9.9 or [2620:fe::9]:53, not '%s'", text),
               false;
    return true;
}

static bool servers_of(struct cli *c, const struct options *o, const struct conf *conf, struct copies *how)
{
    how->timeout_ms = (o->timeout ? o->timeout : TIMEOUT_DEFAULT) * 1000;
    for (unsigned i = 0; i < o->resolvers.count; i++)
        if (!add_server(c, how, o->resolvers.item[i]))
            return false;
    for (unsigned i = 0; conf && !o->resolvers.count && i < conf->upstream.count; i++)
        if (conf->upstream.servers[i].protocol == CONF_UDP && !conf->upstream.servers[i].group &&
            how->count < COPIES_SERVERS_MAX)
            how->server[how->count++] = conf->upstream.servers[i].address;
    /* Without any the system's resolver would be asked: in clear text, which is what the operator has ruled
     * out. */
    if (conf && !how->count && !o->no_copies)
        return cli_usage(
                   c, "the config has no plain upstream to ask for copies: name one with --resolver, or give "
                      "--no-copies"),
               false;
    return true;
}

static int write_zone(struct cli *c, const struct options *o, const struct rpz_zone *z,
                      const struct rpz_old *old)
{
    struct bytes text;
    bool same;
    if (!rpz_print(z, old, &c->arena, &text, &same))
        return cli_fail("out of memory");
    if (z->too_long)
        fprintf(stderr, "polynya: %zu names left out: too long with %s behind them\n", z->too_long,
                z->origin);
    if (same)
        return CLI_OK;
    if (o->out)
        return cli_replace(o->out, text) ? CLI_OK : CLI_FAILED;
    return fwrite(text.data, 1, text.len, stdout) == text.len ? CLI_OK : CLI_FAILED;
}

static int export_view(struct cli *c, const struct options *o, const struct daemon *d)
{
    struct dns_name origin;
    struct copies how = {0};
    struct rpz_old old;
    struct rpz_zone zone;
    bool is_old;
    const char *name = o->zone ? o->zone : "rpz.polynya";
    if (!name_from_text(bytes_str(name), &origin) || origin.len == 1)
        return cli_usage(c, "--zone wants a name like rpz.example, not '%s'", name);
    const struct view_list *list = list_of(d->view, o->list);
    if (!list || !servers_of(c, o, d->conf, &how) || !read_old(c, o->out, &old, &is_old))
        return CLI_FAILED;
    if (!rpz_choose(d->view, d->health, list, &origin, o->region ? o->region : "", cli_now(o->now), &c->arena,
                    &zone))
        return cli_fail("out of memory");
    if (!o->no_copies && !copies_fetch(c, &how, &zone, is_old ? &old : NULL))
        return CLI_FAILED;
    return write_zone(c, o, &zone, is_old ? &old : NULL);
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct daemon d;
    if (o->region && !field_is_country(o->region))
        return cli_usage(c, "--region wants a country like RU, not '%s'", o->region);
    int status = daemon_load(c, &o->daemon, &d) ? export_view(c, o, &d) : CLI_FAILED;
    daemon_close(&d);
    return status;
}

const struct cli_command command_export_rpz = {
    .name = "export rpz",
    .words = "",
    .summary = "Write a list as a policy zone (RPZ) for BIND, Unbound, Knot Resolver and others",
    .options = options,
    .size = sizeof(struct options),
    .most = 0,
    .run = run,
};
