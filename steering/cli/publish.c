/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya publish`: list.json out of a folder of registrations and the delegations, signed by the
 * publisher's key. A registration that a resolver would refuse is left out and named; it costs its own site
 * only. */
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/list/list.h"
#include "data/list/registration.h"
#include "steering/cli/document.h"
#include "steering/cli/json.h"
#include "steering/cli/root_report.h"
#include "steering/guard.h"

struct options {
    struct cli_words keys;
    const char *registrations, *health, *root, *expires;
    uint64_t version;
    bool special, json;
    int64_t now;
};

static const struct cli_option options[] = {
    CLI_OPTION("key", 'k', CLI_MANY, options, keys, "FILE", "the publisher's secret key"),
    CLI_OPTION("registrations", 0, CLI_TEXT, options, registrations, "DIR",
               "default: registrations in the folder"),
    CLI_OPTION("health", 0, CLI_TEXT, options, health, "FILE",
               "{\"outlet.example\": {\"m1\": {\"*\": \"up\", \"RU\": \"down\"}}}"),
    CLI_OPTION("root", 'r', CLI_TEXT, options, root, "FILE",
               "default: the newest root-N.json in the folder that is signed by enough keys"),
    CLI_OPTION("expires", 0, CLI_TEXT, options, expires, "WHEN", "at most 24h, the default"),
    CLI_OPTION("set-version", 0, CLI_NUMBER, options, version, "N",
               "default: one more than list.json there has"),
    CLI_OPTION("allow-special-use", 0, CLI_FLAG, options, special, NULL,
               "let loopback and private addresses pass: tests and demos only"),
    CLI_JSON_OPTION(options),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

/* What is gathered on the way to the document. */
struct edition {
    const struct options *o;
    int64_t now;
    struct root root;
    struct delegations delegations;
    struct guard *guard;
    struct list_doc list;
    struct registration *accepted; /* parsed, in the order of list.registrations */
    json_t *left_out;              /* {file, why, text} */
};

static bool load_authorities(struct cli *c, const char *dir, struct edition *ed)
{
    struct envelope e;
    struct bytes file;
    struct refusal why;
    const char *root = ed->o->root;
    const char *path = cli_path(c, dir, "delegations.json");
    if (root ? !document_load_root(c, root, &e, &ed->root) : !root_report_newest(c, dir, &ed->root))
        return false;
    if (!cli_read(c, path, DELEGATIONS_SIZE_MAX, &file))
        return false;
    if (!document_load_delegations(c, path, &e, &ed->delegations))
        return false;
    if (!root_role_verify(&ed->root, ROOT_ROLE_MAINTAINERS, &e, &why))
        return document_refused(path, &why), false;
    if (ed->delegations.expires <= ed->now)
        return cli_fail("%s has expired; let the maintainers sign a new one: polynya delegate", path), false;
    ed->list.delegations_version = ed->delegations.version;
    return list_sha256(file, ed->list.delegations_sha256) || !cli_fail("OpenSSL cannot hash %s", path);
}

static bool acceptable(const struct edition *ed, const struct envelope *e, struct registration *r,
                       struct refusal *why)
{
    const struct delegation *d = delegations_find(&ed->delegations, r->domain);
    if (!d)
        return refuse(why, REFUSAL_NOT_DELEGATED, "%s", r->domain);
    const struct minisign_public *key = &d->key;
    if (!envelope_verify(e, &key, 1, 1, why))
        return false;
    if (r->expires <= ed->now)
        return refuse(why, REFUSAL_EXPIRED, "expires");
    return guard_registration(ed->guard, r, ed->o->special, why) && guard_owner(&ed->delegations, d, r, why);
}

/* One registration a domain: the highest seq. */
static void take(struct edition *ed, const struct envelope *e, const struct registration *r)
{
    unsigned at = 0;
    while (at < ed->list.registration_count && strcmp(ed->accepted[at].domain, r->domain) != 0)
        at++;
    if (at < ed->list.registration_count && ed->accepted[at].seq >= r->seq)
        return;
    if (at == ed->list.registration_count)
        ed->list.registration_count++;
    ed->list.registrations[at] = *e;
    ed->accepted[at] = *r;
}

/* Names a file that no reader would believe. */
static void leave_out(struct cli *c, const char *path, struct edition *ed, const struct refusal *why)
{
    document_refused(path, why);
    json_array_append_new(ed->left_out, json_pack("{s:o, s:s, s:s}", "file", cli_json_text(c, path), "why",
                                                  refusal_name(why->why), "text", document_refusal(c, why)));
}

/* True unless memory is out; a bad file is only named. */
static bool offer(struct cli *c, const char *path, struct edition *ed)
{
    struct bytes file;
    struct envelope e;
    struct registration r;
    struct refusal why = {0};
    if (!cli_read(c, path, REGISTRATION_SIZE_MAX, &file))
        json_array_append_new(ed->left_out, json_pack("{s:o, s:s, s:s}", "file", cli_json_text(c, path),
                                                      "why", "unreadable", "text", "cannot be read"));
    else if (envelope_parse(file, REGISTRATION_SIZE_MAX, &c->arena, &e, &why) &&
             registration_parse(e.text, &c->arena, &r, &why) && acceptable(ed, &e, &r, &why))
        take(ed, &e, &r);
    else
        leave_out(c, path, ed, &why);
    return why.why != REFUSAL_NO_MEMORY;
}

static int is_json(const struct dirent *d)
{
    size_t len = strlen(d->d_name);
    return len > 5 && strcmp(d->d_name + len - 5, ".json") == 0;
}

static bool gather(struct cli *c, const char *dir, struct edition *ed)
{
    struct dirent **found = NULL;
    int n = scandir(dir, &found, is_json, alphasort);
    if (n < 0)
        return cli_fail("cannot read the folder %s; put the registrations there, or give --registrations",
                        dir),
               false;
    ed->list.registrations = arena_array(&c->arena, (size_t)n + 1, sizeof *ed->list.registrations);
    ed->accepted = arena_array(&c->arena, (size_t)n + 1, sizeof *ed->accepted);
    bool ok = ed->list.registrations && ed->accepted;
    for (int i = 0; i < n; i++) {
        ok = ok && offer(c, cli_path(c, dir, found[i]->d_name), ed);
        free(found[i]);
    }
    free(found);
    return ok || !cli_fail("out of memory");
}

/* The version after the one that stands there: a reader never takes a lower one. */
static bool next_version(struct cli *c, const char *path, struct edition *ed)
{
    struct envelope e;
    struct list_doc before;
    struct refusal why;
    ed->list.version = ed->o->version ? ed->o->version : 1;
    if (ed->o->version || !cli_exists(path))
        return true;
    if (!document_load(c, path, LIST_SIZE_MAX, &e))
        return cli_fail("give the next version with --set-version"), false;
    if (!list_parse(e.text, &c->arena, &before, NULL, &why))
        return document_refused(path, &why), cli_fail("give the next version with --set-version"), false;
    ed->list.version = before.version + 1;
    return true;
}

/* Puts the object of a health file into the document's text. */
static bool add_health(struct cli *c, const char *path, struct bytes *text)
{
    struct bytes file;
    json_error_t error;
    if (!cli_read(c, path, LIST_SIZE_MAX, &file))
        return false;
    json_t *health = json_loadb((const char *)file.data, file.len, JSON_REJECT_DUPLICATES, &error);
    if (!health)
        return cli_fail("%s:%d: %s; see polynya(1) for what it holds", path, error.line, error.text), false;
    json_t *list = json_loadb((const char *)text->data, text->len, 0, &error);
    json_object_set_new(list, "health", health);
    char *dumped = json_dumps(list, JSON_INDENT(1));
    json_decref(list);
    *text = dumped ? arena_copy(&c->arena, bytes_str(dumped)) : BYTES_NONE;
    free(dumped);
    return text->data != NULL || !cli_fail("out of memory");
}

/* The text, read back as a resolver will. */
static bool print(struct cli *c, struct edition *ed, struct envelope *e)
{
    struct list_doc again;
    struct refusal why;
    *e = (struct envelope){.text = list_print(&ed->list, &c->arena)};
    if (!e->text.data)
        return cli_fail("out of memory"), false;
    if (ed->o->health && !add_health(c, ed->o->health, &e->text))
        return false;
    if (!list_parse(e->text, &c->arena, &again, NULL, &why))
        return document_refused(ed->o->health ? ed->o->health : "list.json", &why), false;
    return true;
}

static bool set_times(struct cli *c, struct edition *ed)
{
    ed->list.issued = ed->now;
    if (!cli_expiry(c, ed->o->expires, "24h", ed->now, &ed->list.expires))
        return false;
    if (ed->list.expires <= ed->now || ed->list.expires > ed->now + LIST_LIFE_MAX)
        return cli_usage(c, "a list may live 24 hours at most, and not end before it begins"), false;
    return true;
}

static bool publish(struct cli *c, const char *dir, struct edition *ed)
{
    const char *path = cli_path(c, dir, "list.json");
    const char *folder = ed->o->registrations ? ed->o->registrations : cli_path(c, dir, "registrations");
    struct document_signers by = {.keys = &ed->o->keys,
                                  .name = "list.json",
                                  .now = ed->now,
                                  .allowed = &ed->root.roles[ROOT_ROLE_PUBLISHER],
                                  .role = "publisher"};
    struct envelope e;
    struct refusal why;
    if (!load_authorities(c, dir, ed) || !set_times(c, ed) || !next_version(c, path, ed))
        return false;
    if (!gather(c, folder, ed) || !print(c, ed, &e) || !document_sign(c, &e, &by))
        return false;
    if (!root_role_verify(&ed->root, ROOT_ROLE_PUBLISHER, &e, &why))
        return cli_fail(
                   "nobody would accept this list: give as many --key as the root demands of publishers"),
               false;
    return document_save(c, path, &e, true);
}

static int tell(struct cli *c, const struct edition *ed)
{
    const struct list_doc *l = &ed->list;
    const char *path = cli_path(c, c->words.item[0], "list.json");
    size_t left_out = json_array_size(ed->left_out);
    if (ed->o->json)
        return cli_json(json_pack("{s:o, s:I, s:o, s:i, s:O}", "file", cli_json_text(c, path), "version",
                                  (json_int_t)l->version, "expires", cli_json_time(l->expires),
                                  "registrations", (int)l->registration_count, "left_out", ed->left_out));
    printf("%s: version %" PRIu64 ", %u registrations", path, l->version, l->registration_count);
    if (left_out)
        printf(", %zu left out", left_out);
    putchar('\n');
    return CLI_OK;
}

static int run(struct cli *c, const void *given)
{
    struct edition ed = {.o = given};
    if (ed.o->keys.count == 0)
        return cli_usage(c, "a list is signed: give --key");
    ed.now = cli_now(ed.o->now);
    ed.guard = guard_new(NULL, 0);
    if (!ed.guard)
        return cli_fail("no public suffix list can be loaded; install the package publicsuffix");
    ed.left_out = json_array();
    int status = publish(c, c->words.item[0], &ed) ? tell(c, &ed) : CLI_FAILED;
    json_decref(ed.left_out);
    guard_free(&ed.guard);
    return status;
}

const struct cli_command command_publish = {
    .name = "publish",
    .words = "DIR",
    .summary = "Write DIR/list.json out of registrations and delegations",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
