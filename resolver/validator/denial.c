/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Denial of existence: see denial.h. First NSEC, then NSEC3, then the two together.
 *
 * An NSEC from the parent's side of a zone cut, or at a DNAME, says nothing about what is below it (RFC 6840
 * 4.1); one of the child's side says nothing about DS. */
#include "resolver/validator/denial.h"

#include "resolver/validator/bitmap.h"
#include "resolver/validator/nsec3.h"

void proofs_init(struct proofs *p, const struct dns_name *zone, struct crypto *crypto, struct budget *budget)
{
    p->zone = zone;
    p->crypto = crypto;
    p->budget = budget;
    p->nsec_count = p->nsec3_count = p->hashed_count = 0;
}

/* NSEC */

struct nsec {
    const struct dns_name *owner;
    struct dns_name next;
    struct bytes types;
};

static bool nsec_read(const struct proof *proof, struct nsec *out)
{
    size_t at = 0;
    out->owner = &proof->owner;
    if (!name_read(proof->rdata, &at, &out->next))
        return false;
    out->types = bytes_of(proof->rdata.data + at, proof->rdata.len - at);
    return bitmap_sound(out->types);
}

/* A zone begins here, and this is its parent speaking. */
static bool parent_side(struct bytes types)
{
    return bitmap_has(types, DNS_NS) && !bitmap_has(types, DNS_SOA);
}

/* Whether this says that `type` is not at its owner, from the right side of a cut. */
static bool types_deny(struct bytes types, uint16_t type, bool at_root)
{
    if (bitmap_has(types, type) || bitmap_has(types, DNS_CNAME))
        return false;
    if (type == DNS_DS)
        return at_root || !bitmap_has(types, DNS_SOA);
    return !parent_side(types);
}

/* name lies strictly between owner and next. */
static bool nsec_spans(const struct nsec *n, const struct dns_name *zone, const struct dns_name *name)
{
    if (name_order(n->owner, name) >= 0 || !name_within(name, zone))
        return false;
    bool last = name_order(&n->next, n->owner) <= 0; /* next is the apex again */
    return last || name_order(name, &n->next) < 0;
}

/* name does not exist, not even without data of its own. */
static bool nsec_covers(const struct nsec *n, const struct dns_name *zone, const struct dns_name *name)
{
    if (!nsec_spans(n, zone, name) || name_within(&n->next, name))
        return false;
    bool below = name_within(name, n->owner);
    return !below || !(parent_side(n->types) || bitmap_has(n->types, DNS_DNAME));
}

static bool find_match(const struct proofs *p, const struct dns_name *name, struct nsec *out)
{
    for (unsigned i = 0; i < p->nsec_count; i++)
        if (nsec_read(&p->nsec[i], out) && name_equal(out->owner, name))
            return true;
    return false;
}

static bool find_cover(const struct proofs *p, const struct dns_name *name, struct nsec *out)
{
    for (unsigned i = 0; i < p->nsec_count; i++)
        if (nsec_read(&p->nsec[i], out) && nsec_covers(out, p->zone, name))
            return true;
    return false;
}

/* name exists, but only because something below it does. */
static bool find_empty(const struct proofs *p, const struct dns_name *name, struct nsec *out)
{
    for (unsigned i = 0; i < p->nsec_count; i++)
        if (nsec_read(&p->nsec[i], out) && nsec_spans(out, p->zone, name) && name_within(&out->next, name))
            return true;
    return false;
}

/* The closest name above `name` that exists, as the NSEC that covers name tells. */
static unsigned encloser_labels(const struct nsec *cover, const struct dns_name *name)
{
    unsigned a = name_common(cover->owner, name), b = name_common(&cover->next, name);
    return a > b ? a : b;
}

static bool wildcard_at(const struct dns_name *name, unsigned labels, struct dns_name *out)
{
    struct dns_name encloser = name_tail(name, labels);
    return name_wildcard(&encloser, out);
}

static bool nsec_denies_name(const struct proofs *p, const struct dns_name *name)
{
    struct nsec cover, second;
    struct dns_name wildcard;
    return find_cover(p, name, &cover) && wildcard_at(name, encloser_labels(&cover, name), &wildcard) &&
           find_cover(p, &wildcard, &second);
}

static bool nsec_denies_type(const struct proofs *p, const struct dns_name *name, uint16_t type)
{
    struct nsec n, at_wildcard;
    struct dns_name wildcard;
    if (find_match(p, name, &n))
        return types_deny(n.types, type, name->len == 1);
    if (find_empty(p, name, &n))
        return true;
    return find_cover(p, name, &n) && wildcard_at(name, encloser_labels(&n, name), &wildcard) &&
           find_match(p, &wildcard, &at_wildcard) && types_deny(at_wildcard.types, type, false);
}

