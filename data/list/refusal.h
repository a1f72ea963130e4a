/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Why a signed document was refused, and where in it (refusal.def). */
#ifndef POLYNYA_LIST_REFUSAL_H
#define POLYNYA_LIST_REFUSAL_H

#include "data/base/bytes.h"

enum refusal_why {
#define REFUSAL(id, name, text) REFUSAL_##id,
#include "data/base/refusal.def"
#undef REFUSAL
    REFUSAL_COUNT
};

struct refusal {
    enum refusal_why why;
    char where[160]; /* "registration outlet.example: mirrors[2].addresses[0]"; quoted, fit to be logged; may
                        be "" */
};

/* "too-few-signatures" */
const char *refusal_name(enum refusal_why why);
/* "fewer valid signatures by different keys than required" */
const char *refusal_text(enum refusal_why why);

/* Fills r (which may be NULL) and returns false, so that checks can `return refuse(…)`. The place is printf
 * text, cut to fit; bytes that are not printable ASCII become '?', and so does the double quote. */
bool refuse(struct refusal *r, enum refusal_why why, const char *where, ...)
    __attribute__((format(printf, 3, 4)));
/* Puts "prefix: " before the place of a refusal made further down. */
void refusal_within(struct refusal *r, const char *prefix, ...) __attribute__((format(printf, 2, 3)));

#endif
