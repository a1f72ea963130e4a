/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Judging a list by steering/trust, the very code of the daemon: see list.h. What a resolver remembers of
 * earlier versions is not known here, so a rollback is not seen. */
#include <inttypes.h>

#include "data/base/text.h"
#include "steering/cli/document.h"
#include "steering/cli/list.h"

struct judge {
    struct cli *c;
    const struct list_check *check;
    struct list_verdicts *out;
    struct guard *guard;
};

static struct list_verdict *verdict(struct judge *j, const char *document, bool accepted)
{
    if (j->out->count == LIST_VERDICTS_MAX)
        j->out->count--;
    struct list_verdict *v = &j->out->rows[j->out->count++];
    *v = (struct list_verdict){.document = document, .accepted = accepted, .text = "", .code = ""};
    j->out->refused += !accepted;
    return v;
}

static void refused(struct judge *j, const char *document, const struct refusal *why)
{
    struct list_verdict *v = verdict(j, document, false);
    v->text = document_refusal(j->c, why);
    v->code = refusal_name(why->why);
}

/* counter: what number counts, "version" or "seq". */
static void accepted(struct judge *j, const char *document, const char *counter, uint64_t number,
                     int64_t expires, const char *more)
{
    char until[TIME_TEXT_MAX];
    time_format(expires, until);
    const char *text =
        arena_printf(&j->c->arena, "%s %" PRIu64 ", expires %s%s", counter, number, until, more);
    verdict(j, document, true)->text = text ? text : "";
}

static void on_refused_site(void *self, const char *domain, const struct refusal *why)
{
    struct judge *j = self;
    const char *copy = arena_text(&j->c->arena, bytes_str(domain[0] ? domain : "(a registration)"));
    refused(j, copy ? copy : "", why);
}

/* From the pinned root to the newest one in the folder. */
static bool walk_roots(struct judge *j, struct root *root)
{
    struct bytes file;
    struct refusal why;
    if (!cli_read(j->c, j->check->root, ROOT_SIZE_MAX, &file))
        return false;
    if (!trust_pin(file, &j->c->arena, root, &why)) {
        refused(j, j->check->root, &why);
        return true;
    }
    accepted(j, j->check->root, "version", root->version, root->expires, ", the pinned root");
    for (;;) {
        struct root next;
        char file_name[ROOT_FILE_NAME];
        /* Kept by the verdict, so it is the arena's. */
        const char *name = arena_text(&j->c->arena, bytes_str(root_file_name(root->version + 1, file_name)));
        const char *path = cli_path(j->c, j->check->dir, name ? name : "");
        if (!name || !cli_exists(path))
            return true;
        if (!cli_read(j->c, path, ROOT_SIZE_MAX, &file))
            return false;
        if (!trust_next_root(root, file, &j->c->arena, &next, &why)) {
            refused(j, name, &why);
            return true;
        }
        *root = next;
        accepted(j, name, "version", root->version, root->expires, ", follows the one before");
    }
}

static void tell_sites(struct judge *j, const struct trust_result *r)
{
    for (size_t i = 0; i < r->site_count; i++) {
        const struct registration *reg = r->sites[i].registration;
        const char *more =
            arena_printf(&j->c->arena, ", %u names, %u mirrors", reg->name_count, reg->mirror_count);
        accepted(j, reg->domain, "seq", reg->seq, reg->expires, more ? more : "");
    }
}

static bool judge_list(struct judge *j, const struct root *root)
{
    struct trust_input in = {.mode = TRUST_FRESH,
                             .root = root,
                             .guard = j->guard,
                             .allow_special_use = j->check->allow_special_use,
                             .now = j->check->now,
                             .refused = on_refused_site,
                             .self = j};
    struct trust_result *result = arena_zalloc(&j->c->arena, sizeof *result);
    struct refusal why;
    if (!result)
        return cli_fail("out of memory"), false;
    if (!cli_read(j->c, cli_path(j->c, j->check->dir, "list.json"), LIST_SIZE_MAX, &in.list) ||
        !cli_read(j->c, cli_path(j->c, j->check->dir, "delegations.json"), DELEGATIONS_SIZE_MAX,
                  &in.delegations))
        return false;
    if (!trust_list(&in, &j->c->arena, result, &why)) {
        refused(j, "list", &why);
        return true;
    }
    accepted(j, "list.json", "version", result->list.version, result->list.expires,
             ", signed by the publisher");
    accepted(j, "delegations.json", "version", result->delegations.version, result->delegations.expires,
             ", signed by the maintainers");
    tell_sites(j, result);
    j->out->result = result;
    return true;
}

bool list_judge(struct cli *c, const struct list_check *check, struct list_verdicts *out)
{
    struct root root;
    *out = (struct list_verdicts){.rows = arena_array(&c->arena, LIST_VERDICTS_MAX, sizeof *out->rows)};
    struct judge j = {.c = c, .check = check, .out = out, .guard = guard_new(NULL, 0)};
    bool ok = out->rows && j.guard && walk_roots(&j, &root);
    if (!out->rows || !j.guard)
        cli_fail(j.guard ? "out of memory"
                         : "no public suffix list can be loaded; install the package publicsuffix");
    if (ok && out->refused == 0)
        ok = judge_list(&j, &root);
    guard_free(&j.guard);
    return ok;
}
