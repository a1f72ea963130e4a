/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What each list says, for people: see why_print_lists.h. */
#include "steering/cli/why_print_lists.h"

#include <stdio.h>

bool why_is_set(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return value && !json_is_null(value);
}

void why_print_words(const json_t *array, const char *between)
{
    json_t *word;
    size_t i;
    json_array_foreach(array, i, word) printf("%s%s", i ? between : "", json_string_value(word));
    if (json_array_size(array) == 0)
        fputs("nothing", stdout);
}

void why_print_blocked(const json_t *blocked)
{
    const char *country;
    json_t *how;
    size_t n = 0;
    json_object_foreach((json_t *)blocked, country, how)
    {
        printf("%s%s=", n++ ? " " : "", country);
        why_print_words(how, ",");
    }
    if (!n)
        fputs("nowhere", stdout);
}

static void print_delegation(const json_t *d)
{
    if (!json_is_object(d))
        return;
    printf("  delegation   %s to key %s, version " NUMBER ", expires %s; blocked ",
           cli_json_string(d, "domain"), cli_json_string(d, "key"), cli_json_number(d, "version"),
           cli_json_string(d, "expires"));
    why_print_blocked(json_object_get(d, "blocked"));
    putchar('\n');
}

static void print_target(const json_t *rule)
{
    const json_t *addresses = json_object_get(rule, "target_addresses");
    printf("  target       %s, looked up: ", cli_json_string(rule, "target"));
    if (json_is_array(addresses))
        why_print_words(addresses, " ");
    else
        fputs("no address known yet", stdout);
    putchar('\n');
}

static void print_refused(const json_t *refused)
{
    const char *why;
    json_t *count;
    json_object_foreach((json_t *)refused, why, count)
        printf("  refused      " NUMBER " %s\n", json_integer_value(count), why);
}

static void print_rule(const json_t *rule)
{
    json_t *line;
    size_t i;
    if (!json_is_object(rule))
        return;
    json_array_foreach(json_object_get(rule, "records"), i, line)
        printf("  rule         %s\n", json_string_value(line));
    if (why_is_set(rule, "target"))
        print_target(rule);
    print_refused(json_object_get(rule, "refused"));
}

static void print_list(const json_t *row)
{
    bool zone = strcmp(cli_json_string(row, "trust"), "unsigned") == 0;
    printf("%-14s %s", zone ? "policy zone" : "list", cli_json_string(row, "name"));
    if (why_is_set(row, "version"))
        printf(" %s " NUMBER, zone ? "serial" : "version", cli_json_number(row, "version"));
    if (why_is_set(row, "expires"))
        printf(", %s %s", cli_json_is(row, "expired") ? "EXPIRED" : "expires",
               cli_json_string(row, "expires"));
    if (why_is_set(row, "site"))
        printf(": %s", cli_json_string(row, "site"));
    printf(": %s\n", cli_json_string(row, "text"));
    print_delegation(json_object_get(row, "delegation"));
    print_rule(json_object_get(row, "rule"));
}

void why_print_lists(const json_t *rows)
{
    json_t *row;
    size_t i;
    json_array_foreach(rows, i, row) print_list(row);
    if (json_array_size(rows) == 0)
        puts("list           there is none");
}
