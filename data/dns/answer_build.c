/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An upstream's reply made into an answer block: answer_build of answer.h.
 *
 * The reply is hostile. The chain of names is walked from the question along the list of its RRs, and only
 * what a step asks for is copied, in the order a stub needs it. So the cost is RRs × links of the chain at
 * most, and the output cannot hold what nobody asked for. */
#include "data/dns/answer.h"

#include "data/dns/compress.h"
#include "data/dns/reply_list.h"

enum {
    LINKS_MAX = 11,
    ZONES_MAX = LINKS_MAX + 2,   /* one signer per step of the chain, and the SOA's */
    WIRE_MAX = DNS_MSG_MAX - 11, /* the client's OPT must fit */
    SOA_MINIMUM_FROM_END = 4,
    RRSIG_SIGNER = 18
};

struct build {
    const struct dns_query *q;
    const struct answer_limits *limits;
    struct reply_list list;
    struct dns_name zones[ZONES_MAX]; /* whose denials of existence belong to this answer */
    unsigned zone_count;
    struct name_table table;
    struct writer w;
    uint16_t ttl_at[ANSWER_RRS_MAX];
    unsigned ttl_count;
    unsigned count[3];
    uint32_t ttl; /* least of all written */
    uint8_t flags;
};

/* A TTL with the high bit set means 0 (RFC 2181 8). */
static uint32_t clamp_ttl(const struct build *b, uint32_t ttl)
{
    ttl = ttl > INT32_MAX ? 0 : ttl;
    ttl = ttl < b->limits->ttl_min ? b->limits->ttl_min : ttl;
    return ttl > b->limits->ttl_max ? b->limits->ttl_max : ttl;
}

static void add_zone(struct build *b, const struct dns_name *zone)
{
    if (b->zone_count < ZONES_MAX)
        b->zones[b->zone_count++] = *zone;
}

static bool in_zones(const struct build *b, const struct dns_name *name)
{
    for (unsigned i = 0; i < b->zone_count; i++)
        if (name_within(name, &b->zones[i]))
            return true;
    return false;
}

/* *pointer keeps what an owner became for the next RR that has it, so that the table is asked once an RRset;
 * 0 before. */
static void put_owner(struct build *b, const struct dns_name *owner, uint16_t *pointer)
{
    size_t at = b->w.len;
    if (*pointer)
        writer_u16(&b->w, *pointer);
    else
        name_put(&b->table, &b->w, owner);
    if (!b->w.full && b->w.data[at] >= 0xc0)
        *pointer = get_u16(b->w.data + at);
}

/* Writes one RR. False if its RDATA is malformed; too long a message shows in w.full. */
static bool put_rr(struct build *b, const struct dns_rr *rr, const struct dns_name *owner, uint16_t *pointer,
                   uint32_t ttl)
{
    put_owner(b, owner, pointer);
    writer_u16(&b->w, rr->type);
    writer_u16(&b->w, DNS_CLASS_IN);
    size_t ttl_at = b->w.len;
    writer_u32(&b->w, ttl);
    if (!rr_put_rdata(&b->w, &b->table, b->list.reply, rr))
        return false;
    if (b->w.full)
        return false;
    b->ttl_at[b->ttl_count++] = (uint16_t)ttl_at;
    b->count[rr->section]++;
    if (rr->type == DNS_RRSIG)
        b->flags |= ANSWER_SIGNED;
    b->ttl = ttl < b->ttl ? ttl : b->ttl;
    return true;
}

/* Writes all that matches, as one RRset with its signatures: one TTL, the least (RFC 2181 5.2). */
static bool put_matches(struct build *b, struct reply_want *want, uint32_t ttl_max)
{
    uint32_t ttl = ttl_max;
    uint16_t pointer = 0;
    for (unsigned i = 0; i < b->list.count; i++) {
        uint32_t own = clamp_ttl(b, b->list.item[i].rr.ttl);
        if (own < ttl && reply_matches(&b->list, &b->list.item[i], want))
            ttl = own;
    }
    for (unsigned i = 0; i < b->list.count; i++) {
        const struct dns_rr *rr = &b->list.item[i].rr;
        /* A DNAME that the chain passes twice stands there once. */
        if (b->list.item[i].written || !reply_matches(&b->list, &b->list.item[i], want))
            continue;
        if (!put_rr(b, rr, want->owner, &pointer, ttl))
            return false;
        b->list.item[i].written = true;
    }
    return true;
}

/* The signer of want's RRset, if it is signed by a zone that its owner is in, may deny other names in this
 * answer. */
static void note_signer(struct build *b, struct reply_want *want)
{
    struct dns_name signer;
    if (!b->list.signatures)
        return;
    for (unsigned i = 0; i < b->list.count; i++) {
        const struct dns_rr *rr = &b->list.item[i].rr;
        if (rr_covers(rr) == 0 || !reply_matches(&b->list, &b->list.item[i], want))
            continue;
        if (reply_name_in(&b->list, rr, RRSIG_SIGNER, &signer) && name_within(want->owner, &signer)) {
            add_zone(b, &signer);
            return;
        }
    }
}

