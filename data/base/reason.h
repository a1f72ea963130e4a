/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reasons: the one table of how a request can end (reason.def). */
#ifndef POLYNYA_BASE_REASON_H
#define POLYNYA_BASE_REASON_H

#include <stdint.h>

enum reason {
#define REASON(id, http, rcode, ede, label, text) REASON_##id,
#include "data/base/reason.def"
#undef REASON
    REASON_COUNT
};

struct reason_row {
    uint16_t http;
    uint16_t rcode;
    int16_t ede; /* RFC 8914 INFO-CODE, or -1 */
    const char *label;
    const char *text;
};

extern const struct reason_row reason_table[REASON_COUNT];

static inline const struct reason_row *reason_row(enum reason r)
{
    return &reason_table[r];
}

#endif
