/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compiling verified documents into a snapshot's block: see view.h and view_layout.h.
 *
 * Head, lists, sites, mirrors and slots have their place before the first is filled; everything of variable
 * length is appended behind them. The block may move as it grows: positions are offsets until the end. */
#include <stdlib.h>

#include "data/list/delegations.h"
#include "data/list/list.h"
#include "data/list/registration.h"
#include "steering/view_layout.h"

struct compiler {
    uint8_t *block;
    size_t len, cap;
    bool failed;
    struct view_head head;
    uint32_t sites, mirrors, addresses; /* filled so far */
};

/* Offset of n more zeroed bytes at the end; 0 and failed when there is no room. */
static size_t append(struct compiler *c, size_t n, size_t align)
{
    size_t at = (c->len + align - 1) / align * align;
    if (c->failed || n > VIEW_SIZE_MAX - at) {
        c->failed = true;
        return 0;
    }
    if (at + n > c->cap) {
        size_t cap = (at + n) * 2;
        uint8_t *block = realloc(c->block, cap);
        if (!block) {
            c->failed = true;
            return 0;
        }
        memset(block + c->cap, 0, cap - c->cap);
        c->block = block;
        c->cap = cap;
    }
    c->len = at + n;
    return at;
}

static size_t append_bytes(struct compiler *c, const void *data, size_t n)
{
    size_t at = append(c, n, 1);
    if (!c->failed && n)
        memcpy(c->block + at, data, n);
    return at;
}

/* Offset forward from where a structure stands. */
static uint32_t ahead(size_t at, size_t from)
{
    return (uint32_t)(at - from);
}

static void put_name(struct compiler *c, const struct dns_name *name, uint32_t site_at)
{
    uint32_t mask = c->head.slot_count - 1;
    uint32_t i = (uint32_t)hash_siphash(&c->head.key, name->wire, name->len) & mask;
    uint32_t *slot;
    for (; *(slot = (uint32_t *)(void *)(c->block + c->head.slot_at) + i); i = (i + 1) & mask) {
        const struct view_name *n = (const void *)(c->block + *slot);
        if (n->len == name->len && memcmp(n->wire, name->wire, n->len) == 0)
            return; /* a list or site before this one has it */
    }
    size_t at = append(c, sizeof(struct view_name) + name->len, _Alignof(struct view_name));
    if (c->failed)
        return;
    struct view_name *n = (void *)(c->block + at);
    n->site_at = site_at;
    n->len = name->len;
    memcpy(n->wire, name->wire, name->len);
    ((uint32_t *)(void *)(c->block + c->head.slot_at))[i] = (uint32_t)at;
}

static size_t append_health(struct compiler *c, const struct list_mirror_health *health)
{
    size_t first = append(c, health->region_count * sizeof(struct view_region), 1);
    struct view_region *to = (void *)(c->block + first);
    for (unsigned i = 0; !c->failed && i < health->region_count; i++) {
        memcpy(to[i].code, health->regions[i].region, sizeof to[i].code);
        to[i].health = health->regions[i].up ? VIEW_HEALTH_UP : VIEW_HEALTH_DOWN;
    }
    return first;
}

static size_t append_countries(struct compiler *c, const struct mirror *m)
{
    size_t first = append(c, m->blocked_count * sizeof(struct view_country), 1);
    struct view_country *to = (void *)(c->block + first);
    for (unsigned i = 0; !c->failed && i < m->blocked_count; i++)
        memcpy(to[i].code, m->blocked_in[i], sizeof to[i].code);
    return first;
}

static void put_mirror(struct compiler *c, const struct mirror *m, const struct list_mirror_health *health)
{
    size_t at = c->head.mirror_at + c->mirrors++ * sizeof(struct view_mirror);
    struct view_mirror out = {
        .weight = m->weight,
        .port = m->port,
        .address_count = (uint8_t)m->address_count,
        .address_first = c->addresses,
        .blocked_count = (uint16_t)m->blocked_count,
        .health_count = (uint16_t)(health ? health->region_count : 0),
        .ech_len = (uint16_t)m->ech.len,
        .kind = m->kind == MIRROR_PASSTHROUGH ? VIEW_PASSTHROUGH : VIEW_TERMINATE,
        .alpn_count = (uint8_t)m->alpn_count,
        .address_at = ahead(append_bytes(c, m->addresses, m->address_count * sizeof *m->addresses), at),
        .blocked_at = ahead(append_countries(c, m), at),
        .ech_at = ahead(append_bytes(c, m->ech.data, m->ech.len), at),
        .health_at = health ? ahead(append_health(c, health), at) : 0,
    };
    for (unsigned i = 0; i < m->alpn_count; i++)
        memccpy(out.alpn[i], m->alpn[i], '\0', sizeof out.alpn[i] - 1);
    memccpy(out.id, m->id, '\0', sizeof out.id - 1);
    c->addresses += m->address_count;
    if (!c->failed)
        memcpy(c->block + at, &out, sizeof out);
}

static uint8_t all_flags(const struct delegation *d)
{
    uint8_t flags = 0;
    for (unsigned i = 0; i < d->blocked_count; i++)
        flags |= d->blocked[i].flags;
    return flags;
}

