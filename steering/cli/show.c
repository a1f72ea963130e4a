/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya list show`: what a list, or any signed document, says. Who signed it is told and not checked. */
#include <stdio.h>
#include <sys/stat.h>

#include "steering/cli/content.h"
#include "steering/cli/document.h"

struct options {
    bool text, json;
};

static const struct cli_option options[] = {
    CLI_OPTION("text", 0, CLI_FLAG, options, text, NULL,
               "of a file: exactly the bytes that are signed, for minisign -S and -V"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* The id of the key that claims to have made it; or why it is no signature. */
static const char *signer_id(struct cli *c, struct bytes signature)
{
    struct minisign_signature s;
    struct refusal why;
    char id[2 * MINISIGN_ID + 1];
    if (!minisign_signature_parse(signature, &s, &why))
        return refusal_text(why.why);
    minisign_id_format(s.id, id);
    const char *copy = arena_text(&c->arena, bytes_str(id));
    return copy ? copy : "";
}

/* For people: bytes that a terminal might obey become '?'. */
static void print_harmless(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        putchar(c == '\n' || c == '\t' || (c >= ' ' && c != 0x7f) ? c : '?');
    }
    if (text.len && text.data[text.len - 1] != '\n')
        putchar('\n');
}

/* One file of any kind: its text, and by which keys it claims to be signed. */
static int show_file(struct cli *c, const struct options *o)
{
    struct envelope e;
    if (!document_load(c, c->words.item[0], LIST_SIZE_MAX, &e))
        return CLI_FAILED;
    if (o->text) {
        fwrite(e.text.data, 1, e.text.len, stdout);
        return CLI_OK;
    }
    print_harmless(e.text);
    for (unsigned i = 0; i < e.count; i++)
        printf("signature by %s (not checked)\n", signer_id(c, e.signatures[i]));
    return CLI_OK;
}

static void print_mirror(const json_t *mirror)
{
    json_t *address, *health = json_object_get(mirror, "health"), *state;
    const char *region;
    size_t i;
    printf("  mirror  %s weight %" JSON_INTEGER_FORMAT, cli_json_string(mirror, "id"),
           cli_json_number(mirror, "weight"));
    json_array_foreach(json_object_get(mirror, "addresses"), i, address)
        printf(" %s", json_string_value(address));
    printf("%s  health", json_is_string(json_object_get(mirror, "ech")) ? " ech" : "");
    json_object_foreach(health, region, state) printf(" %s=%s", region, json_string_value(state));
    puts(json_object_size(health) ? "" : " not told");
}

/* A site without a registration is only delegated: nobody is sent anywhere. */
static void print_site(const json_t *site)
{
    json_t *item;
    size_t i;
    if (!json_object_get(site, "seq")) {
        printf("\n%s  delegated, not registered\n", cli_json_string(site, "domain"));
        return;
    }
    printf("\n%s  seq %" JSON_INTEGER_FORMAT ", expires %s\n  names  ", cli_json_string(site, "domain"),
           cli_json_number(site, "seq"), cli_json_string(site, "expires"));
    json_array_foreach(json_object_get(site, "names"), i, item) printf(" %s", json_string_value(item));
    putchar('\n');
    json_array_foreach(json_object_get(site, "mirrors"), i, item) print_mirror(item);
}

static void print_folder(const json_t *tree)
{
    const json_t *list = json_object_get(tree, "list");
    json_t *site;
    size_t i;
    printf("list version %" JSON_INTEGER_FORMAT
           ", expires %s (signatures not checked: polynya list verify)\n",
           cli_json_number(list, "version"), cli_json_string(list, "expires"));
    json_array_foreach(json_object_get(tree, "sites"), i, site) print_site(site);
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct content content;
    struct stat st;
    bool folder = stat(c->words.item[0], &st) == 0 && S_ISDIR(st.st_mode);
    if (folder && o->text)
        return cli_usage(c, "--text is for a file, %s is a folder", c->words.item[0]);
    if (o->text && o->json)
        return cli_usage(c, "--text and --json are two ways to show it: give one");
    if (!folder && !o->json)
        return show_file(c, o);
    if (!content_load(c, c->words.item[0], &content))
        return CLI_FAILED;
    if (o->json)
        return cli_json(content.tree);
    print_folder(content.tree);
    json_decref(content.tree);
    return CLI_OK;
}

const struct cli_command command_list_show = {
    .name = "list show",
    .words = "DIR|FILE",
    .summary = "Show a list's sites and mirrors, or one signed document",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
