/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents that are believed, each with its file's bytes and the arena it lives in, and how they come out of
 * files and out of the store. */
#ifndef POLYNYA_STEERING_DOCUMENTS_H
#define POLYNYA_STEERING_DOCUMENTS_H

#include "steering/trust.h"

struct kept_root {
    struct arena arena;
    struct root root;
    struct bytes file;
};

/* The pinned root of that path, and its SHA-256. NULL, with why, if it is none. */
struct kept_root *root_pinned(const char *path, uint8_t pin[32], struct refusal *why);
/* The one stored for that list, and the SHA-256 of the pinned root that it descends from. NULL if there is
 * none that makes sense. */
struct kept_root *root_stored(struct store_txn *t, const char *list, uint8_t pin[32]);
/* The root behind current; copies the file. NULL, with why, if it is not. */
struct kept_root *root_next(const struct root *current, struct bytes file, struct refusal *why);
void root_free(struct kept_root **r);

/* An accepted list with its delegations. */
struct kept_documents {
    struct arena arena;
    struct trust_result result;
    struct bytes list;
    struct bytes delegations;
};

/* Empty. NULL without memory. */
struct kept_documents *documents_new(void);
/* The files stored for that list, not verified; what is stored is borrowed no longer. False, with why,
 * without memory or (NONE) if there are none. */
bool documents_stored(struct store_txn *t, const char *list, struct kept_documents *d, struct refusal *why);
void documents_free(struct kept_documents **d);

/* The highest seqs ever accepted of a list, sorted by domain, in the arena. False without memory. */
bool seqs_stored(struct store_txn *t, const char *list, struct arena *arena, const struct trust_seq **seqs,
                 size_t *count);

#endif
