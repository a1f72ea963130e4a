/* SPDX-License-Identifier: GPL-3.0-or-later */
/* minisign's formats over OpenSSL: see minisign.h. Buffers that held a secret are wiped on every way out. */
#include "data/list/minisign.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>

#include "data/base/hash.h"
#include "data/base/text.h"

/* algorithm[2] | id[8] | key[32] */
enum { PUBLIC_BLOB = 2 + MINISIGN_ID + 32 };
/* algorithm[2] | id[8] | signature[64] */
enum { SIG_BLOB = 2 + MINISIGN_ID + 64 };
/* "Ed" | kdf[2] | "B2" | salt[32] | ops[8] | mem[8] | id[8] | seed[32] | public[32] | checksum[32] */
enum {
    SECRET_KDF = 2,
    SECRET_CHECKSUM_KIND = 4,
    SECRET_ID = 54,
    SECRET_SEED = 62,
    SECRET_PUBLIC = 94,
    SECRET_BLOB = 158
};

#define UNTRUSTED_PREFIX "untrusted comment: "
#define TRUSTED_PREFIX   "trusted comment: "

/* Cuts the first line off *rest, without its LF and a CR before it. A last line without LF counts. */
static bool next_line(struct bytes *rest, struct bytes *line)
{
    if (!rest->len)
        return false;
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    size_t len = end ? (size_t)(end - rest->data) : rest->len;
    *line = bytes_of(rest->data, len);
    size_t step = end ? len + 1 : len;
    rest->data += step;
    rest->len -= step;
    if (line->len && line->data[line->len - 1] == '\r')
        line->len--;
    return true;
}

static bool is_base64_of(struct bytes text, uint8_t *out, size_t len)
{
    return base64_decode(text, out, len) == (long)len;
}

bool minisign_public_parse(struct bytes text, struct minisign_public *out, struct refusal *why)
{
    struct bytes line = BYTES_NONE;
    uint8_t blob[PUBLIC_BLOB];
    if (text.len > MINISIGN_KEY_FILE_MAX || !next_line(&text, &line))
        return refuse(why, REFUSAL_BAD_KEY, "public key");
    if (bytes_starts_with(line, BYTES_LIT(UNTRUSTED_PREFIX)) && !next_line(&text, &line))
        return refuse(why, REFUSAL_BAD_KEY, "public key");
    if (text.len || !is_base64_of(line, blob, sizeof blob) || memcmp(blob, "Ed", 2) != 0)
        return refuse(why, REFUSAL_BAD_KEY, "public key");
    memcpy(out->id, blob + 2, sizeof out->id);
    memcpy(out->key, blob + 2 + MINISIGN_ID, sizeof out->key);
    return true;
}

void minisign_public_format(const struct minisign_public *key, char out[MINISIGN_PUBLIC_TEXT + 1])
{
    uint8_t blob[PUBLIC_BLOB] = {'E', 'd'};
    memcpy(blob + 2, key->id, sizeof key->id);
    memcpy(blob + 2 + MINISIGN_ID, key->key, sizeof key->key);
    base64_encode(bytes_of(blob, sizeof blob), out);
}

void minisign_id_format(const uint8_t id[MINISIGN_ID], char out[2 * MINISIGN_ID + 1])
{
    /* minisign prints the id as a little-endian number. */
    for (size_t i = 0; i < MINISIGN_ID; i++)
        snprintf(out + 2 * i, 3, "%02X", id[MINISIGN_ID - 1 - i]);
}

void minisign_public_file(const struct minisign_public *key, struct writer *w)
{
    char id[2 * MINISIGN_ID + 1], text[MINISIGN_PUBLIC_TEXT + 1];
    minisign_id_format(key->id, id);
    minisign_public_format(key, text);
    writer_printf(w, UNTRUSTED_PREFIX "minisign public key %s\n%s\n", id, text);
}

bool minisign_public_equal(const struct minisign_public *a, const struct minisign_public *b)
{
    return memcmp(a->id, b->id, sizeof a->id) == 0 && memcmp(a->key, b->key, sizeof a->key) == 0;
}

static bool public_of_seed(const uint8_t seed[32], uint8_t public[32])
{
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, 32);
    size_t len = 32;
    bool ok = pair && EVP_PKEY_get_raw_public_key(pair, public, &len) == 1 && len == 32;
    EVP_PKEY_free(pair);
    return ok;
}

bool minisign_generate(struct minisign_secret *out)
{
    random_fill(out->public.id, sizeof out->public.id);
    random_fill(out->seed, sizeof out->seed);
    return public_of_seed(out->seed, out->public.key);
}

