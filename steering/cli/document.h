/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed documents as the commands handle them: loaded from files, signed with key files, saved again. All
 * failures are said on stderr. */
#ifndef POLYNYA_CLI_DOCUMENT_H
#define POLYNYA_CLI_DOCUMENT_H

#include "data/list/delegations.h"
#include "data/list/registration.h"
#include "data/list/root.h"
#include "steering/cli/cli.h"

/* "where: text"; "" without memory. */
const char *document_refusal(struct cli *c, const struct refusal *why);
/* "polynya: FILE: where: text"; returns CLI_FAILED. */
int document_refused(const char *path, const struct refusal *why);

/* Reads and parses a document into c's arena; what a signature is worth is for the caller. False, and said,
 * if there is no such file, it is too large (max bytes) or no such document. */
bool document_load(struct cli *c, const char *path, size_t max, struct envelope *out);
bool document_load_root(struct cli *c, const char *path, struct envelope *e, struct root *out);
bool document_load_delegations(struct cli *c, const char *path, struct envelope *e, struct delegations *out);
bool document_load_registration(struct cli *c, const char *path, struct envelope *e,
                                struct registration *out);
/* Path of the root-N.json with the highest N in the folder; NULL (said) if there is none. */
const char *document_newest_root(struct cli *c, const char *dir);
/* The same without a word about it. */
const char *document_find_root(struct cli *c, const char *dir);

/* A public key: "RW…" itself, or a file that holds one. */
bool document_public_key(struct cli *c, const char *given, struct minisign_public *out);

/* Adds signatures: with secret key files, and from .minisig files made by minisign -S of the same text. name
 * stands in the trusted comment. A key that has signed already is passed over. Each signature must be by one
 * of the keys of `allowed` unless it is NULL. */
struct document_signers {
    const struct cli_words *keys;
    const struct cli_words *signatures;
    const char *name;
    int64_t now;
    const struct role *allowed;
    const char *role; /* what the allowed keys are called in messages */
};
bool document_sign(struct cli *c, struct envelope *e, const struct document_signers *by);

/* What signs, as every command that adds signatures has it. */
struct document_by {
    struct cli_words keys, signatures;
    int64_t now;
};
/* The rows of a command whose struct of options has a member `struct document_by by`. */
#define DOCUMENT_BY_OPTIONS(type)                                                                            \
    CLI_OPTION("key", 'k', CLI_MANY, type, by.keys, "FILE", "a secret key that signs"),                      \
        CLI_OPTION("signature", 's', CLI_MANY, type, by.signatures, "FILE",                                  \
                   "a .minisig made by minisign -S"),                                                        \
        CLI_OPTION("now", 0, CLI_TIME, type, by.now, "TIME", "instead of the clock")
/* False (said) if there is nothing to sign with. */
bool document_by_given(struct cli *c, const struct document_by *by);
/* Of any keys; name stands in the trusted comment. */
struct document_signers document_by(const struct document_by *by, const char *name);

/* Saves the envelope; see cli_save. */
bool document_save(struct cli *c, const char *path, const struct envelope *e, bool replace);

#endif
