/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone's records: see records.h. An open-addressed table of pointers, each to a block of its own: zones are
 * small, and an incremental transfer takes out as much as it puts in. */
#include "data/dns/records.h"

#include <stdlib.h>

#include "data/base/hash.h"

enum { SLOTS_MIN = 64, SOA_NUMBERS = 20, RDATA_MAX = 65535, HEAD = offsetof(struct record, data) };

struct records {
    struct hash_key key;
    struct record **slot; /* NULL: never used; &gone: used once */
    uint32_t slots;       /* a power of two */
    uint32_t used;        /* slots that are not NULL */
    uint32_t count;
    size_t bytes;
};

static struct record gone;

bool soa_read(struct bytes rdata, struct soa *out)
{
    size_t at = 0;
    if (!name_skip(rdata, &at) || !name_skip(rdata, &at) || rdata.len != at + SOA_NUMBERS)
        return false;
    const uint8_t *n = rdata.data + at;
    *out = (struct soa){get_u32(n), get_u32(n + 4), get_u32(n + 8), get_u32(n + 12)};
    return true;
}

struct records *records_new(void)
{
    struct records *r = calloc(1, sizeof *r);
    if (r)
        r->slot = calloc(SLOTS_MIN, sizeof *r->slot);
    if (!r || !r->slot) {
        free(r);
        return NULL;
    }
    r->slots = SLOTS_MIN;
    random_fill(&r->key, sizeof r->key);
    return r;
}

void records_free(struct records **r)
{
    if (!*r)
        return;
    for (uint32_t i = 0; i < (*r)->slots; i++)
        if ((*r)->slot[i] != &gone)
            free((*r)->slot[i]);
    free((*r)->slot);
    free(*r);
    *r = NULL;
}

static size_t record_size(const struct record *x)
{
    return HEAD + (size_t)x->owner_len + x->rdata_len;
}

static bool same(const struct record *a, const struct record *b)
{
    return a->type == b->type && bytes_equal(record_owner(a), record_owner(b)) &&
           bytes_equal(record_rdata(a), record_rdata(b));
}

/* Of what makes a record the one it is: TTL left out. */
static uint32_t hash_of(const struct records *r, const struct record *x)
{
    uint64_t h = hash_siphash(&r->key, x->data, (size_t)x->owner_len + x->rdata_len);
    return (uint32_t)(h ^ (uint64_t)x->type * 0x9e3779b97f4a7c15u);
}

/* The slot of x, or the one where it belongs. There is always a free one. */
static struct record **find(const struct records *r, const struct record *x)
{
    uint32_t mask = r->slots - 1;
    struct record **free_slot = NULL;
    for (uint32_t i = hash_of(r, x) & mask;; i = (i + 1) & mask) {
        struct record **slot = &r->slot[i];
        if (!*slot)
            return free_slot ? free_slot : slot;
        if (*slot == &gone)
            free_slot = free_slot ? free_slot : slot;
        else if (same(*slot, x))
            return slot;
    }
}

static bool holds(struct record *const *slot)
{
    return *slot && *slot != &gone;
}

/* At most half of the slots are used. */
static bool make_room(struct records *r)
{
    if (2 * (r->used + 1) <= r->slots)
        return true;
    struct records bigger = {.key = r->key, .slots = SLOTS_MIN, .used = r->count};
    while (bigger.slots < 4 * (r->count + 1))
        bigger.slots *= 2;
    bigger.slot = calloc(bigger.slots, sizeof *bigger.slot);
    if (!bigger.slot)
        return false;
    for (uint32_t i = 0; i < r->slots; i++)
        if (holds(&r->slot[i]))
            *find(&bigger, r->slot[i]) = r->slot[i];
    free(r->slot);
    r->slot = bigger.slot;
    r->slots = bigger.slots;
    r->used = bigger.used;
    return true;
}

static struct record *record_of(struct bytes owner, uint16_t type, uint32_t ttl, struct bytes rdata)
{
    struct record *x = rdata.len <= RDATA_MAX ? malloc(sizeof *x + owner.len + rdata.len) : NULL;
    if (!x)
        return NULL;
    *x = (struct record){
        .ttl = ttl, .type = type, .rdata_len = (uint16_t)rdata.len, .owner_len = (uint8_t)owner.len};
    memcpy(x->data, owner.data, owner.len);
    if (rdata.len)
        memcpy(x->data + owner.len, rdata.data, rdata.len);
    return x;
}

