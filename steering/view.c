/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a snapshot and looking names up: see view.h. Everything is checked here, once, so that look-ups
 * check nothing; a block's author is trusted no more than the disk it comes from. */
#include "steering/view.h"

#include <stdlib.h>

#include "steering/view_layout.h"

struct view {
    uint8_t *block;
    struct view_head head;
    uint32_t addresses;
};

static const struct hash_key seal_key = {0x706f6c796e79612d, 0x76696577};

static uint64_t checksum(const uint8_t *block, size_t len)
{
    return hash_siphash(&seal_key, block + sizeof(uint64_t), len - sizeof(uint64_t));
}

void view_seal(uint8_t *block, size_t len)
{
    uint64_t sum = checksum(block, len);
    memcpy(block, &sum, sizeof sum);
}

/* count objects of size at offset lie in the block, aligned. */
static bool array_fits(const struct view_head *h, uint64_t at, uint64_t count, size_t size, size_t align)
{
    return at % align == 0 && at <= h->len && count <= (h->len - at) / size;
}

/* The same, and within the section of such objects that begins at `first` and has `total` of them. */
static bool array_within(uint64_t at, uint64_t count, uint64_t first, uint64_t total, size_t size)
{
    return at >= first && (at - first) % size == 0 && (at - first) / size <= total &&
           count <= total - (at - first) / size;
}

static bool is_text(const char *text, size_t cap)
{
    return text[0] && memchr(text, '\0', cap);
}

static bool is_name(const uint8_t *wire, size_t len)
{
    size_t offset = 0;
    return len >= 1 && len <= DNS_NAME_MAX && name_skip(bytes_of(wire, len), &offset) && offset == len &&
           wire[len - 1] == 0;
}

static bool open_list(const struct view *v, size_t at)
{
    const struct view_list *l = (const void *)(v->block + at);
    return is_text(l->name, sizeof l->name) && l->trust <= VIEW_POLICY &&
           array_within(at + l->site_at, l->site_count, v->head.site_at, v->head.site_count,
                        sizeof(struct view_site));
}

static bool open_site(const struct view *v, size_t at)
{
    const struct view_site *s = (const void *)(v->block + at);
    const struct view_head *h = &v->head;
    return s->list_back <= at && at - s->list_back >= h->list_at &&
           array_within(at - s->list_back, 1, h->list_at, h->list_count, sizeof(struct view_list)) &&
           s->mirror_count >= 1 && s->mirror_count <= VIEW_SITE_MIRRORS_MAX &&
           array_within(at + s->mirror_at, s->mirror_count, h->mirror_at, h->mirror_count,
                        sizeof(struct view_mirror)) &&
           array_fits(h, at + s->blocked_at, s->blocked_count, sizeof(struct view_blocked), 1) &&
           array_fits(h, at + s->path_at, s->path_len, 1, 1) &&
           array_fits(h, at + s->contains_at, s->contains_len, 1, 1) && s->answers >= 1 && s->answers <= 2 &&
           s->all_down <= VIEW_NODATA && is_name(s->domain.wire, s->domain.len);
}

static bool are_addresses(const struct ip *ip, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (ip[i].len != 4 && ip[i].len != 16)
            return false;
    return true;
}

static bool are_regions(const struct view_region *r, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (r[i].health != VIEW_HEALTH_UP && r[i].health != VIEW_HEALTH_DOWN)
            return false;
    return true;
}

static bool are_alpn(const struct view_mirror *m)
{
    if (m->alpn_count > VIEW_ALPN_MAX)
        return false;
    for (unsigned i = 0; i < m->alpn_count; i++)
        if (!is_text(m->alpn[i], sizeof m->alpn[i]))
            return false;
    return true;
}

static bool open_mirror(const struct view *v, size_t at)
{
    const struct view_mirror *m = (const void *)(v->block + at);
    const struct view_head *h = &v->head;
    return m->weight >= 1 && m->kind <= VIEW_PASSTHROUGH && is_text(m->id, sizeof m->id) && are_alpn(m) &&
           m->address_count >= 1 && m->address_count <= VIEW_MIRROR_ADDRESSES_MAX &&
           array_fits(h, at + m->address_at, m->address_count, sizeof(struct ip), 1) &&
           are_addresses(view_mirror_addresses(m), m->address_count) &&
           array_fits(h, at + m->blocked_at, m->blocked_count, sizeof(struct view_country), 1) &&
           array_fits(h, at + m->health_at, m->health_count, sizeof(struct view_region), 1) &&
           are_regions((const void *)((const uint8_t *)m + m->health_at), m->health_count) &&
           m->ech_len <= VIEW_ECH_MAX && array_fits(h, at + m->ech_at, m->ech_len, 1, 1);
}

static bool open_name(const struct view *v, uint32_t at)
{
    const struct view_head *h = &v->head;
    const struct view_name *n = (const void *)(v->block + at);
    return array_fits(h, at, 1, sizeof *n, _Alignof(struct view_name)) &&
           array_fits(h, (uint64_t)at + offsetof(struct view_name, wire), n->len, 1, 1) &&
           is_name(n->wire, n->len) &&
           array_within(n->site_at, 1, h->site_at, h->site_count, sizeof(struct view_site));
}

static const uint32_t *slots(const struct view *v)
{
    return (const void *)(v->block + v->head.slot_at);
}