void minisign_secret_wipe(struct minisign_secret *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

bool minisign_secret_file(const struct minisign_secret *key, struct writer *w)
{
    uint8_t blob[SECRET_BLOB] = {'E', 'd', [SECRET_CHECKSUM_KIND] = 'B', '2'};
    char text[(SECRET_BLOB + 2) / 3 * 4 + 1];
    memcpy(blob + SECRET_ID, key->public.id, MINISIGN_ID);
    memcpy(blob + SECRET_SEED, key->seed, sizeof key->seed);
    memcpy(blob + SECRET_PUBLIC, key->public.key, sizeof key->public.key);
    base64_encode(bytes_of(blob, sizeof blob), text);
    /* minisign writes this very comment above unencrypted keys, too. */
    writer_printf(w, UNTRUSTED_PREFIX "minisign encrypted secret key\n");
    writer_put(w, text, strlen(text));
    writer_u8(w, '\n');
    OPENSSL_cleanse(blob, sizeof blob);
    OPENSSL_cleanse(text, sizeof text);
    return !w->full;
}

static bool secret_from_blob(const uint8_t blob[SECRET_BLOB], struct minisign_secret *out,
                             struct refusal *why)
{
    uint8_t public[32];
    if (memcmp(blob, "Ed", 2) != 0 || memcmp(blob + SECRET_CHECKSUM_KIND, "B2", 2) != 0)
        return refuse(why, REFUSAL_BAD_KEY, "secret key");
    if (memcmp(blob + SECRET_KDF, "Sc", 2) == 0)
        return refuse(why, REFUSAL_ENCRYPTED_KEY, "secret key");
    if (memcmp(blob + SECRET_KDF, "\0\0", 2) != 0 || !public_of_seed(blob + SECRET_SEED, public) ||
        memcmp(public, blob + SECRET_PUBLIC, sizeof public) != 0)
        return refuse(why, REFUSAL_BAD_KEY, "secret key");
    memcpy(out->public.id, blob + SECRET_ID, MINISIGN_ID);
    memcpy(out->public.key, public, sizeof public);
    memcpy(out->seed, blob + SECRET_SEED, sizeof out->seed);
    return true;
}

bool minisign_secret_parse(struct bytes file, struct minisign_secret *out, struct refusal *why)
{
    struct bytes comment, line;
    uint8_t blob[SECRET_BLOB];
    if (file.len > MINISIGN_KEY_FILE_MAX || !next_line(&file, &comment) || !next_line(&file, &line) ||
        !bytes_starts_with(comment, BYTES_LIT(UNTRUSTED_PREFIX)) || file.len)
        return refuse(why, REFUSAL_BAD_KEY, "secret key");
    bool ok = is_base64_of(line, blob, sizeof blob) ? secret_from_blob(blob, out, why)
                                                    : refuse(why, REFUSAL_BAD_KEY, "secret key");
    OPENSSL_cleanse(blob, sizeof blob);
    return ok;
}

/* What minisign allows in a trusted comment: printable, and tabs. Bytes above ASCII pass, as UTF-8 does
 * there. */
static bool is_comment(struct bytes text, size_t max)
{
    if (text.len > max)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if ((text.data[i] < ' ' && text.data[i] != '\t') || text.data[i] == 0x7f)
            return false;
    return true;
}

static bool take_signature_lines(struct bytes text, struct bytes line[4])
{
    for (int i = 0; i < 4; i++)
        if (!next_line(&text, &line[i]))
            return false;
    return text.len == 0 && bytes_starts_with(line[0], BYTES_LIT(UNTRUSTED_PREFIX)) &&
           line[0].len <= MINISIGN_COMMENT_MAX && bytes_starts_with(line[2], BYTES_LIT(TRUSTED_PREFIX));
}

bool minisign_signature_parse(struct bytes text, struct minisign_signature *out, struct refusal *why)
{
    struct bytes line[4];
    uint8_t blob[SIG_BLOB];
    if (text.len > MINISIGN_SIG_MAX || !take_signature_lines(text, line) ||
        !is_base64_of(line[1], blob, sizeof blob) || !is_base64_of(line[3], out->global, sizeof out->global))
        return refuse(why, REFUSAL_BAD_SIGNATURE, "signature");
    out->trusted = bytes_of(line[2].data + strlen(TRUSTED_PREFIX), line[2].len - strlen(TRUSTED_PREFIX));
    if (!is_comment(out->trusted, MINISIGN_TRUSTED_MAX))
        return refuse(why, REFUSAL_BAD_SIGNATURE, "trusted comment");
    if (memcmp(blob, "Ed", 2) == 0)
        return refuse(why, REFUSAL_LEGACY_SIGNATURE, "signature");
    if (memcmp(blob, "ED", 2) != 0)
        return refuse(why, REFUSAL_BAD_SIGNATURE, "signature algorithm");
    memcpy(out->id, blob + 2, sizeof out->id);
    memcpy(out->signature, blob + 2 + MINISIGN_ID, sizeof out->signature);
    return true;
}

bool minisign_hash(struct bytes text, struct minisign_digest *out)
{
    unsigned len = 0;
    return EVP_Digest(text.data, text.len, out->bytes, &len, EVP_blake2b512(), NULL) == 1 &&
           len == sizeof out->bytes;
}

static bool ed25519_verify(EVP_PKEY *key, const uint8_t signature[64], struct bytes message)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestVerify(ctx, signature, 64, message.data, message.len) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* The global signature covers the signature and the trusted comment behind it. */
static bool verify_global(EVP_PKEY *key, const struct minisign_signature *s)
{
    uint8_t covered[64 + MINISIGN_TRUSTED_MAX];
    struct writer w = writer_of(covered, sizeof covered);
    writer_put(&w, s->signature, sizeof s->signature);
    writer_bytes(&w, s->trusted);
    return !w.full && ed25519_verify(key, s->global, writer_done(&w));
}

bool minisign_verify_digest(const struct minisign_public *key, const struct minisign_signature *s,
                            const struct minisign_digest *digest)
{
    if (memcmp(key->id, s->id, sizeof s->id) != 0)
        return false;
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->key, sizeof key->key);
    bool ok = public && ed25519_verify(public, s->signature, bytes_of(digest->bytes, sizeof digest->bytes)) &&
              verify_global(public, s);
    EVP_PKEY_free(public);
    return ok;
}

