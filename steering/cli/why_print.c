/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The tree of `polynya why` for people, one step a line: see why.h. */
#include <stdio.h>

#include "steering/cli/why.h"
#include "steering/cli/why_print_lists.h"

static void print_head(const json_t *tree)
{
    const json_t *client = json_object_get(tree, "client");
    printf("%s", cli_json_string(tree, "name"));
    if (why_is_set(tree, "type"))
        printf(" %s", cli_json_string(tree, "type"));
    printf(" for %s%s in %s%s at %s\n\n", why_is_set(client, "network") ? "" : "a client ",
           why_is_set(client, "network") ? cli_json_string(client, "network") : "of unknown address",
           why_is_set(client, "country") ? cli_json_string(client, "country") : "an unknown country",
           strcmp(cli_json_string(client, "country_by"), "geoip") == 0 ? " (by geoip)" : "",
           cli_json_string(tree, "now"));
}

static void print_policy(const json_t *policy)
{
    printf("policy         answers " NUMBER ", ttl " NUMBER ", all down: %s; probed: %s",
           cli_json_number(policy, "answers"), cli_json_number(policy, "ttl"),
           cli_json_string(policy, "all_down"), cli_json_string(policy, "probe_path"));
    puts(why_is_set(policy, "probe_contains") ? ", for a marker" : "");
}

static void print_registration(const json_t *r)
{
    printf("registration   %s seq " NUMBER ", %s %s; names ", cli_json_string(r, "domain"),
           cli_json_number(r, "seq"), cli_json_is(r, "expired") ? "EXPIRED" : "expires",
           cli_json_string(r, "expires"));
    why_print_words(json_object_get(r, "names"), " ");
    putchar('\n');
}

/* Where readers look for a registration there is none, and why that matters. */
static void print_rule_in_force(const json_t *r)
{
    printf("rule           for %s in policy zone %s, serial " NUMBER
           ": %s, so mirrors count only while our own "
           "probes prove them\n",
           cli_json_string(r, "domain"), cli_json_string(r, "policy_zone"), cli_json_number(r, "serial"),
           cli_json_string(r, "trust"));
}

static void print_scope(const json_t *scope)
{
    fputs("scope          blocked ", stdout);
    why_print_blocked(json_object_get(scope, "blocked"));
    printf(": %s%s%s\n",
           cli_json_is(scope, "inside") ? "the client is in scope" : "the client is out of scope",
           cli_json_is(scope, "dns_only") ? ", by DNS only" : "",
           cli_json_is(scope, "needs_ech") ? ", and only mirrors with ECH help" : "");
}

static void print_health(const json_t *health)
{
    if (!json_is_object(health))
        puts("health         no table of our own is stored");
    else if (!cli_json_is(health, "probing"))
        printf("health         stored %s; nothing is probed here, the lists' word decides\n",
               cli_json_string(health, "stored"));
    else
        printf("health         stored %s%s; probed every " NUMBER " s; uplink: %s\n",
               cli_json_string(health, "stored"), cli_json_is(health, "fresh") ? "" : ", too OLD to count",
               cli_json_number(health, "interval"), cli_json_string(health, "uplink"));
}

static void print_address(const json_t *a)
{
    printf("       %-24s %s", cli_json_string(a, "address"), cli_json_string(a, "text"));
    if (why_is_set(a, "since"))
        printf("; %s since %s", cli_json_string(a, "state"), cli_json_string(a, "since"));
    if (why_is_set(a, "checked"))
        printf("; " NUMBER " good and " NUMBER " bad counted, " NUMBER " more to change",
               cli_json_number(a, "successes"), cli_json_number(a, "failures"),
               cli_json_number(a, "until_change"));
    if (why_is_set(a, "failure"))
        printf("; last failure %s (%s)", cli_json_string(a, "failure"), cli_json_string(a, "failure_text"));
    if (why_is_set(a, "certificate_ends"))
        printf("; certificate ends %s", cli_json_string(a, "certificate_ends"));
    putchar('\n');
}

static void print_mirror(const json_t *m)
{
    json_t *address;
    size_t i;
    if (why_is_set(m, "place"))
        printf("  %2d. ", (int)cli_json_number(m, "place"));
    else
        fputs("   -  ", stdout);
    printf("%s, weight " NUMBER, cli_json_string(m, "id"), cli_json_number(m, "weight"));
    if (why_is_set(m, "score"))
        printf(", score %.4g", json_real_value(json_object_get(m, "score")));
    printf(": %s%s%s\n", cli_json_string(m, "text"),
           cli_json_is(m, "usable") || strcmp(cli_json_string(m, "verdict"), "fits") != 0
               ? ""
               : ", but no address is usable",
           cli_json_number(m, "picked") ? "; PICKED" : "");
    json_array_foreach(json_object_get(m, "addresses"), i, address) print_address(address);
}

static void print_mirrors(const json_t *mirrors)
{
    json_t *mirror;
    size_t i;
    puts("mirrors        in the order of this client:");
    json_array_foreach(mirrors, i, mirror) print_mirror(mirror);
}

/* Of the site that answers, whoever speaks for it. */
static void print_site(const json_t *tree)
{
    const json_t *registration = json_object_get(tree, "registration"), *rule = json_object_get(tree, "rule");
    if (json_is_object(registration))
        print_registration(registration);
    else
        print_rule_in_force(rule);
    print_policy(json_object_get(json_is_object(registration) ? registration : rule, "policy"));
    print_scope(json_object_get(tree, "scope"));
    print_health(json_object_get(tree, "health"));
    print_mirrors(json_object_get(tree, "mirrors"));
}

static void print_answer(const json_t *answer)
{
    const char *type;
    json_t *lines, *line;
    size_t i;
    if (!json_is_object(answer)) {
        puts("answer         the truth, as upstream tells it");
        return;
    }
    json_object_foreach((json_t *)answer, type, lines)
    {
        json_array_foreach(lines, i, line) printf("answer         %s\n", json_string_value(line));
        if (json_array_size(lines) == 0)
            printf("answer         no %s record (NODATA with a SOA)\n", type);
    }
}

static void print_ttl(const json_t *tree)
{
    const char *by = cli_json_string(tree, "ttl_by");
    printf("ttl            " NUMBER " s: %s\n", cli_json_number(tree, "ttl"),
           strcmp(by, "health") == 0  ? "no sooner can a counter change the answer"
           : strcmp(by, "limit") == 0 ? "no answer lives longer, whatever its policy says"
                                      : "as its policy says");
}

void why_print(const json_t *tree)
{
    print_head(tree);
    why_print_lists(json_object_get(tree, "lists"));
    if (why_is_set(tree, "mirrors"))
        print_site(tree);
    printf("decision       %s: %s\n", cli_json_string(tree, "outcome"), cli_json_string(tree, "text"));
    if (why_is_set(tree, "ttl"))
        print_ttl(tree);
    print_answer(json_object_get(tree, "answer"));
    if (why_is_set(tree, "ttl") && why_is_set(tree, "dnssec"))
        printf("DNSSEC         a question with DO whose true answer is signed %s (steering.dnssec: %s)\n",
               strcmp(cli_json_string(tree, "dnssec"), "honour") == 0 ? "gets the truth" : "is steered, too",
               cli_json_string(tree, "dnssec"));
}
