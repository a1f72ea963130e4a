/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Name compression: see compress.h. Suffixes are hashed from the root up, so one pass hashes them all. */
#include "data/dns/compress.h"

enum { LABELS_MAX = 127, POINTER_REACH = 0x4000 };

/* The labels of one name and the hash of the suffix each begins. */
struct suffixes {
    unsigned count;
    uint8_t at[LABELS_MAX];
    uint32_t hash[LABELS_MAX];
};

void name_table_init(struct name_table *t)
{
    memset(t, 0, sizeof *t);
}

/* FNV-1a with a closing mix: the low bits choose the slot. */
static uint32_t hash_label(uint32_t hash, const uint8_t *label)
{
    for (unsigned i = 0; i <= *label; i++)
        hash = (hash ^ ascii_lower(label[i])) * 16777619;
    return hash ^ hash >> 15;
}

static void suffixes_of(const struct dns_name *name, struct suffixes *out)
{
    out->count = 0;
    for (unsigned at = 0; name->wire[at]; at += name->wire[at] + 1u)
        out->at[out->count++] = (uint8_t)at;
    uint32_t hash = 2166136261;
    for (unsigned i = out->count; i-- > 0;)
        out->hash[i] = hash = hash_label(hash, name->wire + out->at[i]);
}

/* Whether the name at offset of our own message, pointers followed, is `suffix`. Pointers there lead
 * backwards only. */
static bool stands_at(const struct writer *w, size_t offset, const uint8_t *suffix)
{
    for (;;) {
        const uint8_t *label = w->data + offset;
        if (*label >= 0xc0) {
            offset = get_u16(label) & 0x3fff;
            continue;
        }
        size_t size = *label + (size_t)1;
        if (!bytes_equal_nocase(bytes_of(label, size), bytes_of(suffix, *suffix + (size_t)1)))
            return false;
        if (size == 1)
            return true;
        offset += size;
        suffix += size;
    }
}

/* Where suffix stands before `start`, or 0. Then *free_slot is where it can be remembered, -1 if nowhere. */
static uint16_t find(const struct name_table *t, const struct writer *w, size_t start, uint32_t hash,
                     const uint8_t *suffix, int *free_slot)
{
    *free_slot = -1;
    for (unsigned i = 0; i < NAME_TABLE_PROBES; i++) {
        unsigned slot = (hash + i) % NAME_TABLE_SLOTS;
        if (t->slot[slot].at == 0) {
            *free_slot = (int)slot;
            return 0;
        }
        /* What begins at `start` is only half written: colliding hashes must not lead into it. */
        if (t->slot[slot].hash == hash && t->slot[slot].at < start && stands_at(w, t->slot[slot].at, suffix))
            return t->slot[slot].at;
    }
    return 0;
}

void name_put(struct name_table *t, struct writer *w, const struct dns_name *name)
{
    struct suffixes s;
    size_t start = w->len;
    suffixes_of(name, &s);
    for (unsigned i = 0; i < s.count && !w->full; i++) {
        const uint8_t *label = name->wire + s.at[i];
        int slot;
        uint16_t seen = find(t, w, start, s.hash[i], label, &slot);
        if (seen) {
            writer_u16(w, (uint16_t)(0xc000 | seen));
            return;
        }
        size_t at = w->len;
        writer_put(w, label, *label + (size_t)1);
        if (slot >= 0 && at < POINTER_REACH) {
            t->slot[slot].hash = s.hash[i];
            t->slot[slot].at = (uint16_t)at;
        }
    }
    writer_u8(w, 0);
}
