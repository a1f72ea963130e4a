/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Denied names: see denied.h. */
#include "resolver/denied.h"

/* Name, type, class, flags: the type is left out of the hash, as a name that does not exist has none. */
static uint64_t tag_of(const struct denied *d, const struct answer_key *key)
{
    uint8_t plain[sizeof key->data];
    memcpy(plain, key->data, key->len);
    put_u16(plain + key->len - ANSWER_KEY_REST, 0);
    return hash_siphash(&d->hash, plain, key->len);
}

void denied_init(struct denied *d)
{
    memset(d, 0, sizeof *d);
    random_fill(&d->hash, sizeof d->hash);
}

static struct denied_entry *place(struct denied_entry set[DENIED_WAYS], uint64_t tag)
{
    struct denied_entry *first = &set[0];
    for (unsigned i = 0; i < DENIED_WAYS; i++) {
        if (set[i].tag == tag)
            return &set[i];
        if (set[i].until < first->until)
            first = &set[i];
    }
    return first;
}

void denied_note(struct denied *d, const struct answer_key *key, uint32_t until)
{
    uint64_t tag = tag_of(d, key);
    uint16_t type = get_u16(key->data + key->len - ANSWER_KEY_REST);
    *place(d->entry[tag % DENIED_SETS], tag) = (struct denied_entry){tag, until, type};
    d->last = until > d->last ? until : d->last;
}

static const struct denied_entry *find(const struct denied *d, uint64_t tag, uint32_t now)
{
    const struct denied_entry *set = d->entry[tag % DENIED_SETS];
    for (unsigned i = 0; i < DENIED_WAYS; i++)
        if (set[i].tag == tag && set[i].until > now)
            return &set[i];
    return NULL;
}

/* key becomes the same question about the name's parent; false for the root. */
static bool to_parent(struct answer_key *key)
{
    unsigned skip = key->data[0] + 1u;
    if (skip == 1)
        return false;
    key->len = (uint16_t)(key->len - skip);
    memmove(key->data, key->data + skip, key->len);
    return true;
}

bool denied_above(const struct denied *d, const struct answer_key *key, uint32_t now, unsigned *depth,
                  struct answer_key *out)
{
    if (d->last <= now)
        return false;
    *out = *key;
    for (unsigned up = 1; up <= DENIED_DEPTH && to_parent(out); up++) {
        const struct denied_entry *e = up > *depth ? find(d, tag_of(d, out), now) : NULL;
        if (!e)
            continue;
        put_u16(out->data + out->len - ANSWER_KEY_REST, e->type);
        *depth = up;
        return true;
    }
    return false;
}