static bool put_set(struct build *b, const struct dns_name *owner, uint16_t type)
{
    struct reply_want want = reply_want_of(DNS_ANSWER, owner, type);
    note_signer(b, &want);
    return put_matches(b, &want, b->limits->ttl_max);
}

/* name with the DNAME's owner replaced by its target (RFC 6672 2.2); false if it would be too long. */
static bool substitute(const struct dns_name *name, const struct dns_name *owner,
                       const struct dns_name *target, struct dns_name *out)
{
    size_t keep = (size_t)(name->len - owner->len);
    if (keep + target->len > DNS_NAME_MAX)
        return false;
    memcpy(out->wire, name->wire, keep);
    memcpy(out->wire + keep, target->wire, target->len);
    out->len = (uint8_t)(keep + target->len);
    return true;
}

/* Puts the DNAME above name that explains why name's CNAME leads to target, if there is one. */
static bool put_dname(struct build *b, const struct dns_name *name, const struct dns_name *target)
{
    for (unsigned i = 0; i < b->list.count; i++) {
        const struct reply_item *item = &b->list.item[i];
        struct dns_name owner, dname, made;
        if (item->rr.type != DNS_DNAME || item->rr.section != DNS_ANSWER)
            continue;
        reply_owner(&b->list, item, &owner);
        if (owner.len >= name->len || !name_within(name, &owner) ||
            !reply_name_in(&b->list, &item->rr, 0, &dname))
            continue;
        if (substitute(name, &owner, &dname, &made) && name_equal(&made, target))
            return put_set(b, &owner, DNS_DNAME);
    }
    return true;
}

/* How the walk along the chain ended. */
enum chain { CHAIN_DATA, CHAIN_EMPTY, CHAIN_BAD };

/* Follows CNAMEs from the question and writes them and the RRset they end at; name is left at the end. */
static enum chain put_chain(struct build *b, struct dns_name *name)
{
    unsigned count;
    for (unsigned links = 0;; links++) {
        struct reply_want data = reply_want_of(DNS_ANSWER, name, b->q->type);
        const struct reply_item *found = reply_find(&b->list, &data, &count);
        struct dns_name target;
        /* Who asks for a CNAME made from a DNAME needs that to believe it. */
        if (found && b->q->type == DNS_CNAME && reply_name_in(&b->list, &found->rr, 0, &target) &&
            !put_dname(b, name, &target))
            return CHAIN_BAD;
        if (found)
            return put_set(b, name, b->q->type) ? CHAIN_DATA : CHAIN_BAD;
        struct reply_want cname = reply_want_of(DNS_ANSWER, name, DNS_CNAME);
        const struct reply_item *item = reply_find(&b->list, &cname, &count);
        if (!item)
            return CHAIN_EMPTY;
        if (count > 1 || links == LINKS_MAX || !reply_name_in(&b->list, &item->rr, 0, &target))
            return CHAIN_BAD;
        if (!put_dname(b, name, &target) || !put_set(b, name, DNS_CNAME))
            return CHAIN_BAD;
        *name = target;
    }
}

/* The SOA of the closest zone that holds name. */
static const struct reply_item *find_soa(const struct build *b, const struct dns_name *name,
                                         struct dns_name *zone)
{
    const struct reply_item *best = NULL;
    struct dns_name owner;
    for (unsigned i = 0; i < b->list.count; i++) {
        if (b->list.item[i].rr.section != DNS_AUTHORITY || b->list.item[i].rr.type != DNS_SOA)
            continue;
        reply_owner(&b->list, &b->list.item[i], &owner);
        if (name_within(name, &owner) && (!best || owner.len > zone->len)) {
            best = &b->list.item[i];
            *zone = owner;
        }
    }
    return best;
}

/* Who signed a proof about name, where there is no SOA to tell its zone by. */
static void note_denier(struct build *b, const struct dns_name *name)
{
    struct dns_name signer;
    for (unsigned i = 0; b->list.signatures && i < b->list.count; i++) {
        const struct dns_rr *rr = &b->list.item[i].rr;
        uint16_t type = rr->section == DNS_AUTHORITY ? rr_covers(rr) : 0;
        if ((type == DNS_NSEC || type == DNS_NSEC3) && reply_name_in(&b->list, rr, RRSIG_SIGNER, &signer) &&
            name_within(name, &signer)) {
            add_zone(b, &signer);
            return;
        }
    }
}

/* The SOA and how long the denial lives: the least of its TTL, MINIMUM (RFC 2308 5) and our own bound;
 * without a SOA, not at all. */
