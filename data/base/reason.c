/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of reasons: see reason.def. */
#include "data/base/reason.h"

const struct reason_row reason_table[REASON_COUNT] = {
#define REASON(id, http, rcode, ede, label, text) [REASON_##id] = {http, rcode, ede, label, text},
#include "data/base/reason.def"
#undef REASON
};
