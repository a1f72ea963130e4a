/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The envelope around every document: the exact text that was signed, and who signed it.
 *
 *   {"signed": "<exact text of the document>", "signatures": ["<minisign .minisig text>", …]}
 *
 * Nothing is canonicalised: what is verified is the string's bytes. Signatures that cannot be read are kept
 * and do not count. Everything lives in the arena given. */
#ifndef POLYNYA_LIST_ENVELOPE_H
#define POLYNYA_LIST_ENVELOPE_H

#include <jansson.h>

#include "data/list/minisign.h"

enum { ENVELOPE_SIGNATURES_MAX = 16 };
/* Bytes of the files (envelope included): design, section 5. A list has room for LIST_REGISTRATIONS_MAX
 * sites with three mirrors each and the health of all: some 950 bytes a site. */
enum {
    ROOT_SIZE_MAX = 64 << 10,
    DELEGATIONS_SIZE_MAX = 4 << 20,
    REGISTRATION_SIZE_MAX = 64 << 10,
    LIST_SIZE_MAX = 16 << 20
};

struct envelope {
    struct bytes text; /* the document, NUL behind it */
    struct bytes signatures[ENVELOPE_SIGNATURES_MAX];
    unsigned count;
};

/* Parses a file of at most max bytes. TOO_LARGE, BAD_JSON, BAD_FIELD, TOO_MANY, NO_MEMORY. */
bool envelope_parse(struct bytes file, size_t max, struct arena *arena, struct envelope *out,
                    struct refusal *why);
/* The same from an object within a larger document; max bounds the text. */
bool envelope_read(const json_t *value, size_t max, struct arena *arena, struct envelope *out,
                   struct refusal *why);
/* A new reference; NULL without memory or when the text is not UTF-8. */
json_t *envelope_json(const struct envelope *e);
/* The file, with a line feed at its end; .data NULL without memory or when the text is not UTF-8. */
struct bytes envelope_write(const struct envelope *e, struct arena *arena);
/* Adds a .minisig text (borrowed, not checked); one equal to it is not added twice. TOO_MANY. */
bool envelope_add(struct envelope *e, struct bytes signature, struct refusal *why);
/* Keys of the set that signed; each key counts once however often it signed. keys: pointers to public keys.
 */
unsigned envelope_signers(const struct envelope *e, const struct minisign_public *const *keys,
                          unsigned count);
/* FEW_SIGNATURES unless at least threshold keys of the set signed. A threshold of 0 is never met. */
bool envelope_verify(const struct envelope *e, const struct minisign_public *const *keys, unsigned count,
                     unsigned threshold, struct refusal *why);

#endif
