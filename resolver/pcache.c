/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The packet cache of pcache.h.
 *
 * Three pieces: slots, a table of (tag, entry) pairs probed linearly with backward shifts at removal;
 * entries, an array whose indices are also the links of the queue; and one block of heap per entry, holding
 * the answer block with its key behind. Slots and entries are reserved at the start for the smallest answers
 * worth counting on, and take real memory only as they are touched: there is no growing and no rehash in the
 * middle of a turn. Index 0 is "none". The queue runs from `newest` to `oldest`; SIEVE's hand walks it
 * towards the newest. */
#include "resolver/pcache.h"

#include <malloc.h>
#include <stdlib.h>

enum {
    ENTRY_BYTES_MIN = 160, /* the budget divided by this is the number of entries */
    HAND_STEPS_MAX = 256,  /* then the victim is whoever stands under the hand: bounds one insertion */
    MALLOC_HEAD = 8,
    DUE_SHARE = 10, /* it is due in the last tenth of its life, or second */
    ASKED_TWICE = 2,
    TOLD_DUE = 255
};

struct slot {
    uint32_t tag; /* upper half of the key's hash; gives the home slot, too */
    uint32_t entry;
};

struct entry {
    uint8_t *data; /* block, then key */
    uint32_t tag;
    uint32_t newer, older; /* in the queue; `newer` also links free entries */
    uint32_t expires;      /* Unix seconds */
    uint32_t block_len;
    uint16_t key_len;
    bool visited;
    uint8_t asked; /* times, up to ASKED_TWICE; TOLD_DUE once that was told */
};

struct pcache {
    struct hash_key hash;
    struct slot *slots;
    struct entry *entries;
    uint32_t slot_count, entry_count;
    uint32_t fresh;  /* the first entry never used */
    uint32_t unused; /* list of entries given back */
    uint32_t newest, oldest, hand;
    uint32_t now; /* of the last lookup: the hand's clock */
    size_t used, limit;
};

struct pcache *pcache_new(size_t bytes, const struct hash_key *hash)
{
    struct pcache *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    size_t count = bytes / ENTRY_BYTES_MIN;
    c->entry_count = count < 8 ? 8 : count > UINT32_MAX / 4 ? UINT32_MAX / 4 : (uint32_t)count;
    c->slot_count = c->entry_count / 2 * 3;
    c->hash = *hash;
    c->limit = bytes;
    c->fresh = 1;
    c->slots = calloc(c->slot_count, sizeof *c->slots);
    c->entries = calloc((size_t)c->entry_count + 1, sizeof *c->entries);
    c->used = sizeof *c + c->slot_count * sizeof *c->slots;
    if (!c->slots || !c->entries)
        pcache_free(&c);
    return c;
}

void pcache_free(struct pcache **c)
{
    if (!*c)
        return;
    if ((*c)->entries)
        for (uint32_t i = 1; i < (*c)->fresh; i++)
            free((*c)->entries[i].data);
    free((*c)->entries);
    free((*c)->slots);
    free(*c);
    *c = NULL;
}

size_t pcache_used(const struct pcache *c)
{
    return c->used;
}

static size_t heap_cost(void *data)
{
    return malloc_usable_size(data) + MALLOC_HEAD;
}

static uint32_t tag_of(const struct pcache *c, const struct answer_key *key)
{
    return (uint32_t)(hash_siphash(&c->hash, key->data, key->len) >> 32);
}

static uint32_t home_of(const struct pcache *c, uint32_t tag)
{
    return (uint32_t)((uint64_t)tag * c->slot_count >> 32);
}

static uint32_t slot_after(const struct pcache *c, uint32_t slot)
{
    return slot + 1 == c->slot_count ? 0 : slot + 1;
}

static bool entry_has_key(const struct entry *e, const struct answer_key *key)
{
    return e->key_len == key->len && memcmp(e->data + e->block_len, key->data, key->len) == 0;
}

/* The slot that holds key, or the empty one where the search ended. There are always empty ones. */
static uint32_t slot_find(const struct pcache *c, const struct answer_key *key, uint32_t tag)
{
    uint32_t at = home_of(c, tag);
    while (c->slots[at].entry) {
        if (c->slots[at].tag == tag && entry_has_key(&c->entries[c->slots[at].entry], key))
            break;
        at = slot_after(c, at);
    }
    return at;
}

/* Empties a slot and moves up those behind it that would otherwise be cut off from their home. */
static void slot_clear(struct pcache *c, uint32_t hole)
{
    for (uint32_t at = slot_after(c, hole); c->slots[at].entry; at = slot_after(c, at)) {
        uint32_t home = home_of(c, c->slots[at].tag);
        /* Its home lies in the cyclic range (hole, at]: it must stay. */
        if (hole < at ? home > hole && home <= at : home > hole || home <= at)
            continue;
        c->slots[hole] = c->slots[at];
        hole = at;
    }
    c->slots[hole] = (struct slot){0};
}