bool minisign_verify(const struct minisign_public *key, const struct minisign_signature *s, struct bytes text)
{
    struct minisign_digest digest;
    return minisign_hash(text, &digest) && minisign_verify_digest(key, s, &digest);
}

static bool ed25519_sign(EVP_PKEY *key, struct bytes message, uint8_t signature[64])
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    size_t len = 64;
    bool ok = ctx && EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) == 1 &&
              EVP_DigestSign(ctx, signature, &len, message.data, message.len) == 1 && len == 64;
    EVP_MD_CTX_free(ctx);
    return ok;
}

static bool sign_both(const struct minisign_secret *key, struct bytes text, struct bytes trusted,
                      uint8_t first[64], uint8_t global[64])
{
    uint8_t covered[64 + MINISIGN_TRUSTED_MAX];
    struct writer w = writer_of(covered, sizeof covered);
    struct minisign_digest digest;
    EVP_PKEY *pair = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->seed, sizeof key->seed);
    bool ok = pair && minisign_hash(text, &digest) &&
              ed25519_sign(pair, bytes_of(digest.bytes, sizeof digest.bytes), first);
    if (ok) {
        writer_put(&w, first, 64);
        writer_bytes(&w, trusted);
        ok = !w.full && ed25519_sign(pair, writer_done(&w), global);
    }
    EVP_PKEY_free(pair);
    return ok;
}

static const char *trusted_comment(const struct minisign_sign_options *o, struct arena *arena)
{
    if (o->trusted)
        return o->trusted;
    return arena_printf(arena, "timestamp:%lld\tfile:%s\thashed", (long long)o->now,
                        o->name ? o->name : "document");
}

struct bytes minisign_sign(const struct minisign_secret *key, struct bytes text,
                           const struct minisign_sign_options *options, struct arena *arena)
{
    const char *untrusted = options->untrusted ? options->untrusted : "signature from polynya secret key";
    const char *trusted = trusted_comment(options, arena);
    uint8_t blob[SIG_BLOB] = {'E', 'D'}, global[64];
    char first_text[(SIG_BLOB + 2) / 3 * 4 + 1], global_text[(64 + 2) / 3 * 4 + 1];
    if (!is_comment(bytes_str(untrusted), MINISIGN_COMMENT_MAX - strlen(UNTRUSTED_PREFIX)) || !trusted ||
        !is_comment(bytes_str(trusted), MINISIGN_TRUSTED_MAX) ||
        !sign_both(key, text, bytes_str(trusted), blob + 2 + MINISIGN_ID, global))
        return BYTES_NONE;
    memcpy(blob + 2, key->public.id, MINISIGN_ID);
    base64_encode(bytes_of(blob, sizeof blob), first_text);
    base64_encode(bytes_of(global, sizeof global), global_text);
    return bytes_str(arena_printf(arena, UNTRUSTED_PREFIX "%s\n%s\n" TRUSTED_PREFIX "%s\n%s\n", untrusted,
                                  first_text, trusted, global_text));
}
