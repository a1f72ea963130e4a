/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading a config: outline, texts, values, rules between settings (see conf.h).
 *
 * Everything a conf points to lives in its own arena, whose limit also bounds what a hostile file can cost.
 */
#include "data/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/conf/load.h"
#include "data/conf/resolv.h"
#include "data/dns/name.h"

enum { FILE_MAX_BYTES = 1 << 20, ARENA_LIMIT = 16 << 20, PATH_TEXT_MAX = 4096 };

struct conf_box {
    struct conf conf; /* first: what callers hold */
    struct arena arena;
};

struct loader {
    struct conf *conf;
    const struct outline *outline;
    const struct complaint *complaint;
    struct value_env env;
};

static bool fail(const struct loader *l, const char *path, const char *what)
{
    return complain(l->complaint, outline_line(l->outline, path), path, "%s", what);
}

static bool no_memory(const struct loader *l)
{
    return complain(l->complaint, 0, NULL, "too large, or out of memory");
}

/* ---- texts to values ---- */

static bool read_node(const struct loader *l, const char *prefix, const char *path,
                      const struct raw_node *raw, uint8_t *base);

static bool read_text(const struct loader *l, const struct setting *s, const char *path, const char *text,
                      uint8_t *at)
{
    char why[VALUE_WHY_MAX];
    return value_parse(s, text, &l->env, at, why) || fail(l, path, why);
}

/* A missing key is blamed on the entry it is missing from. */
static bool missing(const struct loader *l, const char *node, const char *path)
{
    size_t len = strlen(node);
    char *entry = arena_text(l->env.arena, bytes_of(node, len ? len - 1 : 0));
    return entry ? complain(l->complaint, outline_line(l->outline, entry), path, "missing") : no_memory(l);
}

static bool read_entry(const struct loader *l, const struct setting *list, const char *path,
                       const struct raw_node *raw, unsigned i, uint8_t *at)
{
    const struct setting *plain = raw_plain_entry(list);
    char *row_prefix = arena_printf(l->env.arena, "%s[].", list->path);
    char *entry = arena_printf(l->env.arena, "%s[%u]", path, i);
    char *prefix = arena_printf(l->env.arena, "%s[%u].", path, i);
    if (!row_prefix || !entry || !prefix)
        return no_memory(l);
    if (plain)
        return read_text(l, plain, entry, raw_entry_text(raw, list, i), at);
    return read_node(l, row_prefix, prefix, raw_entry(raw, list, i), at);
}

static bool read_list(const struct loader *l, const struct setting *s, const char *path,
                      const struct raw_node *raw, uint8_t *base)
{
    unsigned count = raw->count[s - settings];
    if (count < s->item_least || count > s->item_most)
        return complain(l->complaint, outline_line(l->outline, path), path, "must have %u to %u entries",
                        s->item_least, s->item_most);
    uint8_t *items = arena_array(l->env.arena, count, s->item_size);
    if (!items)
        return no_memory(l);
    for (unsigned i = 0; i < count; i++)
        if (!read_entry(l, s, path, raw, i, items + i * s->item_size))
            return false;
    memcpy(base + s->offset, &items, sizeof items);
    memcpy(base + s->count_offset, &count, sizeof count);
    return true;
}

/* Row s in the node at base: given, by default, or missing. */
static bool read_setting(const struct loader *l, const struct setting *s, const char *node, const char *path,
                         const struct raw_node *raw, uint8_t *base)
{
    const char *text = raw->value[s - settings];
    bool given = text || outline_line(l->outline, path); /* an empty list has no text */
    if (s->kind == KIND_LIST)
        return given || !s->item_least ? read_list(l, s, path, raw, base) : missing(l, node, path);
    text = text ? text : s->standard;
    if (!text)
        return !s->required || missing(l, node, path);
    return read_text(l, s, path, text, base + s->offset);
}

/* prefix as rows have it ("steering.lists[]."), node as the file has it ("steering.lists[0]."). */
static bool read_node(const struct loader *l, const char *prefix, const char *node,
                      const struct raw_node *raw, uint8_t *base)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const char *rest = setting_within(&settings[i], prefix);
        if (!rest)
            continue;
        const char *path = arena_printf(l->env.arena, "%s%s", node, rest);
        if (!path)
            return no_memory(l);
        if (!read_setting(l, &settings[i], node, path, raw, base))
            return false;
    }
    return true;
}

/* ---- what is not given ---- */

