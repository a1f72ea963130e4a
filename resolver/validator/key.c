/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and signatures: see key.h.
 *
 * RSA and ECDSA keys keep a prepared context each: preparing costs several times what hashing an answer does.
 */
#include "resolver/validator/key.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

enum { RSA_EXPONENT_MAX = 8, RSA_MODULUS_MIN = 64, RSA_MODULUS_MAX = 512, EC_COORDINATE_MAX = 48 };

bool crypto_init(struct crypto *c)
{
    *c = (struct crypto){.sha1 = EVP_MD_fetch(NULL, "SHA1", NULL),
                         .sha256 = EVP_MD_fetch(NULL, "SHA256", NULL),
                         .sha384 = EVP_MD_fetch(NULL, "SHA384", NULL),
                         .sha512 = EVP_MD_fetch(NULL, "SHA512", NULL),
                         .digest = EVP_MD_CTX_new(),
                         .verify = EVP_MD_CTX_new()};
    return c->sha1 && c->sha256 && c->sha384 && c->sha512 && c->digest && c->verify;
}

void crypto_fini(struct crypto *c)
{
    EVP_MD_free(c->sha1);
    EVP_MD_free(c->sha256);
    EVP_MD_free(c->sha384);
    EVP_MD_free(c->sha512);
    EVP_MD_CTX_free(c->digest);
    EVP_MD_CTX_free(c->verify);
    *c = (struct crypto){0};
}

/* Reading keys */

uint16_t key_tag(struct bytes rdata)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < rdata.len; i++)
        sum += i & 1 ? rdata.data[i] : (uint32_t)rdata.data[i] << 8;
    return (uint16_t)(sum + (sum >> 16));
}

bool key_init(struct key *k, struct bytes rdata)
{
    if (rdata.len < KEY_RDATA_MIN)
        return false;
    *k = (struct key){.rdata = rdata,
                      .flags = get_u16(rdata.data),
                      .tag = key_tag(rdata),
                      .protocol = rdata.data[2],
                      .algorithm = rdata.data[3]};
    return true;
}

void key_fini(struct key *k)
{
    EVP_PKEY_CTX_free(k->context);
    EVP_PKEY_free(k->public);
    *k = (struct key){0};
}

bool key_supported(uint8_t algorithm)
{
    switch (algorithm) {
    case KEY_RSASHA1:
    case KEY_RSASHA1_NSEC3:
    case KEY_RSASHA256:
    case KEY_RSASHA512:
    case KEY_ECDSAP256:
    case KEY_ECDSAP384:
    case KEY_ED25519:
    case KEY_ED448:
        return true;
    default:
        return false;
    }
}

bool digest_supported(uint8_t digest)
{
    return digest == DS_SHA1 || digest == DS_SHA256 || digest == DS_SHA384;
}

static bool is_rsa(uint8_t algorithm)
{
    return algorithm <= KEY_RSASHA512;
}

static bool is_ecdsa(uint8_t algorithm)
{
    return algorithm == KEY_ECDSAP256 || algorithm == KEY_ECDSAP384;
}

static size_t coordinate_of(uint8_t algorithm)
{
    return algorithm == KEY_ECDSAP256 ? 32 : EC_COORDINATE_MAX;
}

static EVP_MD *md_of(const struct crypto *c, uint8_t algorithm)
{
    switch (algorithm) {
    case KEY_RSASHA1:
    case KEY_RSASHA1_NSEC3:
        return c->sha1;
    case KEY_RSASHA512:
        return c->sha512;
    case KEY_ECDSAP384:
        return c->sha384;
    default:
        return c->sha256;
    }
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
    if (ctx && EVP_PKEY_fromdata_init(ctx) == 1)
        (void)EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params);
    EVP_PKEY_CTX_free(ctx);
    return key;
}

/* Big-endian bytes become the machine's order, as OSSL_PARAM has integers. */
static void reversed(uint8_t *to, struct bytes from)
{
    for (size_t i = 0; i < from.len; i++)
        to[from.len - 1 - i] = from.data[i];
}

/* Takes the exponent, with its length in front (RFC 3110 2), off the key. */
static bool rsa_exponent(struct bytes *key, struct bytes *exponent)
{
    size_t head = key->len && key->data[0] == 0 ? 3 : 1;
    if (key->len < head)
        return false;
    size_t len = head == 3 ? get_u16(key->data + 1) : key->data[0];
    if (len == 0 || len > RSA_EXPONENT_MAX || key->len - head < len)
        return false;
    *exponent = bytes_of(key->data + head, len);
    *key = bytes_of(key->data + head + len, key->len - head - len);
    return true;
}

