/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash and randomness: see hash.h. The random buffer is per process: a fork empties it. */
#include "data/base/hash.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

static inline uint64_t rotl(uint64_t v, unsigned n)
{
    return v << n | v >> (64 - n);
}

static inline void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotl(v[1], 13) ^ v[0];
    v[3] = rotl(v[3], 16) ^ v[2];
    v[0] = rotl(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotl(v[1], 17) ^ v[2];
    v[3] = rotl(v[3], 21) ^ v[0];
    v[2] = rotl(v[2], 32);
}

uint64_t hash_siphash(const struct hash_key *key, const void *data, size_t len)
{
    uint64_t v[4] = {key->k0 ^ 0x736f6d6570736575, key->k1 ^ 0x646f72616e646f6d, key->k0 ^ 0x6c7967656e657261,
                     key->k1 ^ 0x7465646279746573};
    const uint8_t *p = data;
    uint64_t word;
    for (size_t left = len; left >= 8; left -= 8, p += 8) {
        memcpy(&word, p, 8);
        v[3] ^= word;
        sip_round(v);
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    if (len % 8)
        memcpy(&word, p, len % 8);
    word |= (uint64_t)len << 56;
    v[3] ^= word;
    sip_round(v);
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    for (int i = 0; i < 4; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void random_fill(void *out, size_t len)
{
    uint8_t *p = out;
    while (len) {
        ssize_t n = getrandom(p, len < 256 ? len : 256, 0);
        if (n < 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

static uint32_t drawn[64];
static unsigned drawn_left;

/* What the parent may still hand out is not the child's. */
static void forget_drawn(void)
{
    drawn_left = 0;
}

static uint32_t random_u32(void)
{
    static bool watched;
    if (!watched)
        watched = pthread_atfork(NULL, NULL, forget_drawn) == 0;
    if (drawn_left == 0) {
        random_fill(drawn, sizeof drawn);
        drawn_left = watched ? sizeof drawn / sizeof *drawn : 1;
    }
    uint32_t v = drawn[--drawn_left];
    drawn[drawn_left] = 0;
    return v;
}

uint32_t random_below(uint32_t bound)
{
    /* Lemire's method: reject the few low products that would favour some results. */
    uint64_t m = (uint64_t)random_u32() * bound;
    uint32_t floor = -bound % bound;
    while ((uint32_t)m < floor)
        m = (uint64_t)random_u32() * bound;
    return (uint32_t)(m >> 32);
}

uint16_t random_u16(void)
{
    return (uint16_t)random_u32();
}
