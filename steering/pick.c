/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rendezvous hashing: see pick.h. One HMAC a question makes the seed; scores are SipHash under it.
 *
 * OpenSSL's SHA256_* are called directly: HMAC() and EVP fetch an algorithm and allocate at every call, which
 * costs ten times the hashing itself, and a context kept between calls would be state in pure code. They are
 * deprecated, not gone, hence the API level asked for below. */
#define OPENSSL_API_COMPAT 10101
#include "steering/pick.h"

#include <math.h>
#include <openssl/sha.h>

static void hmac_pad(const uint8_t key[32], uint8_t pad, uint8_t block[64])
{
    memset(block, pad, 64);
    for (int i = 0; i < 32; i++)
        block[i] ^= key[i];
}

void pick_hmac(const uint8_t key[32], struct bytes message, uint8_t out[32])
{
    uint8_t block[64];
    SHA256_CTX sha;
    hmac_pad(key, 0x36, block);
    SHA256_Init(&sha);
    SHA256_Update(&sha, block, sizeof block);
    SHA256_Update(&sha, message.data, message.len);
    SHA256_Final(out, &sha);
    hmac_pad(key, 0x5c, block);
    SHA256_Init(&sha);
    SHA256_Update(&sha, block, sizeof block);
    SHA256_Update(&sha, out, 32);
    SHA256_Final(out, &sha);
}

void pick_seed(const uint8_t day_secret[32], const struct ip *client, struct bytes domain,
               struct hash_key *out)
{
    /* The family comes first, so that a v4 and a v6 prefix of equal bytes are different clients. */
    uint8_t message[1 + 7 + 255], digest[32];
    struct writer w = writer_of(message, sizeof message);
    writer_u8(&w, client->len);
    writer_put(&w, client->addr, client->len == 16 ? 7 : client->len == 4 ? 3 : 0);
    writer_put(&w, domain.data, domain.len < 255 ? domain.len : 255);
    pick_hmac(day_secret, writer_done(&w), digest);
    memcpy(&out->k0, digest, 8);
    memcpy(&out->k1, digest + 8, 8);
}

double pick_score(const struct hash_key *seed, struct bytes id, uint32_t weight)
{
    if (weight == 0)
        return 0;
    /* 52 bits and a half: exact in a double, and never 0 or 1, where ln has no use. */
    double u = ((double)(hash_siphash(seed, id.data, id.len) >> 12) + 0.5) * 0x1p-52;
    return -(double)weight / log(u);
}

void pick_init(struct pick *p, unsigned wanted)
{
    *p = (struct pick){.wanted = wanted < 1 ? 1 : wanted > PICK_MAX ? PICK_MAX : wanted};
}

void pick_offer(struct pick *p, const void *what, double score)
{
    unsigned at = p->count;
    while (at > 0 && p->best[at - 1].score < score)
        at--;
    if (score <= 0 || at >= p->wanted)
        return;
    if (p->count < p->wanted)
        p->count++;
    for (unsigned i = p->count - 1; i > at; i--)
        p->best[i] = p->best[i - 1];
    p->best[at].score = score;
    p->best[at].what = what;
}