static void queue_push(struct pcache *c, uint32_t i)
{
    c->entries[i].newer = 0;
    c->entries[i].older = c->newest;
    if (c->newest)
        c->entries[c->newest].newer = i;
    else
        c->oldest = i;
    c->newest = i;
}

static void queue_remove(struct pcache *c, uint32_t i)
{
    const struct entry *e = &c->entries[i];
    if (c->hand == i)
        c->hand = e->newer;
    if (e->newer)
        c->entries[e->newer].older = e->older;
    else
        c->newest = e->older;
    if (e->older)
        c->entries[e->older].newer = e->newer;
    else
        c->oldest = e->newer;
}

/* Takes entry i out of everything and frees its data. */
static void entry_drop(struct pcache *c, uint32_t i, uint32_t slot)
{
    struct entry *e = &c->entries[i];
    slot_clear(c, slot);
    queue_remove(c, i);
    c->used -= heap_cost(e->data) + sizeof *e;
    free(e->data);
    *e = (struct entry){.newer = c->unused};
    c->unused = i;
}

static uint32_t slot_of_entry(const struct pcache *c, uint32_t i)
{
    uint32_t at = home_of(c, c->entries[i].tag);
    while (c->slots[at].entry != i)
        at = slot_after(c, at);
    return at;
}

/* SIEVE: from the hand towards the newest, the first that was not visited since the hand last passed, or is
 * over anyway. */
static void evict(struct pcache *c)
{
    uint32_t i = c->hand ? c->hand : c->oldest;
    for (unsigned steps = 0; steps < HAND_STEPS_MAX; steps++) {
        struct entry *e = &c->entries[i];
        if (!e->visited || e->expires <= c->now)
            break;
        e->visited = false;
        i = e->newer ? e->newer : c->oldest;
    }
    c->hand = i;
    entry_drop(c, i, slot_of_entry(c, i));
}

/* One more asks for it, and it lives for `left` more seconds. */
static bool falls_due(struct entry *e, uint32_t left, uint32_t ttl)
{
    if (e->asked < ASKED_TWICE)
        e->asked++;
    if (e->asked != ASKED_TWICE || left > (ttl < DUE_SHARE ? 1 : ttl / DUE_SHARE) || ttl == 1)
        return false;
    e->asked = TOLD_DUE;
    return true;
}

enum pcache_found pcache_get(struct pcache *c, const struct answer_key *key, uint32_t now, struct answer *out)
{
    uint32_t at = slot_find(c, key, tag_of(c, key));
    uint32_t i = c->slots[at].entry;
    c->now = now;
    if (!i)
        return PCACHE_NONE;
    struct entry *e = &c->entries[i];
    (void)answer_open(bytes_of(e->data, e->block_len), false, out); /* could be opened when it was put */
    uint32_t left = answer_ttl_left(out, now);
    if (left == 0)
        return PCACHE_OVER;
    if (!e->visited)
        e->visited = true;
    return falls_due(e, left, out->head.ttl) ? PCACHE_DUE : PCACHE_ALIVE;
}

/* An entry's data: block and key in one piece of heap. */
static uint8_t *data_new(const struct answer_key *key, struct bytes block)
{
    uint8_t *data = malloc(block.len + key->len);
    if (data) {
        memcpy(data, block.data, block.len);
        memcpy(data + block.len, key->data, key->len);
    }
    return data;
}

static uint32_t entry_take(struct pcache *c)
{
    uint32_t i = c->unused;
    if (i)
        c->unused = c->entries[i].newer;
    else
        i = c->fresh++;
    return i;
}

static bool entries_left(const struct pcache *c)
{
    return c->unused || c->fresh <= c->entry_count;
}

void pcache_put(struct pcache *c, const struct answer_key *key, struct bytes block, bool asked)
{
    struct answer a;
    uint32_t tag = tag_of(c, key);
    uint32_t old = c->slots[slot_find(c, key, tag)].entry;
    if (old)
        entry_drop(c, old, slot_of_entry(c, old));
    if (block.len + key->len > c->limit / 8 || !answer_open(block, false, &a))
        return;
    uint8_t *data = data_new(key, block);
    if (!data)
        return;
    size_t cost = heap_cost(data) + sizeof(struct entry);
    while (c->oldest && (c->used + cost > c->limit || !entries_left(c)))
        evict(c);
    if (c->used + cost > c->limit) {
        free(data);
        return;
    }
    uint32_t i = entry_take(c);
    c->entries[i] = (struct entry){.data = data,
                                   .tag = tag,
                                   .expires = a.head.stored + a.head.ttl,
                                   .block_len = (uint32_t)block.len,
                                   .key_len = key->len,
                                   .asked = asked};
    /* Evictions may have moved slots: search again. */
    c->slots[slot_find(c, key, tag)] = (struct slot){tag, i};
    queue_push(c, i);
    c->used += cost;
}
