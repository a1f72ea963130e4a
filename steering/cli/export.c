/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Gathering what is exported: see export.h. Judged by steering/trust, the very code of the daemon. */
#include "steering/cli/export.h"

#include <stdio.h>

#include "data/list/field.h"
#include "steering/cli/daemon.h"
#include "steering/cli/list.h"

/* The list's word on a mirror: for the region, else for everywhere; not told is usable. Void once the list
 * has expired. */
static bool is_up(const struct list_doc *l, const struct export_from *from, const char *domain,
                  const char *mirror, int64_t now)
{
    const struct list_mirror_health *h = l->expires > now ? list_health(l, domain, mirror) : NULL;
    bool everywhere = true;
    for (unsigned i = 0; h && i < h->region_count; i++) {
        if (from->region && strcmp(h->regions[i].region, from->region) == 0)
            return h->regions[i].up;
        if (strcmp(h->regions[i].region, "*") == 0)
            everywhere = h->regions[i].up;
    }
    return everywhere;
}

static bool is_blocked(const struct mirror *m, const char *region)
{
    for (unsigned i = 0; region && i < m->blocked_count; i++)
        if (strcmp(m->blocked_in[i], region) == 0)
            return true;
    return false;
}

static bool fill_usable(struct cli *c, const struct export_from *from, const struct list_doc *l,
                        struct export_site *site)
{
    const struct registration *r = site->registration;
    bool *usable = arena_array(&c->arena, r->mirror_count + 1, sizeof *usable);
    for (unsigned i = 0; usable && i < r->mirror_count; i++) {
        const struct mirror *m = &r->mirrors[i];
        usable[i] = !is_blocked(m, from->region) && is_up(l, from, r->domain, m->id, cli_now(from->now));
        site->usable_count += usable[i];
    }
    site->usable = usable;
    return usable != NULL;
}

/* Adds the sites of one list behind those of the lists before it. */
static bool add_sites(struct cli *c, const struct export_from *from, const char *list,
                      const struct trust_result *r, struct export_sites *out)
{
    struct export_site *all = arena_array(&c->arena, out->count + r->site_count + 1, sizeof *all);
    if (!all)
        return cli_fail("out of memory"), false;
    if (out->count)
        memcpy(all, out->site, out->count * sizeof *all);
    out->site = all;
    for (size_t i = 0; i < r->site_count; i++) {
        struct export_site *site = &all[out->count];
        *site = (struct export_site){.list = list,
                                     .list_version = r->list.version,
                                     .list_expires = r->list.expires,
                                     .registration = r->sites[i].registration,
                                     .delegation = r->sites[i].delegation};
        if (!fill_usable(c, from, &r->list, site))
            return cli_fail("out of memory"), false;
        out->count++;
    }
    return true;
}

static void tell_refused(const char *document, const char *text)
{
    fprintf(stderr, "polynya: left out: %s: %s\n", document, text);
}

static bool load_folder(struct cli *c, const struct export_from *from, struct export_sites *out)
{
    struct list_check check = {.dir = c->words.item[0],
                               .root = from->root,
                               .allow_special_use = from->allow_special_use,
                               .now = cli_now(from->now)};
    struct list_verdicts v;
    if (!from->root)
        return cli_usage(c, "a list is worth what its root is: give the one you trust with --root"), false;
    if (!list_judge(c, &check, &v))
        return false;
    for (unsigned i = 0; i < v.count; i++)
        if (!v.rows[i].accepted)
            tell_refused(v.rows[i].document, v.rows[i].text);
    if (!v.result)
        return cli_fail("nothing in %s can be believed", check.dir), false;
    return add_sites(c, from, check.dir, v.result, out);
}

/* One list as the daemon took it. */
struct stored {
    struct cli *c;
    const struct conf_list *conf;
    struct guard *guard;
    struct store_txn *t;
    int64_t now;
};

static void on_refused_site(void *self, const char *domain, const struct refusal *why)
{
    (void)self;
    tell_refused(domain[0] ? domain : "a registration", refusal_text(why->why));
}

static bool copy_item(const struct stored *s, enum state_item item, struct bytes *out)
{
    struct bytes value;
    if (state_get(s->t, s->conf->name, item, &value) != STORE_OK)
        return false;
    *out = arena_copy(&s->c->arena, value);
    return out->data != NULL;
}

/* The seqs the daemon accepted, in the order of their domains: a stored list also holds what it refused. */
struct seqs {
    struct arena *arena;
    struct trust_seq *seq;
    size_t count, room;
};