static size_t append_blocked(struct compiler *c, const struct delegation *d)
{
    size_t first = append(c, d->blocked_count * sizeof(struct view_blocked), 1);
    struct view_blocked *to = (void *)(c->block + first);
    for (unsigned i = 0; !c->failed && i < d->blocked_count; i++) {
        memcpy(to[i].country, d->blocked[i].country, sizeof to[i].country);
        to[i].flags = d->blocked[i].flags;
    }
    return first;
}

static enum view_all_down all_down(enum all_down word)
{
    return word == ALL_DOWN_MIRRORS ? VIEW_MIRRORS : word == ALL_DOWN_NODATA ? VIEW_NODATA : VIEW_ORIGIN;
}

static void put_site(struct compiler *c, const struct view_source *source, const struct view_source_site *s,
                     size_t list_at)
{
    const struct registration *reg = s->registration;
    const struct policy *p = &reg->policy;
    size_t at = c->head.site_at + c->sites++ * sizeof(struct view_site);
    struct view_site out = {
        .seq = reg->seq,
        .expires = reg->expires,
        .list_back = (uint32_t)(at - list_at),
        .mirror_at = ahead(c->head.mirror_at + c->mirrors * sizeof(struct view_mirror), at),
        .mirror_count = (uint16_t)reg->mirror_count,
        .blocked_at = ahead(append_blocked(c, s->delegation), at),
        .blocked_count = (uint16_t)s->delegation->blocked_count,
        .blocked_flags = all_flags(s->delegation),
        .ttl = p->ttl,
        .answers = (uint8_t)p->answers,
        .all_down = (uint8_t)all_down(p->all_down),
        .path_len = (uint16_t)strlen(p->probe_path),
        .path_at = ahead(append_bytes(c, p->probe_path, strlen(p->probe_path)), at),
        .domain = reg->name,
    };
    if (p->probe_contains) {
        out.contains_len = (uint16_t)strlen(p->probe_contains);
        out.contains_at = ahead(append_bytes(c, p->probe_contains, out.contains_len), at);
    }
    if (!c->failed)
        memcpy(c->block + at, &out, sizeof out);
    for (unsigned i = 0; i < reg->mirror_count && !c->failed; i++)
        put_mirror(c, &reg->mirrors[i], list_health(source->list, reg->domain, reg->mirrors[i].id));
    for (unsigned i = 0; i < reg->name_count && !c->failed; i++)
        put_name(c, &reg->full[i], (uint32_t)at);
}

static void put_list(struct compiler *c, const struct view_source *source, size_t at)
{
    struct view_list out = {
        .trust = (uint8_t)source->trust,
        .version = source->list->version,
        .issued = source->list->issued,
        .expires = source->list->expires,
        .site_at = ahead(c->head.site_at + c->sites * sizeof(struct view_site), at),
        .site_count = (uint32_t)source->site_count,
    };
    memccpy(out.name, source->name, '\0', sizeof out.name - 1);
    memcpy(c->block + at, &out, sizeof out);
    for (size_t i = 0; i < source->site_count && !c->failed; i++)
        put_site(c, source, &source->sites[i], at);
}

/* A table at most half full; a power of two. */
static uint32_t slots_for(size_t names)
{
    uint32_t n = 8;
    while (n < 2 * names && n < 1u << 30)
        n *= 2;
    return n;
}

static void lay_out(struct compiler *c, const struct view_source *sources, size_t count)
{
    struct view_head *h = &c->head;
    size_t names = 0;
    h->list_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        h->site_count += (uint32_t)sources[i].site_count;
        for (size_t k = 0; k < sources[i].site_count; k++) {
            h->mirror_count += sources[i].sites[k].registration->mirror_count;
            names += sources[i].sites[k].registration->name_count;
        }
    }
    h->slot_count = slots_for(names);
    append(c, sizeof *h, 1);
    h->list_at = (uint32_t)append(c, count * sizeof(struct view_list), _Alignof(struct view_list));
    h->site_at = (uint32_t)append(c, h->site_count * sizeof(struct view_site), _Alignof(struct view_site));
    h->mirror_at =
        (uint32_t)append(c, h->mirror_count * sizeof(struct view_mirror), _Alignof(struct view_mirror));
    h->slot_at = (uint32_t)append(c, h->slot_count * sizeof(uint32_t), _Alignof(uint32_t));
}

uint8_t *view_compile(const struct view_source *sources, size_t count, const struct hash_key *key,
                      size_t *len)
{
    struct compiler c = {.head = {.format = VIEW_FORMAT, .key = *key}};
    lay_out(&c, sources, count);
    for (size_t i = 0; i < count && !c.failed; i++)
        put_list(&c, &sources[i], c.head.list_at + i * sizeof(struct view_list));
    if (c.failed) {
        free(c.block);
        return NULL;
    }
    c.head.len = (uint32_t)c.len;
    memcpy(c.block, &c.head, sizeof c.head);
    view_seal(c.block, c.len);
    *len = c.len;
    return c.block;
}
