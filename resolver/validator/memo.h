/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures that were found good, remembered: the next answer of a zone brings its SOA and the NSEC3s of its
 * apex and wildcard again, and curve arithmetic is nearly all that validating costs.
 *
 * What is remembered is that one key made one signature of one text, which time does not change: whether the
 * signature is in its time, and the key one of the zone's, is asked anew each time. Never what failed. */
#ifndef POLYNYA_VALIDATOR_MEMO_H
#define POLYNYA_VALIDATOR_MEMO_H

#include <stdbool.h>

#include "resolver/validator/key.h"

enum { MEMO_SLOTS = 4096 };

/* By key_fingerprint, of which no two are alike; what is new takes the place of what lies in its slot.
 * Zeroed, it is empty. */
struct memo {
    uint8_t slot[MEMO_SLOTS][KEY_FINGERPRINT];
};

static inline uint8_t *memo_slot(struct memo *m, const uint8_t print[KEY_FINGERPRINT])
{
    return m->slot[get_u16(print) % MEMO_SLOTS];
}

static inline bool memo_has(struct memo *m, const uint8_t print[KEY_FINGERPRINT])
{
    return memcmp(memo_slot(m, print), print, KEY_FINGERPRINT) == 0;
}

static inline void memo_add(struct memo *m, const uint8_t print[KEY_FINGERPRINT])
{
    memcpy(memo_slot(m, print), print, KEY_FINGERPRINT);
}

#endif
