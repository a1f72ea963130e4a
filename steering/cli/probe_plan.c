/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Words into jobs: see probe_plan.h. */
#include "steering/cli/probe_plan.h"

#include "data/list/field.h"
#include "steering/cli/site_index.h"

enum { PORT = 443, JOBS_MAX = 100000 };

struct planning {
    struct cli *c;
    const struct daemon *d;
    const struct probe_wish *wish;
    struct site_index index;
    struct probe_plan *out;
};

/* A mirror of one address, laid out as in a view: the address stands behind it. */
struct foreign {
    struct view_mirror mirror;
    struct ip address;
};

static bool parse_address(const char *text, union sock_addr *out)
{
    struct ip ip;
    if (ip_parse(bytes_str(text), &ip))
        return sock_addr_of(&ip, 0, out), true;
    return sock_addr_parse(bytes_str(text), PORT, out) && sock_addr_ip(out).len;
}

/* "9.9.9" is no domain but half an address. */
static bool is_domain(struct cli *c, const char *word)
{
    struct dns_name name;
    char *copy = arena_text(&c->arena, bytes_str(word));
    const char *last = strrchr(word, '.');
    return copy && last && last[1 + strspn(last + 1, "0123456789")] && field_host_name(copy, &name);
}

bool probe_plan_check(struct cli *c, const struct probe_wish *wish)
{
    union sock_addr address;
    struct ip ip;
    if (wish->address && !parse_address(wish->address, &address))
        return cli_usage(c, "--address wants an address like 198.51.100.7 or [2001:db8::7]:443, not '%s'",
                         wish->address),
               false;
    for (unsigned i = 0; i < wish->words->count; i++) {
        const char *word = wish->words->item[i];
        bool is_ip = ip_parse(bytes_str(word), &ip);
        if (is_ip && wish->address)
            return cli_usage(c, "with --address give domains; '%s' is an address", word), false;
        if (!is_ip && !is_domain(c, word))
            return cli_usage(c, "'%s' is neither a domain nor an address", word), false;
    }
    return true;
}

static bool add_job(struct planning *p, const struct view_site *site, const struct view_mirror *m,
                    unsigned address, const struct dns_name *name)
{
    struct probe_plan *out = p->out;
    if (out->count == out->room) {
        size_t room = out->room ? 2 * out->room : 64;
        struct probe_job *more = arena_array(&p->c->arena, room, sizeof *more);
        if (!more || room > JOBS_MAX)
            return cli_fail(more ? "more than %d probes at once; name fewer sites" : "out of memory",
                            JOBS_MAX),
                   false;
        if (out->count)
            memcpy(more, out->job, out->count * sizeof *more);
        out->job = more;
        out->room = room;
    }
    out->job[out->count++] = (struct probe_job){.site = site, .mirror = m, .address = address, .name = *name};
    return true;
}

/* Under the name that was given, or the first, or all. */
static bool add_names(struct planning *p, const struct view_site *site, const struct view_mirror *m,
                      unsigned address, const struct dns_name *given)
{
    size_t count;
    struct dns_name name;
    const struct site_name *row = site_index_find(&p->index, site, &count);
    if (given && !p->wish->all_names)
        return add_job(p, site, m, address, given);
    for (size_t i = 0; i < count && (i == 0 || p->wish->all_names); i++) {
        site_name_copy(&row[i], &name);
        if (!add_job(p, site, m, address, &name))
            return false;
    }
    return true;
}

static bool add_own(struct planning *p, const struct view_site *site, const struct dns_name *given)
{
    const struct view_mirror *m = view_site_mirrors(site);
    for (unsigned i = 0; i < site->mirror_count; i++)
        for (unsigned k = 0; k < m[i].address_count; k++)
            if (!add_names(p, site, &m[i], k, given))
                return false;
    return true;
}

static const struct view_mirror *mirror_at(const struct view_site *site, const struct ip *ip, unsigned *at)
{
    const struct view_mirror *m = view_site_mirrors(site);
    for (unsigned i = 0; i < site->mirror_count; i++)
        for (*at = 0; *at < m[i].address_count; ++*at)
            if (ip_equal(&view_mirror_addresses(&m[i])[*at], ip))
                return &m[i];
    return NULL;
}

/* The address given: of the mirror that has it, unless another port is asked for. */
static bool add_given(struct planning *p, const struct view_site *site, const struct dns_name *given)
{
    union sock_addr to;
    unsigned at;
    parse_address(p->wish->address, &to);
    struct ip ip = sock_addr_ip(&to);
    uint16_t port = sock_addr_port(&to);
    const struct view_mirror *m = mirror_at(site, &ip, &at);
    if (m && (!port || port == m->port))
        return add_names(p, site, m, at, given);
    struct foreign *f = arena_zalloc(&p->c->arena, sizeof *f);
    if (!f)
        return cli_fail("out of memory"), false;
    f->mirror.address_at = offsetof(struct foreign, address);
    f->mirror.address_count = 1;
    f->mirror.port = port ? port : PORT;
    f->address = ip;
    return add_names(p, site, &f->mirror, 0, given);
}

/* A site whose domain it is, but under other names only. */
static const struct view_site *site_of_domain(const struct planning *p, const struct dns_name *domain)
{
    for (size_t i = 0; i < p->index.count; i++)
        if (name_equal(&p->index.row[i].site->domain, domain))
            return p->index.row[i].site;
    return NULL;
}

static bool add_domain(struct planning *p, const char *word)
{
    struct dns_name name;
    name_from_text(bytes_str(word), &name);
    name_lower(&name);
    const struct view_site *site = view_find(p->d->view, &name);
    const struct dns_name *given = site ? &name : NULL;
    if (!site && !(site = site_of_domain(p, &name)))
        return cli_fail("no list has %s; `polynya why %s` says more", word, word), false;
    return p->wish->address ? add_given(p, site, given) : add_own(p, site, given);
}

static bool add_address(struct planning *p, const char *word, const struct ip *ip)
{
    size_t before = p->out->count;
    const struct view_site *last = NULL;
    unsigned at;
    for (size_t i = 0; i < p->index.count; i++) {
        const struct view_site *site = p->index.row[i].site;
        const struct view_mirror *m = site != last ? mirror_at(site, ip, &at) : NULL;
        last = site;
        if (m && !add_names(p, site, m, at, NULL))
            return false;
    }
    return p->out->count > before || !cli_fail("no site has a mirror at %s; see `polynya mirrors`", word);
}

bool probe_plan_make(struct cli *c, const struct daemon *d, const struct probe_wish *wish,
                     struct probe_plan *out)
{
    struct planning p = {.c = c, .d = d, .wish = wish, .out = out};
    *out = (struct probe_plan){0};
    if (!site_index_make(c, d->view, &p.index))
        return false;
    for (unsigned i = 0; i < wish->words->count; i++) {
        const char *word = wish->words->item[i];
        struct ip ip;
        if (ip_parse(bytes_str(word), &ip) ? !add_address(&p, word, &ip) : !add_domain(&p, word))
            return false;
    }
    return true;
}
