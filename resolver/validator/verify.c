/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signatures checked: see verify.h. */
#include "resolver/validator/verify.h"

enum { SKEW_MIN = 3600, SKEW_MAX = 86400 }; /* seconds our clock or theirs may be off */

struct check {
    struct verifier *v;
    struct budget *budget;
    const struct rrsets *sets;
    const struct rrset *set;
    const struct dns_name *zone;
    struct key *keys;
    unsigned key_count;
    uint32_t now;
    unsigned done; /* for this RRset */
    bool made;     /* v->canon holds this RRset */
};

/* Which of two things that were wrong says more. */
static enum reason worse(enum reason a, enum reason b)
{
    static const enum reason order[] = {REASON_DNSSEC_BOGUS,   REASON_DNSSEC_EXPIRED,
                                        REASON_DNSSEC_NOT_YET, REASON_DNSSEC_NO_ZONE_KEY,
                                        REASON_DNSSEC_NO_KEY,  REASON_DNSSEC_NO_SIGNATURE};
    for (unsigned i = 0; i < sizeof order / sizeof *order; i++)
        if (a == order[i] || b == order[i])
            return order[i];
    return a;
}

/* RFC 4034 3.1.5: serial number arithmetic. A tenth of the signature's life, within an hour and a day, is
 * granted for clocks that differ. */
static enum reason check_time(const struct rrsig *sig, uint32_t now)
{
    int32_t life = (int32_t)(sig->expiration - sig->inception);
    if (life < 0)
        return REASON_DNSSEC_BOGUS;
    int32_t skew = life / 10 < SKEW_MIN ? SKEW_MIN : life / 10 > SKEW_MAX ? SKEW_MAX : life / 10;
    if ((int32_t)(now - sig->expiration) > skew)
        return REASON_DNSSEC_EXPIRED;
    if ((int32_t)(sig->inception - now) > skew)
        return REASON_DNSSEC_NOT_YET;
    return REASON_OK;
}

static bool spend_check(struct check *c)
{
    if (c->budget->checks == 0 || c->done == VERIFY_SET_CHECKS) {
        c->budget->limited |= LIMITED_CHECKS;
        return false;
    }
    c->budget->checks--;
    c->done++;
    return true;
}

static bool put_text(struct check *c, const struct rrsig *sig, struct bytes *text)
{
    struct writer w = writer_of(c->v->text, sizeof c->v->text);
    if (!c->made && !canon_make(&c->v->canon, c->sets, c->set))
        return false;
    c->made = true;
    canon_put_signed(&w, &c->v->canon, c->set, sig);
    *text = writer_done(&w);
    return text->len > 0;
}

/* What is remembered costs no check, but counts in the message's budget as one: whether an answer is good
 * does not depend on what was asked before. */
static bool is_good(struct check *c, struct key *k, struct bytes text, struct bytes signature)
{
    uint8_t print[KEY_FINGERPRINT];
    bool printed = key_fingerprint(&c->v->crypto, k, text, signature, print);
    if (printed && memo_has(&c->v->memo, print)) {
        c->budget->remembered++;
        return true;
    }
    c->budget->checks_done++;
    if (!key_verify(&c->v->crypto, k, text, signature))
        return false;
    if (printed)
        memo_add(&c->v->memo, print);
    return true;
}

/* Tries the keys that sig may be of. */
static enum reason try_keys(struct check *c, const struct rrsig *sig)
{
    enum reason why = REASON_DNSSEC_NO_KEY;
    struct bytes text = BYTES_NONE;
    unsigned tried = 0;
    for (unsigned i = 0; i < c->key_count; i++) {
        struct key *k = &c->keys[i];
        if (k->tag != sig->tag || k->algorithm != sig->algorithm)
            continue;
        if (!(k->flags & KEY_ZONE) || k->protocol != 3) {
            why = worse(why, REASON_DNSSEC_NO_ZONE_KEY);
            continue;
        }
        if (tried++ == VERIFY_TAG_KEYS)
            c->budget->limited |= LIMITED_TAG_KEYS;
        if (tried > VERIFY_TAG_KEYS || !spend_check(c) || (!text.len && !put_text(c, sig, &text)))
            return REASON_DNSSEC_BOGUS;
        if (is_good(c, k, text, sig->signature))
            return REASON_OK;
        why = REASON_DNSSEC_BOGUS;
    }
    return why;
}

/* RFC 4035 5.3.1 */
static bool applies(const struct check *c, const struct rrsig *sig)
{
    return name_equal(&sig->signer, c->zone) && name_within(&c->set->owner, &sig->signer) &&
           sig->labels <= canon_labels(&c->set->owner) && sig->labels >= name_labels(c->zone);
}

static uint32_t ttl_of(const struct rrsig *sig, uint32_t now)
{
    int32_t left = (int32_t)(sig->expiration - now);
    uint32_t ttl = sig->original_ttl > INT32_MAX ? 0 : sig->original_ttl;
    return left <= 0 ? 0 : ttl < (uint32_t)left ? ttl : (uint32_t)left;
}

static enum reason try_sig(struct check *c, const struct rrsig *sig, struct verified *out)
{
    enum reason time = check_time(sig, c->now);
    if (time == REASON_DNSSEC_BOGUS)
        return time;
    enum reason why = try_keys(c, sig);
    if (why != REASON_OK)
        return why;
    *out = (struct verified){sig->labels, ttl_of(sig, c->now), time != REASON_OK};
    return time;
}

enum reason verify_set(struct verifier *v, struct budget *b, const struct rrsets *sets,
                       const struct rrset *set, const struct dns_name *zone, struct key *keys,
                       unsigned key_count, uint32_t now, struct verified *out)
{
    struct check c = {.v = v,
                      .budget = b,
                      .sets = sets,
                      .set = set,
                      .zone = zone,
                      .keys = keys,
                      .key_count = key_count,
                      .now = now};
    enum reason why = REASON_DNSSEC_NO_SIGNATURE;
    *out = (struct verified){0};
    for (uint16_t i = set->sig; i != RRSET_END; i = sets->item[i].next) {
        struct rrsig sig;
        if (!rrsig_read(sets->message, &sets->item[i].rr, &sig) || !applies(&c, &sig))
            continue;
        enum reason one = try_sig(&c, &sig, out);
        if (one == REASON_OK)
            return REASON_OK;
        why = worse(why, one);
        if (b->limited & (LIMITED_CHECKS | LIMITED_TAG_KEYS))
            break;
    }
    return why;
}