static bool put_soa(struct build *b, const struct dns_name *name)
{
    struct dns_name zone;
    const struct reply_item *soa = find_soa(b, name, &zone);
    if (!soa) {
        b->ttl = 0;
        note_denier(b, name);
        return true;
    }
    if (soa->rr.rdata.len < SOA_MINIMUM_FROM_END)
        return false;
    uint32_t minimum = get_u32(soa->rr.rdata.data + soa->rr.rdata.len - SOA_MINIMUM_FROM_END);
    minimum = minimum > INT32_MAX ? 0 : minimum;
    uint32_t ttl_max = minimum < b->limits->negative_max ? minimum : b->limits->negative_max;
    struct reply_want want = reply_want_of(DNS_AUTHORITY, &zone, DNS_SOA);
    if (!put_matches(b, &want, ttl_max))
        return false;
    if (b->list.signatures)
        add_zone(b, &zone);
    return true;
}

/* NSEC and NSEC3 with their signatures, of the zones that this answer comes from. */
static bool put_proofs(struct build *b)
{
    struct dns_name owner;
    for (unsigned i = 0; i < b->list.count; i++) {
        const struct dns_rr *rr = &b->list.item[i].rr;
        uint16_t type = rr->type == DNS_RRSIG ? rr_covers(rr) : rr->type;
        if (rr->section != DNS_AUTHORITY || (type != DNS_NSEC && type != DNS_NSEC3))
            continue;
        reply_owner(&b->list, &b->list.item[i], &owner);
        if (!in_zones(b, &owner))
            continue;
        uint16_t pointer = 0;
        if (!put_rr(b, rr, &owner, &pointer, clamp_ttl(b, rr->ttl)))
            return false;
    }
    return true;
}

static void put_header(struct build *b, uint16_t rcode)
{
    writer_u16(&b->w, 0);
    writer_u16(&b->w, (uint16_t)(DNS_QR | DNS_RA | rcode));
    writer_u16(&b->w, 1);
    writer_u16(&b->w, 0); /* the counts follow in seal */
    writer_u32(&b->w, 0);
    struct dns_name name = b->q->name;
    name_lower(&name);
    name_put(&b->table, &b->w, &name);
    writer_u16(&b->w, b->q->type);
    writer_u16(&b->w, b->q->class);
}

/* Whether a reply with these flags can be used at all. */
static bool flags_fit(uint16_t flags)
{
    uint16_t rcode = flags & DNS_RCODE;
    return (flags & (DNS_QR | DNS_OPCODE | DNS_TC)) == DNS_QR &&
           (rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN);
}

static bool put_all(struct build *b, uint16_t rcode)
{
    struct dns_name name = b->q->name;
    put_header(b, rcode);
    enum chain end = put_chain(b, &name);
    if (end == CHAIN_BAD || (end == CHAIN_DATA && rcode != DNS_NOERROR))
        return false;
    if (end == CHAIN_EMPTY) {
        b->flags |= ANSWER_NEGATIVE;
        if (!put_soa(b, &name))
            return false;
    }
    return put_proofs(b) && !b->w.full;
}

/* Not zeroed whole: it is 150 KiB, most of it never used. */
static void build_init(struct build *b, const struct dns_query *q, const struct answer_limits *limits,
                       uint8_t *block)
{
    b->q = q;
    b->limits = limits;
    b->zone_count = b->ttl_count = 0;
    memset(b->count, 0, sizeof b->count);
    b->ttl = limits->ttl_max;
    b->flags = 0;
    name_table_init(&b->table);
    b->w = writer_of(block + sizeof(struct answer_head) + sizeof b->ttl_at, WIRE_MAX);
}

static size_t seal(struct build *b, uint16_t rcode, uint32_t now, uint8_t *block)
{
    for (unsigned i = 0; i < 3; i++)
        put_u16(b->w.data + 6 + 2 * i, (uint16_t)b->count[i]);
    struct answer_head head = {.version = ANSWER_VERSION,
                               .flags = b->flags,
                               .rcode = rcode,
                               .stored = now,
                               .ttl = b->ttl,
                               .ttl_count = (uint16_t)b->ttl_count,
                               .wire_len = (uint16_t)b->w.len};
    return answer_seal(&head, b->ttl_at, b->w.data, block, ANSWER_BLOCK_MAX);
}

size_t answer_build(const struct dns_query *q, struct bytes reply, uint32_t now,
                    const struct answer_limits *limits, uint8_t block[ANSWER_BLOCK_MAX])
{
    struct build b;
    if (reply.len < DNS_HEADER || reply.len > DNS_MSG_MAX || !flags_fit(get_u16(reply.data + 2)))
        return 0;
    uint16_t rcode = get_u16(reply.data + 2) & DNS_RCODE;
    build_init(&b, q, limits, block);
    if (!reply_list_init(&b.list, reply, q->edns.dnssec_ok) || !put_all(&b, rcode))
        return 0;
    return seal(&b, rcode, now, block);
}