static EVP_PKEY *rsa_key(struct bytes key)
{
    struct bytes exponent;
    uint8_t e[RSA_EXPONENT_MAX], n[RSA_MODULUS_MAX];
    if (!rsa_exponent(&key, &exponent) || key.len < RSA_MODULUS_MIN || key.len > RSA_MODULUS_MAX ||
        key.data[0] == 0)
        return NULL;
    reversed(e, exponent);
    reversed(n, key);
    OSSL_PARAM params[] = {OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_N, n, key.len),
                           OSSL_PARAM_BN(OSSL_PKEY_PARAM_RSA_E, e, exponent.len), OSSL_PARAM_END};
    return from_params("RSA", params);
}

static EVP_PKEY *ec_key(struct bytes key, size_t coordinate)
{
    char p256[] = "P-256", p384[] = "P-384";
    uint8_t point[1 + 2 * EC_COORDINATE_MAX] = {4}; /* uncompressed */
    if (key.len != 2 * coordinate)
        return NULL;
    memcpy(point + 1, key.data, key.len);
    char *group = coordinate == 32 ? p256 : p384;
    OSSL_PARAM params[] = {OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, sizeof p256 - 1),
                           OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + key.len),
                           OSSL_PARAM_END};
    return from_params("EC", params);
}

static EVP_PKEY *ed_key(struct bytes key, uint8_t algorithm)
{
    if (algorithm == KEY_ED25519)
        return key.len == 32 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key.data, key.len) : NULL;
    return key.len == 57 ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, key.data, key.len) : NULL;
}

static bool make_context(struct crypto *c, struct key *k)
{
    k->context = EVP_PKEY_CTX_new_from_pkey(NULL, k->public, NULL);
    if (!k->context || EVP_PKEY_verify_init(k->context) != 1)
        return false;
    if (is_rsa(k->algorithm) && EVP_PKEY_CTX_set_rsa_padding(k->context, RSA_PKCS1_PADDING) != 1)
        return false;
    return EVP_PKEY_CTX_set_signature_md(k->context, md_of(c, k->algorithm)) == 1;
}

/* Makes the public key if it is not there yet. */
static bool key_ready(struct crypto *c, struct key *k)
{
    struct bytes key = bytes_of(k->rdata.data + KEY_RDATA_MIN, k->rdata.len - KEY_RDATA_MIN);
    if (k->public || k->broken)
        return !k->broken;
    if (is_rsa(k->algorithm))
        k->public = rsa_key(key);
    else if (is_ecdsa(k->algorithm))
        k->public = ec_key(key, coordinate_of(k->algorithm));
    else
        k->public = ed_key(key, k->algorithm);
    bool edwards = k->algorithm >= KEY_ED25519;
    k->broken = !k->public || (!edwards && !make_context(c, k));
    return !k->broken;
}

/* Signatures */

/* One of the two integers in DER: no leading zeros, and a zero in front of a high bit. */
static size_t put_der_integer(uint8_t *out, struct bytes n)
{
    while (n.len > 1 && n.data[0] == 0)
        n = bytes_of(n.data + 1, n.len - 1);
    size_t pad = n.data[0] >> 7;
    out[0] = 2;
    out[1] = (uint8_t)(n.len + pad);
    out[2] = 0;
    memcpy(out + 2 + pad, n.data, n.len);
    return 2 + pad + n.len;
}

/* RFC 6605 4's r | s as OpenSSL wants it. At most 2 + 2 * (3 + 48) = 104 bytes, so the short form will do. */
static size_t der_signature(struct bytes sig, size_t coordinate, uint8_t out[128])
{
    if (sig.len != 2 * coordinate)
        return 0;
    size_t len = 2;
    len += put_der_integer(out + len, bytes_of(sig.data, coordinate));
    len += put_der_integer(out + len, bytes_of(sig.data + coordinate, coordinate));
    out[0] = 0x30;
    out[1] = (uint8_t)(len - 2);
    return len;
}

static bool digest(struct crypto *c, const EVP_MD *md, struct bytes text, uint8_t out[KEY_DIGEST_MAX],
                   unsigned *len)
{
    return EVP_DigestInit_ex2(c->digest, md, NULL) == 1 &&
           EVP_DigestUpdate(c->digest, text.data, text.len) == 1 &&
           EVP_DigestFinal_ex(c->digest, out, len) == 1;
}

