/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TSIG: see tsig.h. Section numbers are RFC 8945's. */
#include "data/dns/tsig.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "data/dns/msg.h"

enum { CLASS_ANY = 255, ERROR_BADSIG = 16, ERROR_BADKEY = 17, ERROR_BADTIME = 18 };
enum { TIMERS = 8, ARCOUNT_AT = 10 };

static const struct {
    const char *digest;
    size_t size;
    struct bytes name; /* in wire form (6) */
} algorithms[] = {
    [TSIG_HMAC_SHA256] = {"SHA256", 32, {(const uint8_t *)"\13hmac-sha256", 13}},
    [TSIG_HMAC_SHA512] = {"SHA512", 64, {(const uint8_t *)"\13hmac-sha512", 13}},
};

/* A TSIG's RDATA (4.2). */
struct rdata {
    struct bytes algorithm;
    uint64_t time;
    struct bytes timers; /* time and fudge as they stand there */
    struct bytes mac;
    uint16_t fudge, id, error;
    struct bytes other;
};

void tsig_init(struct tsig *t, const struct tsig_key *key)
{
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    *t = (struct tsig){.key = key, .first = true};
    if (hmac)
        t->mac = EVP_MAC_CTX_new(hmac);
    EVP_MAC_free(hmac);
}

void tsig_fini(struct tsig *t)
{
    EVP_MAC_CTX_free(t->mac);
    *t = (struct tsig){0};
}

static size_t mac_size(const struct tsig *t)
{
    return algorithms[t->key->algorithm].size;
}

static bool begin(struct tsig *t)
{
    char digest[8];
    memccpy(digest, algorithms[t->key->algorithm].digest, '\0', sizeof digest);
    const OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
                                 OSSL_PARAM_construct_end()};
    return t->mac && EVP_MAC_init(t->mac, t->key->secret, t->key->len, params) == 1;
}

static bool update(struct tsig *t, struct bytes b)
{
    return b.len == 0 || EVP_MAC_update(t->mac, b.data, b.len) == 1;
}

static bool update_u16(struct tsig *t, uint16_t v)
{
    uint8_t wire[2];
    put_u16(wire, v);
    return update(t, bytes_of(wire, sizeof wire));
}

static bool finish(struct tsig *t, uint8_t out[TSIG_MAC_MAX])
{
    size_t len = 0;
    return EVP_MAC_final(t->mac, out, &len, TSIG_MAC_MAX) == 1 && len == mac_size(t);
}

/* 4.3.3: key, class ANY, TTL 0, algorithm, and all of RDATA but the MAC and the ID. */
static bool update_variables(struct tsig *t, struct bytes timers, uint16_t error, struct bytes other)
{
    static const uint8_t class_ttl[] = {0, CLASS_ANY, 0, 0, 0, 0};
    return update(t, bytes_of(t->key->name.wire, t->key->name.len)) &&
           update(t, bytes_of(class_ttl, sizeof class_ttl)) &&
           update(t, algorithms[t->key->algorithm].name) && update(t, timers) && update_u16(t, error) &&
           update_u16(t, (uint16_t)other.len) && update(t, other);
}

/* ---- signing ---- */

static void put_rr(const struct tsig *t, struct writer *w, const uint8_t timers[TIMERS])
{
    struct bytes algorithm = algorithms[t->key->algorithm].name;
    writer_put(w, t->key->name.wire, t->key->name.len);
    writer_u16(w, DNS_TSIG);
    writer_u16(w, CLASS_ANY);
    writer_u32(w, 0);
    writer_u16(w, (uint16_t)(algorithm.len + TIMERS + 2 + mac_size(t) + 6));
    writer_bytes(w, algorithm);
    writer_put(w, timers, TIMERS);
    writer_u16(w, (uint16_t)mac_size(t));
    writer_put(w, t->last, mac_size(t));
    writer_put(w, w->data, 2); /* the ID */
    writer_u32(w, 0);          /* no error, no other data */
}

bool tsig_sign(struct tsig *t, struct writer *w, int64_t now)
{
    uint8_t timers[TIMERS];
    put_u16(timers, (uint16_t)((uint64_t)now >> 32));
    put_u32(timers + 2, (uint32_t)now);
    put_u16(timers + 6, TSIG_FUDGE);
    t->first = true;
    t->unsigned_count = 0;
    if (w->full || w->len < DNS_HEADER || !begin(t) || !update(t, writer_done(w)) ||
        !update_variables(t, bytes_of(timers, sizeof timers), 0, BYTES_NONE) || !finish(t, t->last))
        return false;
    put_rr(t, w, timers);
    if (!w->full)
        put_u16(w->data + ARCOUNT_AT, (uint16_t)(get_u16(w->data + ARCOUNT_AT) + 1));
    return !w->full;
}

/* ---- checking ---- */

static bool take(struct bytes *from, size_t n, struct bytes *out)
{
    if (from->len < n)
        return false;
    *out = bytes_of(from->data, n);
    *from = bytes_of(from->data + n, from->len - n);
    return true;
}

