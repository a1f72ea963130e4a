/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and signatures in minisign's formats, byte for byte: `minisign -V` checks what is signed here and
 * `minisign -S` signs what is checked here. The only user of OpenSSL's signing interface.
 *
 * Only the prehashed form "ED" (Ed25519 over BLAKE2b-512 of the text) is made or accepted. Secret keys are
 * held and written unencrypted (minisign's -W); whoever holds one wipes it with minisign_secret_wipe. */
#ifndef POLYNYA_LIST_MINISIGN_H
#define POLYNYA_LIST_MINISIGN_H

#include "data/base/arena.h"
#include "data/list/refusal.h"

enum {
    MINISIGN_ID = 8,
    MINISIGN_PUBLIC_TEXT = 56,   /* characters of "RW…" */
    MINISIGN_COMMENT_MAX = 1023, /* untrusted comment, prefix included */
    MINISIGN_TRUSTED_MAX = 8191, /* trusted comment, prefix excluded */
    MINISIGN_SIG_MAX = 10240,    /* a .minisig text */
    MINISIGN_KEY_FILE_MAX = 2048
};

struct minisign_public {
    uint8_t id[MINISIGN_ID];
    uint8_t key[32];
};

struct minisign_secret {
    struct minisign_public public;
    uint8_t seed[32];
};

/* A parsed .minisig: comments are borrowed from its text. */
struct minisign_signature {
    uint8_t id[MINISIGN_ID];
    uint8_t signature[64];
    uint8_t global[64];
    struct bytes trusted; /* trusted comment without prefix */
};

/* "RW…" alone, or a public key file of two lines. BAD_KEY. */
bool minisign_public_parse(struct bytes text, struct minisign_public *out, struct refusal *why);
/* "RW…" and a NUL. */
void minisign_public_format(const struct minisign_public *key, char out[MINISIGN_PUBLIC_TEXT + 1]);
/* The public key file, two lines as minisign writes it. */
void minisign_public_file(const struct minisign_public *key, struct writer *w);
/* The key id as minisign prints it: 16 upper-case hexadecimal digits. */
void minisign_id_format(const uint8_t id[MINISIGN_ID], char out[2 * MINISIGN_ID + 1]);
/* Key and id both equal. */
bool minisign_public_equal(const struct minisign_public *a, const struct minisign_public *b);

/* A new pair from the kernel's randomness; false only if OpenSSL fails. */
bool minisign_generate(struct minisign_secret *out);
/* The secret key file as `minisign -G -W` writes it. w holds a secret then: wipe it. */
bool minisign_secret_file(const struct minisign_secret *key, struct writer *w);
/* Reads such a file and checks that the public half in it is the secret's own. Its checksum field is not
 * looked at: minisign fills it for encrypted keys only, with zeros for these. BAD_KEY, ENCRYPTED_KEY. */
bool minisign_secret_parse(struct bytes file, struct minisign_secret *out, struct refusal *why);
void minisign_secret_wipe(struct minisign_secret *key);

/* BAD_SIGNATURE, LEGACY_SIGNATURE. */
bool minisign_signature_parse(struct bytes text, struct minisign_signature *out, struct refusal *why);
/* All four: algorithm (by parsing), key id, signature of text, signature of the trusted comment. */
bool minisign_verify(const struct minisign_public *key, const struct minisign_signature *s,
                     struct bytes text);

/* BLAKE2b-512 of a text, to check several signatures of one text at the cost of one hash. */
struct minisign_digest {
    uint8_t bytes[64];
};
bool minisign_hash(struct bytes text, struct minisign_digest *out);
bool minisign_verify_digest(const struct minisign_public *key, const struct minisign_signature *s,
                            const struct minisign_digest *digest);

struct minisign_sign_options {
    const char *untrusted; /* comment; NULL: "signature from polynya secret key" */
    const char *trusted;   /* NULL: "timestamp:<now>\tfile:<name>\thashed" */
    const char *name;      /* for the default trusted comment; NULL: "document" */
    int64_t now;           /* Unix seconds */
};

/* The .minisig text, 4 lines, NUL behind it; .data NULL on failure (a comment too long or with a line break,
 * memory). */
struct bytes minisign_sign(const struct minisign_secret *key, struct bytes text,
                           const struct minisign_sign_options *options, struct arena *arena);

#endif
