/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing --mirror: see mirror.h. Bounds are the document's; what they allow is checked again when it is
 * read. */
#include "steering/cli/mirror.h"

static bool mirror_init(struct cli *c, const char *id, struct mirror *m)
{
    *m = (struct mirror){.id = id, .weight = 100, .kind = MIRROR_TERMINATE, .port = 443};
    m->addresses = arena_array(&c->arena, MIRROR_ADDRESSES_MAX, sizeof *m->addresses);
    m->alpn = arena_array(&c->arena, MIRROR_ALPN_MAX, sizeof *m->alpn);
    m->blocked_in = arena_array(&c->arena, MIRROR_COUNTRIES_MAX, sizeof *m->blocked_in);
    return (m->addresses && m->alpn && m->blocked_in) || !cli_fail("out of memory");
}

static bool set_number(const char *value, uint64_t max, uint64_t *out)
{
    return uint_parse(bytes_str(value), max, out) && *out > 0;
}

static bool set_ech(struct cli *c, const char *value, struct mirror *m)
{
    uint8_t *ech = arena_alloc(&c->arena, MIRROR_ECH_MAX);
    long n = ech ? base64_decode(bytes_str(value), ech, MIRROR_ECH_MAX) : -1;
    m->ech = bytes_of(ech, n > 0 ? (size_t)n : 0);
    return n > 0;
}

static bool set_country(const char *value, struct mirror *m)
{
    if (strlen(value) != 2 || m->blocked_count == MIRROR_COUNTRIES_MAX)
        return false;
    memcpy(m->blocked_in[m->blocked_count++], value, 3);
    return true;
}

static bool set(struct cli *c, const char *name, const char *value, struct mirror *m)
{
    uint64_t n = 0;
    if (strcmp(name, "weight") == 0 && set_number(value, MIRROR_WEIGHT_MAX, &n))
        m->weight = (uint32_t)n;
    else if (strcmp(name, "port") == 0 && set_number(value, UINT16_MAX, &n))
        m->port = (uint16_t)n;
    else if (strcmp(name, "kind") == 0 && strcmp(value, "terminate") == 0)
        m->kind = MIRROR_TERMINATE;
    else if (strcmp(name, "kind") == 0 && strcmp(value, "passthrough") == 0)
        m->kind = MIRROR_PASSTHROUGH;
    else if (strcmp(name, "alpn") == 0 && m->alpn_count < MIRROR_ALPN_MAX)
        m->alpn[m->alpn_count++] = value;
    else if (strcmp(name, "ech") == 0)
        return set_ech(c, value, m);
    else if (strcmp(name, "blocked-in") == 0)
        return set_country(value, m);
    else
        return false;
    return true;
}

static bool take_word(struct cli *c, const char *word, struct mirror *m)
{
    const char *name, *value;
    if (cli_split(c, word, '=', &name, &value))
        return set(c, name, value, m) || !cli_usage(c, "mirror %s: '%s' makes no sense", m->id, word);
    if (m->address_count < MIRROR_ADDRESSES_MAX &&
        ip_parse(bytes_str(word), &m->addresses[m->address_count])) {
        m->address_count++;
        return true;
    }
    return cli_usage(c, "mirror %s: '%s' is not an address, or there are more than %d", m->id, word,
                     MIRROR_ADDRESSES_MAX),
           false;
}

bool mirror_parse(struct cli *c, const char *given, struct mirror *out)
{
    const char *word, *rest = given;
    for (bool first = true; rest; first = false) {
        if (!cli_split(c, rest, ',', &word, &rest)) {
            word = rest;
            rest = NULL;
        }
        if (first ? !mirror_init(c, word, out) : !take_word(c, word, out))
            return false;
    }
    return out->address_count || !cli_usage(c, "mirror '%s' has no address: give m1,198.51.100.7", given);
}
