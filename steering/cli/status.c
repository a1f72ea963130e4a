/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya status`: what a running polynyad says of itself over its control socket. The reply is shown as it
 * comes: one line a value, one table a list, so that a newer daemon's facts need no newer command. */
#include <inttypes.h>
#include <stdio.h>

#include "data/conf/conf.h"
#include "steering/cli/http.h"
#include "steering/cli/table.h"

struct options {
    const char *control, *config;
    bool json;
};

static const struct cli_option options[] = {
    CLI_OPTION("control", 0, CLI_TEXT, options, control, "PATH", "the daemon's control socket"),
    CLI_OPTION("config", 'c', CLI_TEXT, options, config, "FILE",
               "take the socket's path from the daemon's config"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

enum { DEPTH_MAX = 6 };

static bool is_table(const json_t *v)
{
    return json_is_array(v) && json_array_size(v) && json_is_object(json_array_get(v, 0));
}

static void print_object(struct cli *c, json_t *object, const char *prefix, int depth)
{
    const char *key;
    json_t *value;
    size_t i;
    json_object_foreach(object, key, value)
    {
        const char *path = arena_printf(&c->arena, "%s%s", prefix, key);
        if (!path)
            return;
        if (json_is_object(value) && depth < DEPTH_MAX) {
            const char *inner = arena_printf(&c->arena, "%s.", path);
            print_object(c, value, inner ? inner : "", depth + 1);
        } else if (is_table(value)) {
            printf("%s:\n", path);
            table_print(c, value);
        } else if (json_is_array(value)) {
            json_t *item;
            printf("%-28s", path);
            json_array_foreach(value, i, item) printf(" %s", table_scalar(c, item));
            putchar('\n');
        } else
            printf("%-28s %s\n", path, table_scalar(c, value));
    }
}

static const char *socket_path(struct cli *c, const struct options *o, struct conf **conf)
{
    char error[512];
    if (o->control)
        return o->control;
    if (!o->config)
        return cli_usage(c, "which daemon? give --control PATH or -c FILE"), NULL;
    *conf = conf_load(o->config, error, sizeof error);
    if (!*conf)
        return cli_fail("%s", error), NULL;
    return (*conf)->control;
}

static int show(struct cli *c, const struct options *o, const struct cli_told *told)
{
    if (told->status != 200)
        return cli_fail("the daemon says HTTP %ld; are polynya and polynyad of the same version?",
                        told->status);
    json_error_t error;
    json_t *root = json_loadb((const char *)told->body.data, told->body.len, JSON_REJECT_DUPLICATES, &error);
    if (!json_is_object(root)) {
        json_decref(root);
        return cli_fail("the daemon's answer is not JSON: %s; is the path its control socket?", error.text);
    }
    if (o->json)
        return cli_json(root);
    print_object(c, root, "", 0);
    json_decref(root);
    return CLI_OK;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct conf *conf = NULL;
    struct cli_told told;
    int status = CLI_FAILED;
    struct cli_ask ask = {.url = "http://polynya/status", .timeout_ms = 5000};
    ask.unix_socket = socket_path(c, o, &conf);
    if (ask.unix_socket && cli_http(c, &ask, &told))
        status = show(c, o, &told);
    conf_free(&conf);
    return status;
}

const struct cli_command command_status = {
    .name = "status",
    .words = "",
    .summary = "Show the state of a running polynyad",
    .options = options,
    .size = sizeof(struct options),
    .run = run,
};
