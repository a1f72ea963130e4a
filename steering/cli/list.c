/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya list verify` and `list show`. */
#include "steering/cli/list.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <sys/stat.h>

#include "data/base/text.h"
#include "steering/cli/document.h"

struct verify_options {
    const char *root;
    bool special, json;
    int64_t now;
};

static const struct cli_option verify_options[] = {
    CLI_OPTION("root", 'r', CLI_TEXT, verify_options, root, "FILE",
               "the root you trust, from elsewhere than the folder"),
    CLI_OPTION("allow-special-use", 0, CLI_FLAG, verify_options, special, NULL,
               "as the setting of that name: tests and demos only"),
    CLI_OPTION("json", 'j', CLI_FLAG, verify_options, json, NULL, "print JSON"),
    CLI_OPTION("now", 0, CLI_TIME, verify_options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static void print_verdicts_json(const struct list_verdicts *v)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < v->count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:b, s:s, s:s}", "document", v->rows[i].document,
                                              "accepted", v->rows[i].accepted, "why", v->rows[i].code, "text",
                                              v->rows[i].text));
    json_t *all = json_pack("{s:b, s:o}", "accepted", v->refused == 0, "documents", rows);
    json_dumpf(all, stdout, JSON_INDENT(2));
    putchar('\n');
    json_decref(all);
}

static int run_verify(struct cli *c, const void *given)
{
    const struct verify_options *o = given;
    struct list_check check = {.dir = c->words.item[0], .root = o->root, .allow_special_use = o->special};
    struct list_verdicts v;
    if (!o->root)
        return cli_usage(c, "a list is worth what its root is: give the one you trust with --root");
    check.now = cli_now(o->now);
    if (!list_judge(c, &check, &v))
        return CLI_FAILED;
    if (o->json)
        print_verdicts_json(&v);
    for (unsigned i = 0; !o->json && i < v.count; i++)
        printf("%-8s %-24s %s\n", v.rows[i].accepted ? "good" : "REFUSED", v.rows[i].document,
               v.rows[i].text);
    return v.refused ? CLI_FAILED : CLI_OK;
}

struct show_options {
    bool text, json;
};

static const struct cli_option show_options[] = {
    CLI_OPTION("text", 0, CLI_FLAG, show_options, text, NULL,
               "of a file: exactly the bytes that are signed, for minisign -S and -V"),
    CLI_OPTION("json", 'j', CLI_FLAG, show_options, json, NULL, "print JSON"),
    CLI_OPTIONS_END,
};

/* One file of any kind: its text, and by which keys it claims to be signed. */
static int show_file(struct cli *c, const struct show_options *o)
{
    struct envelope e;
    if (!document_load(c, c->words.item[0], LIST_SIZE_MAX, &e))
        return CLI_FAILED;
    fwrite(e.text.data, 1, e.text.len, stdout);
    if (o->text || o->json)
        return CLI_OK;
    if (e.text.len && e.text.data[e.text.len - 1] != '\n')
        putchar('\n');
    for (unsigned i = 0; i < e.count; i++) {
        struct minisign_signature s;
        struct refusal why;
        char id[2 * MINISIGN_ID + 1];
        bool ok = minisign_signature_parse(e.signatures[i], &s, &why);
        if (ok)
            minisign_id_format(s.id, id);
        printf("signature by %s (not checked)\n", ok ? id : refusal_text(why.why));
    }
    return CLI_OK;
}

static const char *health_text(struct cli *c, const struct list_doc *l, const char *domain,
                               const char *mirror)
{
    const struct list_mirror_health *h = list_health(l, domain, mirror);
    const char *text = "";
    for (unsigned i = 0; h && text && i < h->region_count; i++)
        text =
            arena_printf(&c->arena, "%s %s=%s", text, h->regions[i].region, h->regions[i].up ? "up" : "down");
    return text && *text ? text + 1 : "not told";
}

static json_t *mirror_json(struct cli *c, const struct list_doc *l, const char *domain,
                           const struct mirror *m)
{
    json_t *addresses = json_array();
    char ip[IP_TEXT_MAX];
    for (unsigned i = 0; i < m->address_count; i++) {
        ip_format(&m->addresses[i], ip);
        json_array_append_new(addresses, json_string(ip));
    }
    return json_pack("{s:s, s:i, s:o, s:b, s:s}", "id", m->id, "weight", (int)m->weight, "addresses",
                     addresses, "ech", m->ech.len > 0, "health", health_text(c, l, domain, m->id));
}

static json_t *site_json(struct cli *c, const struct list_doc *l, const struct registration *r)
{
    char expires[TIME_TEXT_MAX];
    json_t *names = json_array(), *mirrors = json_array();
    time_format(r->expires, expires);
    for (unsigned i = 0; i < r->name_count; i++)
        json_array_append_new(names, json_string(r->names[i]));
    for (unsigned i = 0; i < r->mirror_count; i++)
        json_array_append_new(mirrors, mirror_json(c, l, r->domain, &r->mirrors[i]));
    return json_pack("{s:s, s:I, s:s, s:o, s:o}", "domain", r->domain, "seq", (json_int_t)r->seq, "expires",
                     expires, "names", names, "mirrors", mirrors);
}

static json_t *list_json(struct cli *c, const struct list_doc *l)
{
    char expires[TIME_TEXT_MAX];
    json_t *sites = json_array();
    time_format(l->expires, expires);
    for (unsigned i = 0; i < l->registration_count; i++) {
        struct registration r;
        struct refusal why;
        if (registration_parse(l->registrations[i].text, &c->arena, &r, &why))
            json_array_append_new(sites, site_json(c, l, &r));
        else
            document_refused("a registration", &why);
    }
    return json_pack("{s:I, s:s, s:o}", "version", (json_int_t)l->version, "expires", expires, "sites",
                     sites);
}

static void print_list(json_t *list)
{
    json_t *site, *mirror, *item;
    size_t i, j, k;
    printf("list version %" JSON_INTEGER_FORMAT
           ", expires %s (signatures not checked: polynya list verify)\n",
           json_integer_value(json_object_get(list, "version")),
           json_string_value(json_object_get(list, "expires")));
    json_array_foreach(json_object_get(list, "sites"), i, site)
    {
        printf("\n%s  seq %" JSON_INTEGER_FORMAT ", expires %s\n  names  ",
               json_string_value(json_object_get(site, "domain")),
               json_integer_value(json_object_get(site, "seq")),
               json_string_value(json_object_get(site, "expires")));
        json_array_foreach(json_object_get(site, "names"), j, item) printf(" %s", json_string_value(item));
        putchar('\n');
        json_array_foreach(json_object_get(site, "mirrors"), j, mirror)
        {
            printf("  mirror  %s weight %" JSON_INTEGER_FORMAT,
                   json_string_value(json_object_get(mirror, "id")),
                   json_integer_value(json_object_get(mirror, "weight")));
            json_array_foreach(json_object_get(mirror, "addresses"), k, item)
                printf(" %s", json_string_value(item));
            printf("%s  health %s\n", json_is_true(json_object_get(mirror, "ech")) ? " ech" : "",
                   json_string_value(json_object_get(mirror, "health")));
        }
    }
}

static int show_folder(struct cli *c, const struct show_options *o)
{
    struct envelope e;
    struct list_doc l;
    struct refusal why;
    const char *path = cli_path(c, c->words.item[0], "list.json");
    if (!document_load(c, path, LIST_SIZE_MAX, &e))
        return CLI_FAILED;
    if (!list_parse(e.text, &c->arena, &l, NULL, &why))
        return document_refused(path, &why);
    json_t *list = list_json(c, &l);
    if (o->json) {
        json_dumpf(list, stdout, JSON_INDENT(2));
        putchar('\n');
    } else
        print_list(list);
    json_decref(list);
    return CLI_OK;
}

static int run_show(struct cli *c, const void *given)
{
    struct stat st;
    bool folder = stat(c->words.item[0], &st) == 0 && S_ISDIR(st.st_mode);
    const struct show_options *o = given;
    if (folder && o->text)
        return cli_usage(c, "--text is for a file, %s is a folder", c->words.item[0]);
    return folder ? show_folder(c, o) : show_file(c, o);
}

const struct cli_command command_list_verify = {
    .name = "list verify",
    .words = "DIR",
    .summary = "Say of every document of a list whether a resolver would accept it",
    .options = verify_options,
    .size = sizeof(struct verify_options),
    .least = 1,
    .most = 1,
    .run = run_verify,
};

const struct cli_command command_list_show = {
    .name = "list show",
    .words = "DIR|FILE",
    .summary = "Show a list's sites and mirrors, or one signed document",
    .options = show_options,
    .size = sizeof(struct show_options),
    .least = 1,
    .most = 1,
    .run = run_show,
};