static bool verify_digest(struct crypto *c, struct key *k, struct bytes text, struct bytes sig)
{
    uint8_t hash[KEY_DIGEST_MAX], der[128];
    unsigned len;
    if (is_ecdsa(k->algorithm))
        sig = bytes_of(der, der_signature(sig, coordinate_of(k->algorithm), der));
    return sig.len && digest(c, md_of(c, k->algorithm), text, hash, &len) &&
           EVP_PKEY_verify(k->context, sig.data, sig.len, hash, len) == 1;
}

static bool verify_whole(struct crypto *c, struct key *k, struct bytes text, struct bytes sig)
{
    return EVP_MD_CTX_reset(c->verify) == 1 &&
           EVP_DigestVerifyInit(c->verify, NULL, NULL, NULL, k->public) == 1 &&
           EVP_DigestVerify(c->verify, sig.data, sig.len, text.data, text.len) == 1;
}

bool key_verify(struct crypto *c, struct key *k, struct bytes text, struct bytes signature)
{
    if (!key_supported(k->algorithm) || !signature.len)
        return false;
    bool ok = key_ready(c, k) &&
              (k->context ? verify_digest(c, k, text, signature) : verify_whole(c, k, text, signature));
    if (!ok)
        ERR_clear_error();
    return ok;
}

/* Digests */

bool key_fingerprint(struct crypto *c, const struct key *k, struct bytes text, struct bytes signature,
                     uint8_t out[KEY_FINGERPRINT])
{
    uint8_t lengths[12];
    put_u32(lengths, (uint32_t)k->rdata.len);
    put_u32(lengths + 4, (uint32_t)signature.len);
    put_u32(lengths + 8, (uint32_t)text.len);
    return EVP_DigestInit_ex2(c->digest, c->sha256, NULL) == 1 &&
           EVP_DigestUpdate(c->digest, lengths, sizeof lengths) == 1 &&
           EVP_DigestUpdate(c->digest, k->rdata.data, k->rdata.len) == 1 &&
           EVP_DigestUpdate(c->digest, signature.data, signature.len) == 1 &&
           EVP_DigestUpdate(c->digest, text.data, text.len) == 1 &&
           EVP_DigestFinal_ex(c->digest, out, NULL) == 1;
}

static EVP_MD *md_of_ds(const struct crypto *c, uint8_t type)
{
    return type == DS_SHA1 ? c->sha1 : type == DS_SHA256 ? c->sha256 : type == DS_SHA384 ? c->sha384 : NULL;
}

bool key_matches_ds(struct crypto *c, const struct key *k, const struct dns_name *owner, struct bytes ds)
{
    uint8_t hash[KEY_DIGEST_MAX], lower[DNS_NAME_MAX];
    unsigned len = 0;
    const EVP_MD *md = md_of_ds(c, ds.data[3]);
    if (!md || get_u16(ds.data) != k->tag || ds.data[2] != k->algorithm)
        return false;
    name_lower_copy(lower, owner->wire, owner->len);
    return EVP_DigestInit_ex2(c->digest, md, NULL) == 1 &&
           EVP_DigestUpdate(c->digest, lower, owner->len) == 1 &&
           EVP_DigestUpdate(c->digest, k->rdata.data, k->rdata.len) == 1 &&
           EVP_DigestFinal_ex(c->digest, hash, &len) == 1 &&
           bytes_equal(bytes_of(hash, len), bytes_of(ds.data + DS_RDATA_MIN, ds.len - DS_RDATA_MIN));
}

bool key_nsec3_hash(struct crypto *c, const struct dns_name *name, struct bytes salt, unsigned iterations,
                    uint8_t out[NSEC3_HASH_LEN])
{
    uint8_t lower[DNS_NAME_MAX];
    struct bytes input = bytes_of(lower, name->len);
    name_lower_copy(lower, name->wire, name->len);
    for (unsigned i = 0; i <= iterations; i++) {
        if (EVP_DigestInit_ex2(c->digest, i ? NULL : c->sha1, NULL) != 1 ||
            EVP_DigestUpdate(c->digest, input.data, input.len) != 1 ||
            EVP_DigestUpdate(c->digest, salt.data, salt.len) != 1 ||
            EVP_DigestFinal_ex(c->digest, out, NULL) != 1)
            return false;
        input = bytes_of(out, NSEC3_HASH_LEN);
    }
    return true;
}