static bool nsec_denies_closer(const struct proofs *p, const struct dns_name *name, unsigned labels)
{
    struct nsec cover;
    return find_cover(p, name, &cover) && encloser_labels(&cover, name) <= labels;
}

static enum ds_absence delegation_of(struct bytes types)
{
    if (bitmap_has(types, DNS_DS) || bitmap_has(types, DNS_SOA))
        return DELEGATION_UNPROVEN;
    return bitmap_has(types, DNS_NS) ? DELEGATION_INSECURE : DELEGATION_NONE;
}

static enum ds_absence nsec_delegation(const struct proofs *p, const struct dns_name *name)
{
    struct nsec n;
    if (find_match(p, name, &n))
        return delegation_of(n.types);
    return find_empty(p, name, &n) || find_cover(p, name, &n) ? DELEGATION_NONE : DELEGATION_UNPROVEN;
}

/* NSEC3 */

static bool same_parameters(const struct proofs *p, const struct nsec3 *n)
{
    struct nsec3 first;
    if (p->nsec3_count == 0)
        return true;
    (void)nsec3_read(p->nsec3[0].rdata, &first); /* it was readable when it was added */
    return first.iterations == n->iterations && bytes_equal(first.salt, n->salt);
}

static bool directly_below(const struct dns_name *owner, const struct dns_name *zone)
{
    struct dns_name parent;
    return name_parent(owner, &parent) && name_equal(&parent, zone);
}

void proofs_add(struct proofs *p, uint16_t type, const struct dns_name *owner, struct bytes rdata)
{
    struct proof proof = {*owner, rdata};
    struct nsec nsec;
    struct nsec3 nsec3;
    uint8_t hash[NSEC3_HASH_LEN];
    if (type == DNS_NSEC) {
        if (p->nsec_count < PROOFS_MAX && nsec_read(&proof, &nsec))
            p->nsec[p->nsec_count++] = proof;
    } else if (p->nsec3_count < PROOFS_MAX && directly_below(owner, p->zone) &&
               nsec3_owner_hash(owner, hash) && nsec3_read(rdata, &nsec3) && same_parameters(p, &nsec3)) {
        p->nsec3[p->nsec3_count++] = proof;
    }
}

static bool too_dear(const struct proofs *p)
{
    struct nsec3 n;
    if (!p->nsec3_count || !nsec3_read(p->nsec3[0].rdata, &n) || n.iterations <= NSEC3_ITERATIONS_MAX)
        return false;
    p->budget->limited |= LIMITED_ITERATIONS;
    return true;
}

/* The hash of name, borrowed until the next call; NULL if the budget is spent. */
static const uint8_t *hash_of(struct proofs *p, const struct dns_name *name)
{
    struct nsec3 n;
    for (unsigned i = 0; i < p->hashed_count; i++)
        if (name_equal(&p->hashed[i].name, name))
            return p->hashed[i].hash;
    if (!nsec3_read(p->nsec3[0].rdata, &n) || p->budget->hashes < n.iterations + 1u) {
        p->budget->limited |= LIMITED_HASHES;
        return NULL;
    }
    unsigned i = p->hashed_count < PROOF_NAMES ? p->hashed_count++ : PROOF_NAMES - 1;
    p->budget->hashes -= n.iterations + 1u;
    p->budget->hash_work += n.iterations + 1u;
    p->hashed[i].name = *name;
    return key_nsec3_hash(p->crypto, name, n.salt, n.iterations, p->hashed[i].hash) ? p->hashed[i].hash
                                                                                    : NULL;
}

static bool find_hash(struct proofs *p, const struct dns_name *name, bool match, struct nsec3 *out)
{
    uint8_t owner[NSEC3_HASH_LEN];
    const uint8_t *hash = name_within(name, p->zone) ? hash_of(p, name) : NULL;
    for (unsigned i = 0; hash && i < p->nsec3_count; i++) {
        if (!nsec3_owner_hash(&p->nsec3[i].owner, owner) || !nsec3_read(p->nsec3[i].rdata, out))
            continue;
        if (match ? memcmp(owner, hash, NSEC3_HASH_LEN) == 0 : nsec3_covers(owner, out->next.data, hash))
            return true;
    }
    return false;
}