static bool count_seq(void *self, const char *domain, const struct state_seq *v)
{
    (void)domain, (void)v;
    ((struct seqs *)self)->room++;
    return true;
}

static bool take_seq(void *self, const char *domain, const struct state_seq *v)
{
    struct seqs *all = self;
    struct trust_seq *seq = &all->seq[all->count++];
    *seq = (struct trust_seq){.domain = arena_text(all->arena, bytes_str(domain)), .value = *v};
    return seq->domain && all->count < all->room;
}

static bool give_seqs(const struct stored *s, struct trust_input *in)
{
    struct seqs all = {.arena = &s->c->arena};
    if (state_each_seq(s->t, s->conf->name, count_seq, &all) != STORE_OK)
        return false;
    all.seq = arena_array(all.arena, all.room + 1, sizeof *all.seq);
    if (!all.seq || (all.room && state_each_seq(s->t, s->conf->name, take_seq, &all) != STORE_OK))
        return false;
    in->seqs = all.seq;
    in->seq_count = all.count;
    return all.count == all.room;
}

/* NULL (said) if the daemon has accepted nothing of this list yet, or what it has does not verify. */
static const struct trust_result *stored_result(const struct stored *s)
{
    struct root *root = arena_zalloc(&s->c->arena, sizeof *root);
    struct trust_result *result = arena_zalloc(&s->c->arena, sizeof *result);
    struct trust_input in = {.mode = TRUST_STORED,
                             .root = root,
                             .guard = s->guard,
                             .allow_special_use = s->conf->allow_special_use,
                             .now = s->now,
                             .refused = on_refused_site};
    struct bytes file;
    struct refusal why;
    if (!root || !result || !copy_item(s, STATE_ROOT, &file) || !copy_item(s, STATE_LIST, &in.list) ||
        !copy_item(s, STATE_DELEGATIONS, &in.delegations) || !give_seqs(s, &in))
        return fprintf(stderr, "polynya: list %s: nothing was accepted yet\n", s->conf->name), NULL;
    if (!trust_pin(file, &s->c->arena, root, &why) || !trust_list(&in, &s->c->arena, result, &why))
        return fprintf(stderr, "polynya: list %s: %s: %s\n", s->conf->name, why.where, refusal_text(why.why)),
               NULL;
    return result;
}

static bool load_lists(struct cli *c, const struct export_from *from, const struct conf *conf,
                       struct stored *s, struct export_sites *out)
{
    bool any = false;
    for (unsigned i = 0; i < conf->steering.list_count; i++) {
        s->conf = &conf->steering.lists[i];
        const struct trust_result *r = stored_result(s);
        const char *name = arena_text(&c->arena, bytes_str(s->conf->name));
        if (r && (!name || !add_sites(c, from, name, r, out)))
            return false;
        any |= r != NULL;
    }
    return any || !cli_fail("the daemon of %s has accepted no list yet; see `polynya status`", conf->file);
}

static bool load_stored(struct cli *c, const struct export_from *from, const struct daemon *d,
                        struct export_sites *out)
{
    struct stored s = {.c = c, .now = cli_now(from->now)};
    s.guard = guard_new(d->conf->steering.deny, d->conf->steering.deny_count);
    bool ok = false;
    if (!s.guard)
        cli_fail("no public suffix list can be loaded; install the package publicsuffix");
    else if (store_read(d->store, &s.t) != STORE_OK)
        cli_fail("cannot read steering.mdb in %s: %s", d->state_dir, store_error(d->store));
    else
        ok = load_lists(c, from, d->conf, &s, out);
    if (s.t)
        store_abort(s.t);
    guard_free(&s.guard);
    return ok;
}

bool export_load(struct cli *c, const struct export_from *from, struct export_sites *out)
{
    struct daemon d;
    *out = (struct export_sites){0};
    if (from->region && !field_is_country(from->region))
        return cli_usage(c, "--region wants a country like RU, not '%s'", from->region), false;
    if (!from->config == !c->words.count)
        return cli_usage(c, "what is to be exported? give a list's folder, or -c FILE"), false;
    if (!from->config)
        return load_folder(c, from, out);
    bool ok =
        daemon_open(c, &(struct daemon_from){.config = from->config}, &d) && load_stored(c, from, &d, out);
    daemon_close(&d);
    return ok;
}

int export_write(const struct export_from *from, struct bytes content)
{
    if (from->out)
        return cli_replace(from->out, content) ? CLI_OK : CLI_FAILED;
    return fwrite(content.data, 1, content.len, stdout) == content.len ? CLI_OK : CLI_FAILED;
}
