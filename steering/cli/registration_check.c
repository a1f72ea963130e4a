/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya registration check`: whether a resolver would accept what an outlet says, by the resolver's code.
 */
#include <inttypes.h>
#include <stdio.h>

#include "data/base/address.h"
#include "data/base/text.h"
#include "steering/cli/document.h"
#include "steering/cli/json.h"
#include "steering/guard.h"

struct options {
    const char *key;
    bool special, json;
    int64_t now;
};

static const struct cli_option options[] = {
    CLI_OPTION("key", 'k', CLI_TEXT, options, key, "KEY", "the outlet's public key: RW… or a .pub file"),
    CLI_OPTION("allow-special-use", 0, CLI_FLAG, options, special, NULL,
               "let loopback and private addresses pass: tests and demos only"),
    CLI_JSON_OPTION(options),
    CLI_OPTION("now", 0, CLI_TIME, options, now, "TIME", "instead of the clock"),
    CLI_OPTIONS_END,
};

static bool check_times(const struct registration *r, int64_t now, struct refusal *why)
{
    if (r->expires <= now)
        return refuse(why, REFUSAL_EXPIRED, "expires");
    if (r->issued > now + 300)
        return refuse(why, REFUSAL_FUTURE, "issued");
    if (r->expires - r->issued > REGISTRATION_LIFE_MAX)
        return refuse(why, REFUSAL_LONG_LIFE, "expires");
    return true;
}

/* key: the outlet's; NULL: the signature is not looked at. */
static bool judge(const struct options *o, const struct guard *guard, const struct envelope *e,
                  const struct registration *r, const struct minisign_public *key, struct refusal *why)
{
    return guard_registration(guard, r, o->special, why) && check_times(r, cli_now(o->now), why) &&
           (!key || envelope_verify(e, &key, 1, 1, why));
}

static void print_mirrors(const struct registration *r)
{
    char ip[IP_TEXT_MAX];
    for (unsigned i = 0; i < r->mirror_count; i++) {
        const struct mirror *m = &r->mirrors[i];
        printf("  mirror %s weight %u", m->id, m->weight);
        for (unsigned a = 0; a < m->address_count; a++) {
            ip_format(&m->addresses[a], ip);
            printf(" %s", ip);
        }
        printf("%s\n", m->ech.len ? " ech" : "");
    }
}

static int tell(struct cli *c, const struct options *o, const struct registration *r)
{
    const char *path = c->words.item[0];
    char expires[TIME_TEXT_MAX];
    if (o->json)
        return cli_json(json_pack("{s:o, s:b, s:s, s:s, s:b, s:o}", "file", cli_json_text(c, path),
                                  "accepted", true, "why", "", "text", "", "signature_checked",
                                  o->key != NULL, "registration",
                                  cli_json_printed(registration_print(r, &c->arena))));
    time_format(r->expires, expires);
    printf("%s: good: %s seq %" PRIu64 ", %u names, expires %s%s\n", path, r->domain, r->seq, r->name_count,
           expires, o->key ? ", signed by that key" : "; signature not checked, give --key");
    print_mirrors(r);
    return CLI_OK;
}

static int tell_refused(struct cli *c, const struct options *o, const struct refusal *why)
{
    const char *path = c->words.item[0];
    if (o->json)
        cli_json(json_pack("{s:o, s:b, s:s, s:s, s:b}", "file", cli_json_text(c, path), "accepted", false,
                           "why", refusal_name(why->why), "text", document_refusal(c, why),
                           "signature_checked", o->key != NULL));
    else
        document_refused(path, why);
    return CLI_FAILED;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct bytes file;
    struct envelope e;
    struct registration r;
    struct minisign_public key;
    struct refusal why = {0};
    if (!cli_read(c, c->words.item[0], REGISTRATION_SIZE_MAX, &file) ||
        (o->key && !document_public_key(c, o->key, &key)))
        return CLI_FAILED;
    struct guard *guard = guard_new(NULL, 0);
    if (!guard)
        return cli_fail("no public suffix list can be loaded; install the package publicsuffix");
    bool good = envelope_parse(file, REGISTRATION_SIZE_MAX, &c->arena, &e, &why) &&
                registration_parse(e.text, &c->arena, &r, &why) &&
                judge(o, guard, &e, &r, o->key ? &key : NULL, &why);
    guard_free(&guard);
    return good ? tell(c, o, &r) : tell_refused(c, o, &why);
}

const struct cli_command command_registration_check = {
    .name = "registration check",
    .words = "FILE",
    .summary = "Say whether a resolver would accept a registration",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
