/* SPDX-License-Identifier: GPL-3.0-or-later */
/* root-<version>.json: which keys speak for which role of a list, and how many of them must.
 *
 *   {"type": "polynya-root/1", "version": 1, "expires": "2027-11-23T00:00:00Z",
 *    "keys": {"alice": "RW…", "bob": "RW…", "online": "RW…"},
 *    "roles": {"root": {"keys": ["alice", "bob"], "threshold": 2}, "maintainers": {…}, "publisher": {…},
 *              "vantage": {…}}}
 *
 * `vantage` may be left out. Two ids never name one key, so a key cannot be counted twice. */
#ifndef POLYNYA_LIST_ROOT_H
#define POLYNYA_LIST_ROOT_H

#include "data/list/envelope.h"

enum root_role {
    ROOT_ROLE_ROOT,
    ROOT_ROLE_MAINTAINERS,
    ROOT_ROLE_PUBLISHER,
    ROOT_ROLE_VANTAGE,
    ROOT_ROLE_COUNT
};
enum { ROOT_KEYS_MAX = 64, ROOT_KEY_ID_MAX = 64, ROOT_FILE_NAME = 32 };

struct root_key {
    const char *id; /* 1..64 of A-Z a-z 0-9 . _ - */
    struct minisign_public public;
};

struct role {
    const struct minisign_public **keys; /* into root.keys */
    unsigned count;
    unsigned threshold; /* 1..count; 0 only for a role left out */
};

struct root {
    uint64_t version; /* 1 .. 2^53 */
    int64_t expires;
    struct root_key *keys;
    unsigned key_count;
    struct role roles[ROOT_ROLE_COUNT];
};

/* "root-<version>.json" into out, which is returned. */
const char *root_file_name(uint64_t version, char out[ROOT_FILE_NAME]);
/* "root", "maintainers", … */
const char *root_role_name(enum root_role role);
/* Text of the document, not the envelope. Shape only: no signature, no clock. Lives in the arena. */
bool root_parse(struct bytes text, struct arena *arena, struct root *out, struct refusal *why);
/* The document's text; .data NULL without memory. */
struct bytes root_print(const struct root *r, struct arena *arena);
/* envelope_verify with a role's keys. */
bool root_role_verify(const struct root *r, enum root_role role, const struct envelope *e,
                      struct refusal *why);

#endif
