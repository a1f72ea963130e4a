/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading, signing and saving documents: see document.h. */
#include "steering/cli/document.h"

#include <dirent.h>
#include <stdio.h>

#include "data/base/text.h"

const char *document_refusal(struct cli *c, const struct refusal *why)
{
    const char *text =
        arena_printf(&c->arena, "%s%s%s", why->where, why->where[0] ? ": " : "", refusal_text(why->why));
    return text ? text : "";
}

int document_refused(const char *path, const struct refusal *why)
{
    return cli_fail("%s: %s%s%s", path, why->where, why->where[0] ? ": " : "", refusal_text(why->why));
}

bool document_load(struct cli *c, const char *path, size_t max, struct envelope *out)
{
    struct bytes file;
    struct refusal why;
    if (!cli_read(c, path, max, &file))
        return false;
    if (!envelope_parse(file, max, &c->arena, out, &why))
        return document_refused(path, &why), false;
    return true;
}

bool document_load_root(struct cli *c, const char *path, struct envelope *e, struct root *out)
{
    struct refusal why;
    if (!document_load(c, path, ROOT_SIZE_MAX, e))
        return false;
    if (!root_parse(e->text, &c->arena, out, &why))
        return document_refused(path, &why), false;
    return true;
}

bool document_load_delegations(struct cli *c, const char *path, struct envelope *e, struct delegations *out)
{
    struct refusal why;
    if (!document_load(c, path, DELEGATIONS_SIZE_MAX, e))
        return false;
    if (!delegations_parse(e->text, &c->arena, out, &why))
        return document_refused(path, &why), false;
    return true;
}

bool document_load_registration(struct cli *c, const char *path, struct envelope *e, struct registration *out)
{
    struct refusal why;
    if (!document_load(c, path, REGISTRATION_SIZE_MAX, e))
        return false;
    if (!registration_parse(e->text, &c->arena, out, &why))
        return document_refused(path, &why), false;
    return true;
}

/* N of "root-N.json", 0 if the name is another. */
static uint64_t root_number(const char *name)
{
    size_t len = strlen(name);
    uint64_t n = 0;
    if (len < 11 || memcmp(name, "root-", 5) != 0 || strcmp(name + len - 5, ".json") != 0)
        return 0;
    return uint_parse(bytes_of(name + 5, len - 10), 1ull << 53, &n) ? n : 0;
}

const char *document_find_root(struct cli *c, const char *dir)
{
    const char *best = NULL;
    uint64_t highest = 0;
    DIR *folder = opendir(dir);
    for (struct dirent *d; folder && (d = readdir(folder));) {
        uint64_t n = root_number(d->d_name);
        if (n > highest) {
            highest = n;
            best = cli_path(c, dir, d->d_name);
        }
    }
    if (folder)
        closedir(folder);
    return best;
}

const char *document_newest_root(struct cli *c, const char *dir)
{
    const char *best = document_find_root(c, dir);
    if (!best)
        cli_fail("there is no root-N.json in %s; make one with `polynya root new`, or name it with --root",
                 dir);
    return best;
}

bool document_public_key(struct cli *c, const char *given, struct minisign_public *out)
{
    struct refusal why;
    struct bytes file;
    if (minisign_public_parse(bytes_str(given), out, &why))
        return true;
    if (!cli_exists(given))
        return cli_fail("%s is neither a public key (RW…) nor a file; give one of them", given), false;
    if (!cli_read(c, given, MINISIGN_KEY_FILE_MAX, &file))
        return false;
    if (!minisign_public_parse(file, out, &why))
        return document_refused(given, &why), false;
    return true;
}

/* A secret key file; the caller wipes it. */
static bool read_secret_key(struct cli *c, const char *path, struct minisign_secret *out)
{
    struct refusal why;
    struct bytes file;
    if (!cli_read(c, path, MINISIGN_KEY_FILE_MAX, &file))
        return false;
    if (!minisign_secret_parse(file, out, &why))
        return document_refused(path, &why), false;
    return true;
}

static bool has_signed(const struct envelope *e, const struct minisign_public *key)
{
    return envelope_signers(e, &key, 1) == 1;
}

static bool add(struct envelope *e, const char *path, struct bytes signature)
{
    struct refusal why;
    if (!envelope_add(e, signature, &why))
        return document_refused(path, &why), false;
    return true;
}

static bool is_allowed(const struct document_signers *by, const struct minisign_public *key)
{
    for (unsigned i = 0; by->allowed && i < by->allowed->count; i++)
        if (minisign_public_equal(by->allowed->keys[i], key))
            return true;
    return !by->allowed;
}

static bool sign_with(struct cli *c, struct envelope *e, const char *path, const struct document_signers *by)
{
    struct minisign_secret key;
    struct minisign_sign_options how = {.name = by->name, .now = by->now};
    bool ok = false;
    if (!read_secret_key(c, path, &key))
        return false;
    if (!is_allowed(by, &key.public))
        cli_fail("%s is not a %s key; sign with one of those the root names", path, by->role);
    else if (has_signed(e, &key.public))
        ok = fprintf(stderr, "%s has signed already\n", path) >= 0;
    else {
        struct bytes signature = minisign_sign(&key, e->text, &how, &c->arena);
        ok = signature.data ? add(e, path, signature) : !cli_fail("cannot sign with %s", path);
    }
    minisign_secret_wipe(&key);
    return ok;
}

/* A signature made elsewhere is only taken if it is one: of this text and, where that matters, by these keys.
 */
static bool take_signature(struct cli *c, struct envelope *e, const char *path,
                           const struct document_signers *by)
{
    struct bytes file;
    struct refusal why;
    struct minisign_signature s;
    if (!cli_read(c, path, MINISIGN_SIG_MAX, &file))
        return false;
    if (!minisign_signature_parse(file, &s, &why))
        return document_refused(path, &why), false;
    bool known = !by->allowed;
    for (unsigned i = 0; !known && i < by->allowed->count; i++)
        known = minisign_verify(by->allowed->keys[i], &s, e->text);
    if (!known)
        return cli_fail("%s is not a signature of this document by a %s key; sign the text that `polynya "
                        "list show "
                        "--text` prints",
                        path, by->role),
               false;
    return add(e, path, file);
}

bool document_sign(struct cli *c, struct envelope *e, const struct document_signers *by)
{
    for (unsigned i = 0; by->keys && i < by->keys->count; i++)
        if (!sign_with(c, e, by->keys->item[i], by))
            return false;
    for (unsigned i = 0; by->signatures && i < by->signatures->count; i++)
        if (!take_signature(c, e, by->signatures->item[i], by))
            return false;
    return true;
}

bool document_by_given(struct cli *c, const struct document_by *by)
{
    if (by->keys.count + by->signatures.count == 0)
        return cli_usage(c, "nothing to sign with: give --key or --signature"), false;
    return true;
}

struct document_signers document_by(const struct document_by *by, const char *name)
{
    return (struct document_signers){
        .keys = &by->keys, .signatures = &by->signatures, .name = name, .now = cli_now(by->now)};
}

bool document_save(struct cli *c, const char *path, const struct envelope *e, bool replace)
{
    struct bytes file = envelope_write(e, &c->arena);
    if (!file.data)
        return cli_fail("%s cannot be written: out of memory, or its text is not UTF-8", path), false;
    return cli_save(path, file, replace);
}
