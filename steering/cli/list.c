/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya list verify`: the verdict on every document of a list. */
#include "steering/cli/list.h"

#include <stdio.h>

#include "steering/cli/json.h"

struct options {
    const char *root;
    bool special, json;
    int64_t now;
};

static const struct cli_option options[] = {
    CLI_OPTION("root", 'r', CLI_TEXT, options, root, "FILE",
               "the root you trust, from elsewhere than the folder"),
    CLI_OPTION("allow-special-use", 0, CLI_FLAG, options, special, NULL,
               "as the setting of that name: tests and demos only"),
    CLI_JSON_OPTION(options),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static json_t *verdicts_json(const struct list_verdicts *v)
{
    json_t *rows = json_array();
    for (unsigned i = 0; i < v->count; i++)
        json_array_append_new(rows, json_pack("{s:s, s:b, s:s, s:s}", "document", v->rows[i].document,
                                              "accepted", v->rows[i].accepted, "why", v->rows[i].code, "text",
                                              v->rows[i].text));
    return json_pack("{s:b, s:o}", "accepted", v->refused == 0, "documents", rows);
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct list_check check = {.dir = c->words.item[0], .root = o->root, .allow_special_use = o->special};
    struct list_verdicts v;
    if (!o->root)
        return cli_usage(c, "a list is worth what its root is: give the one you trust with --root");
    check.now = cli_now(o->now);
    if (!list_judge(c, &check, &v))
        return CLI_FAILED;
    if (o->json && cli_json(verdicts_json(&v)) != CLI_OK)
        return CLI_FAILED;
    for (unsigned i = 0; !o->json && i < v.count; i++)
        printf("%-8s %-24s %s\n", v.rows[i].accepted ? "good" : "REFUSED", v.rows[i].document,
               v.rows[i].text);
    return v.refused ? CLI_FAILED : CLI_OK;
}

const struct cli_command command_list_verify = {
    .name = "list verify",
    .words = "DIR",
    .summary = "Say of every document of a list whether a resolver would accept it",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