static bool open_slots(const struct view *v)
{
    uint32_t taken = 0;
    for (uint32_t i = 0; i < v->head.slot_count; i++) {
        uint32_t at = slots(v)[i];
        if (at && !open_name(v, at))
            return false;
        taken += at != 0;
    }
    return taken < v->head.slot_count;
}

static bool open_head(const struct view_head *h, size_t len)
{
    return h->format == VIEW_FORMAT && h->len == len &&
           array_fits(h, h->list_at, h->list_count, sizeof(struct view_list), _Alignof(struct view_list)) &&
           array_fits(h, h->site_at, h->site_count, sizeof(struct view_site), _Alignof(struct view_site)) &&
           array_fits(h, h->mirror_at, h->mirror_count, sizeof(struct view_mirror),
                      _Alignof(struct view_mirror)) &&
           array_fits(h, h->slot_at, h->slot_count, sizeof(uint32_t), _Alignof(uint32_t)) && h->slot_count &&
           (h->slot_count & (h->slot_count - 1)) == 0;
}

/* Mirror i's addresses come right after those of the mirrors before it. */
static bool count_addresses(struct view *v, size_t i)
{
    const struct view_mirror *m =
        (const struct view_mirror *)(const void *)(v->block + v->head.mirror_at) + i;
    bool in_order = m->address_first == v->addresses;
    v->addresses += m->address_count;
    return in_order;
}

static bool open_all(struct view *v)
{
    const struct view_head *h = &v->head;
    for (size_t i = 0; i < h->list_count; i++)
        if (!open_list(v, h->list_at + i * sizeof(struct view_list)))
            return false;
    for (size_t i = 0; i < h->site_count; i++)
        if (!open_site(v, h->site_at + i * sizeof(struct view_site)))
            return false;
    for (size_t i = 0; i < h->mirror_count; i++)
        if (!open_mirror(v, h->mirror_at + i * sizeof(struct view_mirror)) || !count_addresses(v, i))
            return false;
    return open_slots(v);
}

struct view *view_open(uint8_t *block, size_t len)
{
    if (len < sizeof(struct view_head) || len > VIEW_SIZE_MAX)
        return NULL;
    struct view *v = malloc(sizeof *v);
    if (!v)
        return NULL;
    *v = (struct view){.block = block};
    memcpy(&v->head, block, sizeof v->head);
    if (v->head.checksum == checksum(block, len) && open_head(&v->head, len) && open_all(v))
        return v;
    free(v);
    return NULL;
}

void view_free(struct view **v)
{
    if (!*v)
        return;
    free((*v)->block);
    free(*v);
    *v = NULL;
}

const struct view_site *view_find(const struct view *v, const struct dns_name *name)
{
    uint32_t mask = v->head.slot_count - 1;
    uint32_t i = (uint32_t)hash_siphash(&v->head.key, name->wire, name->len) & mask;
    for (uint32_t at; (at = slots(v)[i]); i = (i + 1) & mask) {
        const struct view_name *n = (const void *)(v->block + at);
        if (n->len == name->len && memcmp(n->wire, name->wire, n->len) == 0)
            return (const void *)(v->block + n->site_at);
    }
    return NULL;
}

uint64_t view_checksum(const struct view *v)
{
    return v->head.checksum;
}

uint32_t view_address_count(const struct view *v)
{
    return v->addresses;
}

void view_each_name(const struct view *v,
                    void (*each)(void *self, const struct view_site *site, struct bytes name), void *self)
{
    for (uint32_t i = 0; i < v->head.slot_count; i++) {
        const struct view_name *n = (const void *)(v->block + slots(v)[i]);
        if (slots(v)[i])
            each(self, (const void *)(v->block + n->site_at), bytes_of(n->wire, n->len));
    }
}

const struct view_list *view_lists(const struct view *v, size_t *count)
{
    *count = v->head.list_count;
    return (const void *)(v->block + v->head.list_at);
}

unsigned view_site_blocked_in(const struct view_site *s, const char *country)
{
    const struct view_blocked *b = view_site_blocked(s);
    if (!country[0])
        return s->blocked_flags;
    unsigned everywhere = 0;
    for (unsigned i = 0; i < s->blocked_count; i++) {
        if (memcmp(b[i].country, country, 2) == 0)
            return b[i].flags;
        if (b[i].country[0] == VIEW_EVERYWHERE[0])
            everywhere = b[i].flags;
    }
    return everywhere;
}

bool view_mirror_blocked_in(const struct view_mirror *m, const char *country)
{
    const struct view_country *c = (const void *)((const uint8_t *)m + m->blocked_at);
    for (unsigned i = 0; country[0] && i < m->blocked_count; i++)
        if (memcmp(c[i].code, country, 2) == 0)
            return true;
    return false;
}

enum view_health view_mirror_health(const struct view_mirror *m, const struct view_list *l,
                                    const char *country, int64_t now)
{
    const struct view_region *r = (const void *)((const uint8_t *)m + m->health_at);
    enum view_health everywhere = VIEW_HEALTH_UNKNOWN;
    if (now >= l->expires)
        return VIEW_HEALTH_UNKNOWN;
    for (unsigned i = 0; i < m->health_count; i++) {
        if (country[0] && memcmp(r[i].code, country, 2) == 0)
            return r[i].health;
        if (r[i].code[0] == '*')
            everywhere = r[i].health;
    }
    return everywhere;
}
