/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNSKEYs, the digests that point at them, and the signatures they check. The only user of OpenSSL here.
 *
 * RSA with SHA-1, SHA-256 and SHA-512 (RFC 3110, 5702), ECDSA P-256 and P-384 (RFC 6605), Ed25519 and Ed448
 * (RFC 8080); DS digests SHA-1, SHA-256 and SHA-384. A key of any other kind is one we do not know. RSA is
 * bounded to 4096 bits and an exponent of 64, for its cost. */
#ifndef POLYNYA_VALIDATOR_KEY_H
#define POLYNYA_VALIDATOR_KEY_H

#include "data/dns/name.h"

enum key_algorithm {
    KEY_RSASHA1 = 5,
    KEY_RSASHA1_NSEC3 = 7,
    KEY_RSASHA256 = 8,
    KEY_RSASHA512 = 10,
    KEY_ECDSAP256 = 13,
    KEY_ECDSAP384 = 14,
    KEY_ED25519 = 15,
    KEY_ED448 = 16
};
enum key_flag { KEY_ZONE = 0x0100, KEY_REVOKED = 0x0080, KEY_SEP = 0x0001 };
enum ds_digest { DS_SHA1 = 1, DS_SHA256 = 2, DS_SHA384 = 4 };
enum { KEY_DIGEST_MAX = 64, NSEC3_HASH_LEN = 20, KEY_RDATA_MIN = 4, DS_RDATA_MIN = 4 };
enum { KEY_FINGERPRINT = 32 };

/* Digests fetched once, and a context to reuse. One per thread. */
struct crypto {
    struct evp_md_st *sha1, *sha256, *sha384, *sha512;
    struct evp_md_ctx_st *digest, *verify;
};
bool crypto_init(struct crypto *c);
void crypto_fini(struct crypto *c);

/* A DNSKEY; its public key is made when it is first needed. */
struct key {
    struct bytes rdata; /* borrowed */
    uint16_t flags, tag;
    uint8_t protocol, algorithm;
    bool broken; /* its public key makes no sense */
    struct evp_pkey_st *public;
    struct evp_pkey_ctx_st *context;
};

/* Reads RDATA of at least KEY_RDATA_MIN bytes; false if it is shorter. */
bool key_init(struct key *k, struct bytes rdata);
void key_fini(struct key *k);
/* RFC 4034 appendix B. */
uint16_t key_tag(struct bytes rdata);
bool key_supported(uint8_t algorithm);
bool digest_supported(uint8_t digest);

/* Whether `signature` is k's of `text`. */
bool key_verify(struct crypto *c, struct key *k, struct bytes text, struct bytes signature);
/* A digest of all that key_verify's answer depends on: SHA-256 over the three, each with its length. False if
 * OpenSSL fails. */
bool key_fingerprint(struct crypto *c, const struct key *k, struct bytes text, struct bytes signature,
                     uint8_t out[KEY_FINGERPRINT]);
/* Whether a DS (RDATA of at least DS_RDATA_MIN bytes) is k's at owner: tag, algorithm and digest. */
bool key_matches_ds(struct crypto *c, const struct key *k, const struct dns_name *owner, struct bytes ds);
/* RFC 5155 5: the name in lower case, hashed 1 + iterations times with SHA-1. False if OpenSSL fails. */
bool key_nsec3_hash(struct crypto *c, const struct dns_name *name, struct bytes salt, unsigned iterations,
                    uint8_t out[NSEC3_HASH_LEN]);

#endif
