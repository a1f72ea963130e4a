/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The fixed words of a registration, in the order of their enums: shared by its reader and its writer. */
#ifndef POLYNYA_LIST_REGISTRATION_WORDS_H
#define POLYNYA_LIST_REGISTRATION_WORDS_H

enum { MIRROR_KIND_COUNT = 2, ALL_DOWN_COUNT = 3 };

extern const char registration_type[];
extern const char *const mirror_kind_words[MIRROR_KIND_COUNT];
extern const char *const all_down_words[ALL_DOWN_COUNT];

#endif