static bool take_u16(struct bytes *from, uint16_t *out)
{
    struct bytes b;
    if (!take(from, 2, &b))
        return false;
    *out = get_u16(b.data);
    return true;
}

static bool read_rdata(struct bytes from, struct rdata *out)
{
    size_t at = 0;
    uint16_t size;
    if (!name_skip(from, &at))
        return false;
    if (!take(&from, at, &out->algorithm) || !take(&from, TIMERS, &out->timers) || !take_u16(&from, &size) ||
        !take(&from, size, &out->mac) || !take_u16(&from, &out->id) || !take_u16(&from, &out->error) ||
        !take_u16(&from, &size) || !take(&from, size, &out->other))
        return false;
    out->time = (uint64_t)get_u16(out->timers.data) << 32 | get_u32(out->timers.data + 2);
    out->fudge = get_u16(out->timers.data + 6);
    return from.len == 0;
}

/* The message's TSIG, which is its last RR (5.1); *found false if there is none. False if it is malformed. */
static bool find(struct bytes message, struct dns_rr *out, bool *found)
{
    struct msg_iter it;
    struct dns_rr rr;
    *found = false;
    if (!msg_iter_init(&it, message))
        return false;
    while (msg_next(&it, &rr)) {
        if (*found)
            return false;
        if (rr.type != DNS_TSIG)
            continue;
        if (rr.section != DNS_ADDITIONAL || rr.class != CLASS_ANY || rr.ttl != 0)
            return false;
        *found = true;
        *out = rr;
    }
    return !it.malformed;
}

static bool is_our_key(const struct tsig *t, struct bytes message, const struct dns_rr *rr,
                       const struct rdata *r)
{
    struct dns_name owner;
    size_t at = rr->owner;
    return name_read(message, &at, &owner) && name_equal(&owner, &t->key->name) &&
           bytes_equal_nocase(r->algorithm, algorithms[t->key->algorithm].name);
}

/* 5.3.1: each run of messages begins with the MAC before it. */
static bool begin_run(struct tsig *t)
{
    return t->unsigned_count > 0 ||
           (begin(t) && update_u16(t, (uint16_t)mac_size(t)) && update(t, bytes_of(t->last, mac_size(t))));
}

/* The message as it was before it was signed: without the TSIG, under the original ID. */
static bool update_message(struct tsig *t, struct bytes message, const struct dns_rr *rr,
                           const struct rdata *r)
{
    uint8_t head[DNS_HEADER];
    memcpy(head, message.data, sizeof head);
    put_u16(head, r->id);
    put_u16(head + ARCOUNT_AT, (uint16_t)(get_u16(head + ARCOUNT_AT) - 1));
    return update(t, bytes_of(head, sizeof head)) &&
           update(t, bytes_of(message.data + DNS_HEADER, rr->owner - DNS_HEADER));
}

static enum tsig_result check_unsigned(struct tsig *t, struct bytes message)
{
    if (t->first || t->unsigned_count == TSIG_UNSIGNED_MAX)
        return TSIG_MISSING;
    if (!begin_run(t) || !update(t, message))
        return TSIG_BAD_MAC;
    t->unsigned_count++;
    return TSIG_GOOD;
}

/* What a server says that refuses us (5.2): it may not be able to sign that, so it is but a reason to end. */
static enum tsig_result told_error(uint16_t error)
{
    return error == ERROR_BADKEY ? TSIG_BAD_KEY : error == ERROR_BADTIME ? TSIG_BAD_TIME : TSIG_BAD_MAC;
}

static bool is_now(const struct rdata *r, int64_t now)
{
    int64_t off = (int64_t)r->time - now;
    return (off < 0 ? -off : off) <= r->fudge;
}

static enum tsig_result check_signed(struct tsig *t, struct bytes message, const struct dns_rr *rr,
                                     int64_t now)
{
    struct rdata r;
    uint8_t mac[TSIG_MAC_MAX];
    if (!read_rdata(rr->rdata, &r))
        return TSIG_BAD_FORM;
    if (r.error)
        return told_error(r.error);
    if (!is_our_key(t, message, rr, &r))
        return TSIG_BAD_KEY;
    bool ok = begin_run(t) && update_message(t, message, rr, &r) &&
              (t->first ? update_variables(t, r.timers, r.error, r.other) : update(t, r.timers)) &&
              finish(t, mac);
    if (!ok || r.mac.len != mac_size(t) || CRYPTO_memcmp(mac, r.mac.data, r.mac.len) != 0)
        return TSIG_BAD_MAC;
    memcpy(t->last, mac, mac_size(t));
    t->first = false;
    t->unsigned_count = 0;
    return is_now(&r, now) ? TSIG_GOOD : TSIG_BAD_TIME;
}

enum tsig_result tsig_check(struct tsig *t, struct bytes message, int64_t now)
{
    struct dns_rr rr = {0};
    bool found;
    if (message.len < DNS_HEADER || !find(message, &rr, &found))
        return TSIG_BAD_FORM;
    return found ? check_signed(t, message, &rr, now) : check_unsigned(t, message);
}