/* Takes x. */
static bool take(struct records *r, struct record *x)
{
    if (!x)
        return false;
    struct record **slot = find(r, x);
    if (holds(slot)) {
        (*slot)->ttl = x->ttl;
        free(x);
        return true;
    }
    if (r->count == RECORDS_MAX || record_size(x) > RECORDS_BYTES_MAX - r->bytes || !make_room(r)) {
        free(x);
        return false;
    }
    slot = find(r, x);
    r->used += *slot == NULL;
    *slot = x;
    r->count++;
    r->bytes += record_size(x);
    return true;
}

bool records_add(struct records *r, const struct dns_name *owner, uint16_t type, uint32_t ttl,
                 struct bytes rdata)
{
    return take(r, record_of(bytes_of(owner->wire, owner->len), type, ttl, rdata));
}

/* The slot of such a record; NULL if there is none. */
static struct record **slot_of(const struct records *r, const struct dns_name *owner, uint16_t type,
                               struct bytes rdata)
{
    struct record *x = record_of(bytes_of(owner->wire, owner->len), type, 0, rdata);
    struct record **slot = x ? find(r, x) : NULL;
    free(x);
    return slot && holds(slot) ? slot : NULL;
}

bool records_have(const struct records *r, const struct dns_name *owner, uint16_t type, struct bytes rdata)
{
    return slot_of(r, owner, type, rdata) != NULL;
}

bool records_remove(struct records *r, const struct dns_name *owner, uint16_t type, struct bytes rdata)
{
    struct record **slot = slot_of(r, owner, type, rdata);
    if (!slot)
        return false;
    r->bytes -= record_size(*slot);
    r->count--;
    free(*slot);
    *slot = &gone;
    return true;
}

size_t records_count(const struct records *r)
{
    return r->count;
}

struct records *records_copy(const struct records *r)
{
    struct records *copy = records_new();
    for (uint32_t i = 0; copy && i < r->slots; i++) {
        const struct record *x = r->slot[i];
        if (holds(&r->slot[i]) && !take(copy, record_of(record_owner(x), x->type, x->ttl, record_rdata(x))))
            records_free(&copy);
    }
    return copy;
}

static int compare_bytes(struct bytes a, struct bytes b)
{
    size_t least = a.len < b.len ? a.len : b.len;
    int c = least ? memcmp(a.data, b.data, least) : 0;
    return c ? c : (a.len > b.len) - (a.len < b.len);
}

static int compare(const void *left, const void *right)
{
    const struct record *a = *(const struct record *const *)left, *b = *(const struct record *const *)right;
    int c = compare_bytes(record_owner(a), record_owner(b));
    if (c == 0)
        c = (a->type > b->type) - (a->type < b->type);
    return c ? c : compare_bytes(record_rdata(a), record_rdata(b));
}

const struct record **records_sorted(const struct records *r)
{
    size_t n = 0;
    const struct record **all = calloc(r->count + (size_t)1, sizeof *all);
    for (uint32_t i = 0; all && i < r->slots; i++)
        if (holds(&r->slot[i]))
            all[n++] = r->slot[i];
    if (all)
        qsort(all, n, sizeof *all, compare);
    return all;
}

size_t records_size(const struct records *r)
{
    return r->bytes;
}

void records_write(const struct records *r, struct writer *w)
{
    for (uint32_t i = 0; i < r->slots; i++)
        if (holds(&r->slot[i]))
            writer_put(w, r->slot[i], record_size(r->slot[i]));
}

/* One record; false if it is cut off or makes no sense. */
static bool read_record(struct records *r, struct bytes from, size_t *at)
{
    struct record head;
    if (from.len - *at < HEAD)
        return false;
    memcpy(&head, from.data + *at, HEAD);
    size_t owner_at = *at + HEAD, skipped = 0;
    if (from.len - owner_at < (size_t)head.owner_len + head.rdata_len)
        return false;
    struct bytes owner = bytes_of(from.data + owner_at, head.owner_len);
    if (!name_skip(owner, &skipped) || skipped != owner.len || owner.data[owner.len - 1] != 0)
        return false;
    *at = owner_at + head.owner_len + head.rdata_len;
    return take(r, record_of(owner, head.type, head.ttl,
                             bytes_of(from.data + owner_at + head.owner_len, head.rdata_len)));
}

struct records *records_read(struct bytes from)
{
    struct records *r = records_new();
    size_t at = 0;
    while (r && at < from.len)
        if (!read_record(r, from, &at))
            records_free(&r);
    return r;
}
