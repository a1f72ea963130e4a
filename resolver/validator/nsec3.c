/* SPDX-License-Identifier: GPL-3.0-or-later */
/* NSEC3 taken apart: see nsec3.h. */
#include "resolver/validator/nsec3.h"

#include "resolver/validator/bitmap.h"

enum { HASH_SHA1 = 1, FLAG_OPT_OUT = 1, FIXED = 5, OWNER_LABEL = 32 };

bool nsec3_read(struct bytes rdata, struct nsec3 *out)
{
    const uint8_t *p = rdata.data;
    if (rdata.len < FIXED || p[0] != HASH_SHA1 || p[1] & ~FLAG_OPT_OUT)
        return false;
    size_t salt = p[4], at = FIXED + salt;
    if (rdata.len < at + 1 + NSEC3_HASH_LEN || p[at] != NSEC3_HASH_LEN)
        return false;
    size_t types = at + 1 + NSEC3_HASH_LEN;
    *out = (struct nsec3){.opt_out = p[1] & FLAG_OPT_OUT,
                          .iterations = get_u16(p + 2),
                          .salt = bytes_of(p + FIXED, salt),
                          .next = bytes_of(p + at + 1, NSEC3_HASH_LEN),
                          .types = bytes_of(p + types, rdata.len - types)};
    return bitmap_sound(out->types);
}

static int digit(uint8_t c)
{
    c = ascii_lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'v' ? c - 'a' + 10 : -1;
}

bool nsec3_owner_hash(const struct dns_name *owner, uint8_t out[NSEC3_HASH_LEN])
{
    uint64_t bits = 0;
    if (owner->wire[0] != OWNER_LABEL)
        return false;
    for (unsigned i = 0; i < OWNER_LABEL; i++) {
        int d = digit(owner->wire[1 + i]);
        if (d < 0)
            return false;
        bits = bits << 5 | (unsigned)d;
        if (i % 8 == 7)
            for (unsigned j = 0; j < 5; j++)
                out[i / 8 * 5 + j] = (uint8_t)(bits >> (32 - 8 * j));
    }
    return true;
}

bool nsec3_covers(const uint8_t owner[NSEC3_HASH_LEN], const uint8_t *next, const uint8_t *hash)
{
    bool after = memcmp(owner, hash, NSEC3_HASH_LEN) < 0;
    bool before = memcmp(hash, next, NSEC3_HASH_LEN) < 0;
    int turn = memcmp(owner, next, NSEC3_HASH_LEN);
    if (turn == 0) /* the only one: it covers all but itself */
        return memcmp(owner, hash, NSEC3_HASH_LEN) != 0;
    return turn < 0 ? after && before : after || before;
}
