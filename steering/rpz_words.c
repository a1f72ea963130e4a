/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The language of policy zones: see rpz_words.h. */
#include "steering/rpz_words.h"

#include "data/dns/msg.h"

bool rpz_is_furniture(uint16_t type)
{
    enum { NSEC3PARAM = 51, CDS = 59, CDNSKEY = 60, ZONEMD = 63 };
    static const uint16_t types[] = {DNS_SOA,   DNS_NS,     DNS_DS, DNS_RRSIG, DNS_NSEC, DNS_DNSKEY,
                                     DNS_NSEC3, NSEC3PARAM, CDS,    CDNSKEY,   ZONEMD};
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (types[i] == type)
            return true;
    return false;
}

static struct bytes last_label(const struct dns_name *name)
{
    struct bytes last = BYTES_NONE;
    for (size_t at = 0; name->wire[at]; at += name->wire[at] + (size_t)1)
        last = bytes_of(name->wire + at + 1, name->wire[at]);
    return last;
}

bool rpz_is_word(const struct dns_name *name)
{
    struct bytes label = last_label(name);
    return label.len >= 4 && bytes_equal_nocase(bytes_of(label.data, 4), BYTES_LIT("rpz-"));
}

bool rpz_is_wildcard(const struct dns_name *name)
{
    return name->wire[0] == 1 && name->wire[1] == '*';
}

/* The name itself is how passing through was said before there was a word for it. */
bool rpz_passes(const struct dns_name *owner, const struct dns_name *target)
{
    static const struct bytes word = BYTES_LIT("rpz-passthru");
    bool is_word = target->len == word.len + 2 && target->wire[0] == word.len &&
                   bytes_equal_nocase(bytes_of(target->wire + 1, word.len), word);
    return is_word || name_equal(owner, target);
}

bool rpz_hides(const struct dns_name *target)
{
    return target->len == 1 || rpz_is_wildcard(target) || rpz_is_word(target);
}
