/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keyed hashing for tables whose keys an attacker chooses, and the kernel's randomness.
 *
 * SipHash-2-4 is here because a table lookup cannot afford EVP's fetch; nothing that must stay secret or
 * unforgeable rests on it. */
#ifndef POLYNYA_BASE_HASH_H
#define POLYNYA_BASE_HASH_H

#include "data/base/bytes.h"

struct hash_key {
    uint64_t k0, k1;
};

/* SipHash-2-4 (Aumasson, Bernstein 2012), 64-bit result. */
uint64_t hash_siphash(const struct hash_key *key, const void *data, size_t len);

/* Unpredictable bytes from getrandom(2); never fails (aborts if the kernel cannot). */
void random_fill(void *out, size_t len);
/* Uniform in 0 .. bound-1; bound > 0. Unpredictable; buffered, so cheap enough for every upstream query. */
uint32_t random_below(uint32_t bound);
uint16_t random_u16(void);

#endif
