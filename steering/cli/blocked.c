/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a domain is blocked where, changed country by country: see blocked.h. */
#include "steering/cli/blocked.h"

#include "data/list/field.h"

static bool parse_flags(const char *text, uint8_t *out)
{
    *out = 0;
    while (*text) {
        size_t len = strcspn(text, ",");
        uint8_t flag = 0;
        for (unsigned i = 0; i < BLOCK_KINDS; i++)
            if (strlen(block_names[i]) == len && memcmp(block_names[i], text, len) == 0)
                flag = (uint8_t)(1u << i);
        if (!flag)
            return false;
        *out |= flag;
        text += len + (text[len] == ',');
        if (text[-1] == ',' && !*text)
            return false;
    }
    return *out != 0;
}

/* Index of the country's entry, blocked_count if there is none. */
static unsigned blocked_at(const struct delegation *site, const char *country)
{
    unsigned i = 0;
    while (i < site->blocked_count && strcmp(site->blocked[i].country, country) != 0)
        i++;
    return i;
}

static bool set_blocked(struct cli *c, const char *given, struct delegation *site)
{
    const char *country, *how;
    uint8_t flags;
    if (!cli_split(c, given, '=', &country, &how) || !field_is_country(country) || !parse_flags(how, &flags))
        return cli_usage(c, "--blocked wants a country and dns, ip or sni, for example RU=dns,ip, not '%s'",
                         given),
               false;
    unsigned at = blocked_at(site, country);
    struct blocked *b = &site->blocked[at];
    if (at == site->blocked_count && at == DELEGATION_COUNTRIES_MAX)
        return cli_fail("%s is blocked in more than %d countries", site->domain, DELEGATION_COUNTRIES_MAX),
               false;
    site->blocked_count += at == site->blocked_count;
    memcpy(b->country, country, 3);
    b->flags = flags;
    return true;
}

static bool unset_blocked(struct cli *c, const char *country, struct delegation *site)
{
    unsigned at = blocked_at(site, country);
    if (!field_is_country(country))
        return cli_usage(c, "--unblocked wants a country like RU, not '%s'", country), false;
    if (at == site->blocked_count)
        return cli_fail("%s is not said to be blocked in %s; nothing to take back", site->domain, country),
               false;
    site->blocked[at] = site->blocked[--site->blocked_count];
    return true;
}

bool blocked_change(struct cli *c, const struct cli_words *blocked, const struct cli_words *unblocked,
                    const struct delegation *before, struct delegation *site)
{
    site->blocked = arena_array(&c->arena, before->blocked_count + blocked->count + 1, sizeof *site->blocked);
    if (!site->blocked)
        return cli_fail("out of memory"), false;
    site->blocked_count = before->blocked_count;
    if (before->blocked_count)
        memcpy(site->blocked, before->blocked, before->blocked_count * sizeof *site->blocked);
    for (unsigned i = 0; i < unblocked->count; i++)
        if (!unset_blocked(c, unblocked->item[i], site))
            return false;
    for (unsigned i = 0; i < blocked->count; i++) {
        for (unsigned k = 0; k < unblocked->count; k++)
            if (strncmp(blocked->item[i], unblocked->item[k], 2) == 0)
                return cli_usage(c, "%s cannot be both blocked and not", unblocked->item[k]), false;
        for (unsigned k = 0; k < i; k++)
            if (strncmp(blocked->item[i], blocked->item[k], 3) == 0)
                return cli_usage(c, "%.2s is given twice: name all that holds there at once, as in RU=dns,ip",
                                 blocked->item[i]),
                       false;
        if (!set_blocked(c, blocked->item[i], site))
            return false;
    }
    return true;
}