/* RFC 5155 8.3: the closest encloser, and that the name one label longer does not exist. */
struct encloser {
    struct dns_name name;
    bool opt_out; /* of the NSEC3 that covers the next closer name */
};

/* Of proper ancestors of name. False if none is proven. */
static bool find_encloser(struct proofs *p, const struct dns_name *name, struct encloser *out)
{
    struct nsec3 at, next;
    unsigned zone = name_labels(p->zone);
    for (unsigned labels = name_labels(name); labels-- > zone;) {
        out->name = name_tail(name, labels);
        if (!find_hash(p, &out->name, true, &at))
            continue;
        if (parent_side(at.types) || bitmap_has(at.types, DNS_DNAME))
            return false;
        struct dns_name closer = name_tail(name, labels + 1);
        if (!find_hash(p, &closer, false, &next))
            return false;
        out->opt_out = next.opt_out;
        return true;
    }
    return false;
}

static enum denial unless_opt_out(bool opt_out)
{
    return opt_out ? DENIAL_INSECURE : DENIAL_PROVEN;
}

static enum denial nsec3_denies_name(struct proofs *p, const struct dns_name *name)
{
    struct encloser e;
    struct dns_name wildcard;
    struct nsec3 n;
    if (find_hash(p, name, true, &n) || !find_encloser(p, name, &e) || !name_wildcard(&e.name, &wildcard) ||
        !find_hash(p, &wildcard, false, &n))
        return DENIAL_UNPROVEN;
    return unless_opt_out(e.opt_out);
}

static enum denial nsec3_denies_type(struct proofs *p, const struct dns_name *name, uint16_t type)
{
    struct nsec3 n;
    struct encloser e;
    struct dns_name wildcard;
    if (find_hash(p, name, true, &n))
        return types_deny(n.types, type, name->len == 1) ? DENIAL_PROVEN : DENIAL_UNPROVEN;
    if (!find_encloser(p, name, &e))
        return DENIAL_UNPROVEN;
    if (name_wildcard(&e.name, &wildcard) && find_hash(p, &wildcard, true, &n))
        return types_deny(n.types, type, false) ? unless_opt_out(e.opt_out) : DENIAL_UNPROVEN;
    /* Under opt-out there may be an unsigned delegation, or a name that only has those below it. */
    return e.opt_out ? DENIAL_INSECURE : DENIAL_UNPROVEN;
}

static enum denial nsec3_denies_closer(struct proofs *p, const struct dns_name *name, unsigned labels)
{
    struct nsec3 n;
    struct dns_name closer = name_tail(name, labels + 1);
    return find_hash(p, &closer, false, &n) ? unless_opt_out(n.opt_out) : DENIAL_UNPROVEN;
}

static enum ds_absence nsec3_delegation(struct proofs *p, const struct dns_name *name)
{
    struct nsec3 n;
    struct encloser e;
    if (find_hash(p, name, true, &n))
        return delegation_of(n.types);
    if (!find_encloser(p, name, &e))
        return DELEGATION_UNPROVEN;
    return e.opt_out ? DELEGATION_INSECURE : DELEGATION_NONE;
}

/* Both */

enum denial denial_name(struct proofs *p, const struct dns_name *name)
{
    if (nsec_denies_name(p, name))
        return DENIAL_PROVEN;
    return too_dear(p) ? DENIAL_INSECURE : p->nsec3_count ? nsec3_denies_name(p, name) : DENIAL_UNPROVEN;
}

enum denial denial_type(struct proofs *p, const struct dns_name *name, uint16_t type)
{
    if (nsec_denies_type(p, name, type))
        return DENIAL_PROVEN;
    return too_dear(p)      ? DENIAL_INSECURE
           : p->nsec3_count ? nsec3_denies_type(p, name, type)
                            : DENIAL_UNPROVEN;
}

enum denial denial_closer(struct proofs *p, const struct dns_name *name, unsigned labels)
{
    if (nsec_denies_closer(p, name, labels))
        return DENIAL_PROVEN;
    return too_dear(p)      ? DENIAL_INSECURE
           : p->nsec3_count ? nsec3_denies_closer(p, name, labels)
                            : DENIAL_UNPROVEN;
}

enum ds_absence denial_delegation(struct proofs *p, const struct dns_name *name)
{
    enum ds_absence d = nsec_delegation(p, name);
    if (d != DELEGATION_UNPROVEN)
        return d;
    return too_dear(p) ? DELEGATION_INSECURE : p->nsec3_count ? nsec3_delegation(p, name) : d;
}
