/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules as sites: see rpz_site.h. */
#include "steering/rpz_site.h"

#include "steering/view.h"

/* One mirror for each address of the family that has more of them, each with one of the other family, so that
 * every client gets both where the zone has both. Its id is that address: taking one away moves nobody else.
 */
static bool make_mirrors(const struct rpz_addresses *a, struct arena *arena, struct registration *out)
{
    bool by_v4 = a->v4_count >= a->v6_count;
    out->mirror_count = by_v4 ? a->v4_count : a->v6_count;
    out->mirrors = arena_array(arena, out->mirror_count, sizeof *out->mirrors);
    for (unsigned i = 0; out->mirrors && i < out->mirror_count; i++) {
        char id[IP_TEXT_MAX];
        struct ip *ip = arena_array(arena, 2, sizeof *ip);
        unsigned n = 0;
        if (!ip)
            return false;
        if (by_v4)
            ip_format(&a->v4[i], id);
        else
            hex_encode(bytes_of(a->v6[i].addr, 16), id);
        if (a->v4_count)
            ip[n++] = a->v4[i % a->v4_count];
        if (a->v6_count)
            ip[n++] = a->v6[i % a->v6_count];
        out->mirrors[i] = (struct mirror){.id = arena_text(arena, bytes_str(id)),
                                          .addresses = ip,
                                          .address_count = n,
                                          .weight = 100,
                                          .port = a->port};
        if (!out->mirrors[i].id)
            return false;
    }
    return out->mirrors != NULL;
}

struct registration *rpz_site(const struct dns_name *name, const char *host, const struct rpz_addresses *a,
                              uint32_t serial, int64_t now, struct arena *arena)
{
    static const char *apex[] = {"@"};
    struct registration *reg = arena_zalloc(arena, sizeof *reg);
    if (!reg || !make_mirrors(a, arena, reg) || !(reg->domain = arena_text(arena, bytes_str(host))))
        return NULL;
    reg->name = *name;
    reg->seq = serial;
    reg->issued = now;
    reg->expires = RPZ_NEVER;
    reg->names = apex;
    reg->full = &reg->name;
    reg->name_count = 1;
    reg->policy = (struct policy){.answers = 1, .ttl = a->ttl, .probe_path = "/"};
    if (reg->policy.ttl < POLICY_TTL_MIN)
        reg->policy.ttl = POLICY_TTL_MIN;
    return reg;
}

const struct delegation *rpz_everywhere(struct arena *arena)
{
    struct delegation *d = arena_zalloc(arena, sizeof *d);
    struct blocked *b = arena_zalloc(arena, sizeof *b);
    if (!d || !b)
        return NULL;
    *b = (struct blocked){.country = VIEW_EVERYWHERE, .flags = BLOCK_IP};
    d->blocked = b;
    d->blocked_count = 1;
    return d;
}
