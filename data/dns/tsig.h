/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TSIG (RFC 8945) as a client has it: signs one request, then checks the messages of the answer, one after
 * the other, each MAC reaching back over all before it. HMAC-SHA256 and HMAC-SHA512 by OpenSSL, never
 * truncated. */
#ifndef POLYNYA_DNS_TSIG_H
#define POLYNYA_DNS_TSIG_H

#include "data/dns/name.h"

enum tsig_algorithm { TSIG_HMAC_SHA256, TSIG_HMAC_SHA512 };
enum { TSIG_MAC_MAX = 64, TSIG_SECRET_MAX = 128, TSIG_FUDGE = 300, TSIG_UNSIGNED_MAX = 99 };
/* Bytes that signing adds at most. */
enum { TSIG_SIZE_MAX = DNS_NAME_MAX + 10 + DNS_NAME_MAX + 16 + TSIG_MAC_MAX };

struct tsig_key {
    struct dns_name name; /* lower-case */
    enum tsig_algorithm algorithm;
    uint8_t secret[TSIG_SECRET_MAX];
    size_t len; /* of the secret, at least 1 */
};

enum tsig_result {
    TSIG_GOOD,     /* signed and right; or unsigned, and to be told by the next one that is signed */
    TSIG_MISSING,  /* the first message is not signed, or too many are not */
    TSIG_BAD_FORM, /* malformed, or not at the message's end */
    TSIG_BAD_KEY,  /* another key or algorithm; or the server says that it has no such key */
    TSIG_BAD_MAC,  /* the MAC is wrong; or the server says that ours is */
    TSIG_BAD_TIME  /* signed too long ago, or in the future; or the server says that we are */
};

struct evp_mac_ctx_st;

struct tsig {
    const struct tsig_key *key; /* borrowed */
    struct evp_mac_ctx_st *mac; /* running over what came since the last MAC; NULL: without memory */
    uint8_t last[TSIG_MAC_MAX]; /* MAC of the request, then of the last signed message */
    unsigned unsigned_count;    /* messages since that */
    bool first;                 /* no message has been checked yet */
};

void tsig_init(struct tsig *t, const struct tsig_key *key);
void tsig_fini(struct tsig *t);
/* Appends the TSIG to w's message, which has nothing behind it, and begins anew with it. now: Unix seconds.
 */
bool tsig_sign(struct tsig *t, struct writer *w, int64_t now);
/* The next message of the answer. Nothing but TSIG_GOOD lets the answer go on. */
enum tsig_result tsig_check(struct tsig *t, struct bytes message, int64_t now);
/* Was the message checked last signed? Only then is what came so far proved. */
static inline bool tsig_complete(const struct tsig *t)
{
    return !t->first && t->unsigned_count == 0;
}

#endif