static bool system_servers(const struct loader *l)
{
    union sock_addr found[RESOLV_MAX];
    unsigned count = resolv_read("/etc/resolv.conf", found);
    struct conf *c = l->conf;
    if (count == 0)
        return fail(l, "upstream.servers", "missing, and /etc/resolv.conf has no nameserver");
    c->upstream.servers = arena_array(l->env.arena, count, sizeof *c->upstream.servers);
    if (!c->upstream.servers)
        return no_memory(l);
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
        return no_memory(l);
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

static bool complete(const struct loader *l)
{
    struct conf *c = l->conf;
    c->metrics.enabled = c->metrics.address.sa.sa_family != AF_UNSPEC;
    if (!c->control)
        c->control = arena_printf(l->env.arena, "%s/control.sock", c->state_dir);
    if (!c->control)
        return no_memory(l);
    if (c->upstream.count == 0 && !system_servers(l))
        return false;
    for (unsigned i = 0; i < c->upstream.count; i++)
        complete_server(&c->upstream.servers[i]);
    return except_internal(l);
}

/* ---- rules between settings ---- */

/* path is printf text with one %u. */
static bool fail_entry(const struct loader *l, const char *path, unsigned i, const char *what)
{
    size_t at = strcspn(path, "#");
    char *entry = arena_printf(l->env.arena, "%.*s%u%s", (int)at, path, i, path + at + 1);
    return entry ? fail(l, entry, what) : no_memory(l);
}

static bool check_listen(const struct loader *l)
{
    const struct conf *c = l->conf;
    for (unsigned i = 0; i < c->listen_count; i++) {
        for (unsigned j = 0; j < i; j++)
            if (sock_addr_equal(&c->listen[i].address, &c->listen[j].address))
                return fail_entry(l, "listen[#].address", i, "is listened to already");
        if (c->metrics.enabled && sock_addr_equal(&c->listen[i].address, &c->metrics.address))
            return fail(l, "metrics.address", "is listened to already");
        if (c->listen[i].proxied && c->proxies.trusted_count == 0)
            return fail_entry(l, "listen[#].proxy-protocol", i, "needs an entry in proxies.trusted");
        if (c->listen[i].protocol != CONF_HTTP && c->tls.count == 0)
            return fail_entry(l, "listen[#].address", i, "https and tls need an entry in tls.certificates");
    }
    return true;
}

/* What would be without effect is refused: who gives a name or a pin expects it to be checked. */
static bool check_server(const struct loader *l, const struct conf_server *s, unsigned i)
{
    if (s->allow_clear && s->protocol != CONF_UDP)
        return fail_entry(l, "upstream.servers[#].allow-clear-text", i, "is never asked in clear text");
    if (s->path && s->protocol != CONF_DOH)
        return fail_entry(l, "upstream.servers[#].path", i, "needs protocol: https");
    if (s->protocol == CONF_UDP) {
        if (s->tls_name || s->pin_count || s->ca_file)
            return fail_entry(l, "upstream.servers[#]", i, "udp cannot check tls-name, pins or ca-file");
        return true;
    }
    if (!s->tls_name && !s->pin_count)
        return fail_entry(l, "upstream.servers[#]", i, "needs tls-name or pins to know the server by");
    if (s->ca_file && !s->tls_name)
        return fail_entry(l, "upstream.servers[#].ca-file", i, "needs tls-name: pins alone ask for no CA");
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
            return fail_entry(l, "upstream.servers[#]", i,
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
        return fail(l, "upstream.servers", "none is without a group, for names that no rule forwards");
    for (unsigned i = 0; i < c->upstream.forward_count; i++) {
        const struct conf_forward *f = &c->upstream.forward[i];
        if (!name_from_text(bytes_str(f->suffix), &name))
            return fail_entry(l, "upstream.forward[#].suffix", i, "is not a domain name");
        for (unsigned j = 0; j < i; j++)
            if (name_from_text(bytes_str(c->upstream.forward[j].suffix), &other) && name_equal(&name, &other))
                return fail_entry(l, "upstream.forward[#].suffix", i, "is forwarded already");
        if (name.len == 1 && f->internal)
            return fail_entry(l, "upstream.forward[#]", i, "the root cannot be internal");
        if (!has_group(c, f->group))
            return fail_entry(l, "upstream.forward[#].group", i, "no server is in it");
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
        return fail(l, "upstream.total-timeout", "must not be less than upstream.try-timeout");
    if (c->upstream.failure_min > c->upstream.failure_max)
        return fail(l, "upstream.failure-max", "must not be less than upstream.failure-min");
    return true;
}

static bool check_lists(const struct loader *l)
{
    const struct conf *c = l->conf;
    for (unsigned i = 0; i < c->steering.list_count; i++)
        for (unsigned j = 0; j < i; j++)
            if (strcmp(c->steering.lists[i].name, c->steering.lists[j].name) == 0)
                return fail_entry(l, "steering.lists[#].name", i, "is the name of another list");
    return true;
}

static bool check_rebinding(const struct loader *l)
{
    const struct conf *c = l->conf;
    struct dns_name name;
    for (unsigned i = 0; i < c->rebinding.allow_count; i++)
        if (!name_from_text(bytes_str(c->rebinding.allow[i]), &name))
            return fail_entry(l, "rebinding.allow[#]", i, "is no domain name");
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
        return fail_entry(l, "steering.rpz[#].name", i, "is the name of another list or policy zone");
    if (!name_from_text(bytes_str(r->zone), &name) || name.len == 1)
        return fail_entry(l, "steering.rpz[#].zone", i, "must be a domain name");
    if (primary == (r->file != NULL))
        return fail_entry(l, "steering.rpz[#]", i, "must have either a file or a primary");
    if (!r->tsig_name != !r->tsig_secret_file || (r->tsig_name && !primary))
        return fail_entry(l, "steering.rpz[#]", i,
                          "tsig-name and tsig-secret-file belong together, and to a primary");
    if (r->tsig_name && !name_from_text(bytes_str(r->tsig_name), &name))
        return fail_entry(l, "steering.rpz[#].tsig-name", i, "must be a domain name");
    return r->refresh_min <= r->refresh_max ||
           fail_entry(l, "steering.rpz[#].refresh-max", i, "must not be less than refresh-min");
}

static bool check_policies(const struct loader *l)
{
    for (unsigned i = 0; i < l->conf->steering.rpz_count; i++)
        if (!check_rpz(l, i))
            return false;
    return true;
}

static bool check(const struct loader *l)
{
    const struct conf *c = l->conf;
    if (strlen(c->control) >= sizeof c->metrics.address.un.sun_path)
        return fail(l, "control", "longer than the 107 bytes a socket's path may have");
    if (c->cache.ttl_min > c->cache.ttl_max)
        return fail(l, "cache.ttl-max", "must not be less than cache.ttl-min");
    return check_listen(l) && check_upstream(l) && check_rebinding(l) && check_lists(l) && check_policies(l);
}

/* ---- the whole ---- */

/* The absolute folder of the file, not resolving links: "/etc/polynya/x.yaml" gives "/etc/polynya". */
static const char *folder_of(const char *file, struct arena *arena)
{
    char cwd[PATH_TEXT_MAX] = "";
    const char *slash = strrchr(file, '/');
    int len = slash ? (int)(slash - file) : 0;
    if (file[0] != '/' && !getcwd(cwd, sizeof cwd))
        return NULL;
    if (strcmp(cwd, "/") == 0)
        cwd[0] = 0;
    return arena_printf(arena, "%s%s%.*s", cwd, len && file[0] != '/' ? "/" : "", len, file);
}

static bool fill(struct loader *l, struct bytes yaml)
{
    l->outline = outline_read(yaml, l->env.arena, l->complaint);
    struct raw *raw = l->outline ? raw_new(yaml, l->outline, l->env.arena, l->complaint) : NULL;
    bool ok = raw && read_node(l, "", "", raw_top(raw), (uint8_t *)l->conf);
    raw_free(&raw);
    return ok && complete(l) && check(l);
}

struct conf *conf_parse(const char *name, struct bytes yaml, char *error, size_t cap)
{
    struct complaint complaint = {name, error, cap};
    struct conf_box *box = calloc(1, sizeof *box);
    if (!box || yaml.len > FILE_MAX_BYTES) {
        complain(&complaint, 0, NULL, box ? "larger than 1 MiB" : "out of memory");
        free(box);
        return NULL;
    }
    arena_init(&box->arena, ARENA_LIMIT);
    struct conf *c = &box->conf;
    struct loader l = {.conf = c, .complaint = &complaint, .env = {.arena = &box->arena}};
    l.env.folder = folder_of(name, &box->arena);
    c->file = arena_text(&box->arena, bytes_str(name));
    if (!l.env.folder || !c->file)
        no_memory(&l);
    else if (fill(&l, yaml))
        return c;
    conf_free(&c);
    return NULL;
}

/* One byte more than allowed is read, so that a file too large is seen. */
static ssize_t read_file(const char *path, uint8_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && len <= FILE_MAX_BYTES) {
        n = read(fd, out + len, FILE_MAX_BYTES + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return n < 0 ? -1 : (ssize_t)len;
}

struct conf *conf_load(const char *path, char *error, size_t cap)
{
    uint8_t *text = malloc(FILE_MAX_BYTES + 1);
    ssize_t len = text ? read_file(path, text) : -1;
    struct conf *c = NULL;
    if (len < 0)
        complain(&(struct complaint){path, error, cap}, 0, NULL, "%s", strerror(text ? errno : ENOMEM));
    else
        c = conf_parse(path, bytes_of(text, (size_t)len), error, cap);
    free(text);
    return c;
}

void conf_free(struct conf **c)
{
    struct conf_box *box = (struct conf_box *)*c;
    if (box) {
        arena_fini(&box->arena);
        free(box);
    }
    *c = NULL;
}
