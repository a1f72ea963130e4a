/* SPDX-License-Identifier: GPL-3.0-or-later */
/* An upstream's reply made into an answer block: answer_build of answer.h.
 *
 * The reply is hostile. Its RRs are listed once (bounded, with a hash of each owner), then the chain of names
 * is walked from the question, and only what a step asks for is copied, in the order a stub needs it. So the
 * cost is RRs × links of the chain at most, each a comparison of two hashes, and the output cannot hold what
 * nobody asked for. */
#include "data/dns/answer.h"

#include "data/dns/compress.h"
#include "data/dns/rr.h"

enum {
    LINKS_MAX = 11,
    ZONES_MAX = LINKS_MAX + 2,   /* one signer per step of the chain, and the SOA's */
    WIRE_MAX = DNS_MSG_MAX - 11, /* the client's OPT must fit */
    SOA_MINIMUM_FROM_END = 4,
    RRSIG_SIGNER = 18
};

struct item {
    struct dns_rr rr;
    uint32_t owner_hash;
    uint16_t run; /* neighbours whose owners are the same pointer share it: what holds for one owner holds for
                     all */
    bool written;
};

struct build {
    const struct dns_query *q;
    const struct answer_limits *limits;
    struct bytes reply;
    struct item items[ANSWER_RRS_MAX];
    unsigned item_count;
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

/* What one step looks for: RRs of one owner. */
struct want {
    enum dns_section section;
    const struct dns_name *owner;
    uint32_t hash;
    uint16_t type;
    uint16_t run; /* the last one found to have this owner; 0: none yet */
};

static uint32_t hash_name(const struct dns_name *name)
{
    uint32_t hash = 2166136261;
    for (unsigned i = 0; i < name->len; i++)
        hash = (hash ^ ascii_lower(name->wire[i])) * 16777619;
    return hash;
}

static struct want want_of(enum dns_section section, const struct dns_name *owner, uint16_t type)
{
    return (struct want){section, owner, hash_name(owner), type, 0};
}

/* Whether the owners at two offsets are the same pointer, as they mostly are within an RRset. */
static bool same_pointer(struct bytes message, size_t a, size_t b)
{
    return message.data[a] >= 0xc0 && get_u16(message.data + a) == get_u16(message.data + b);
}

/* Fills in the owner's hash and run; false if the name cannot be read. */
static bool list_owner(const struct build *b, struct item *item, const struct item *previous)
{
    struct dns_name owner;
    size_t at = item->rr.owner;
    if (previous && same_pointer(b->reply, at, previous->rr.owner)) {
        item->owner_hash = previous->owner_hash;
        item->run = previous->run;
        return true;
    }
    if (!name_read(b->reply, &at, &owner))
        return false;
    item->owner_hash = hash_name(&owner);
    item->run = (uint16_t)(previous ? previous->run + 1 : 1);
    return true;
}

/* Lists the RRs of class IN of the first two sections. False if the message is malformed or has too many. */
static bool list_items(struct build *b)
{
    struct msg_iter it;
    struct dns_rr rr;
    unsigned seen = 0;
    if (!msg_iter_init(&it, b->reply))
        return false;
    while (msg_next(&it, &rr)) {
        struct item *item = &b->items[b->item_count];
        if (++seen > ANSWER_RRS_MAX)
            return false;
        *item = (struct item){.rr = rr};
        if (!list_owner(b, item, b->item_count ? item - 1 : NULL))
            return false;
        b->item_count += rr.section != DNS_ADDITIONAL && rr.class == DNS_CLASS_IN && rr.type != DNS_OPT;
    }
    return !it.malformed;
}

static void owner_of(const struct build *b, const struct item *item, struct dns_name *out)
{
    size_t at = item->rr.owner;
    (void)name_read(b->reply, &at, out); /* it could be read when the item was listed */
}

static bool owned_by(const struct build *b, const struct item *item, struct want *want)
{
    struct dns_name owner;
    if (item->rr.section != want->section || item->owner_hash != want->hash)
        return false;
    if (item->run == want->run)
        return true;
    owner_of(b, item, &owner);
    if (!name_equal(&owner, want->owner))
        return false;
    want->run = item->run;
    return true;
}

static bool type_wanted(const struct build *b, const struct dns_rr *rr, uint16_t type)
{
    return rr->type == type || type == DNS_ANY || (b->q->edns.dnssec_ok && rr_covers(rr) == type);
}

static bool matches(const struct build *b, const struct item *item, struct want *want)
{
    return type_wanted(b, &item->rr, want->type) && owned_by(b, item, want);
}

/* The first RR of just this type (any for ANY); *count says how many there are. */
static const struct item *find(const struct build *b, struct want *want, unsigned *count)
{
    const struct item *first = NULL;
    *count = 0;
    for (unsigned i = 0; i < b->item_count; i++) {
        const struct item *item = &b->items[i];
        if ((item->rr.type != want->type && want->type != DNS_ANY) || !owned_by(b, item, want))
            continue;
        first = first ? first : item;
        ++*count;
    }
    return first;
}

/* Reads the name that makes up, or begins at `skip` in, an RR's RDATA. */
static bool name_in_rdata(const struct build *b, const struct dns_rr *rr, size_t skip, struct dns_name *out)
{
    size_t at = (size_t)(rr->rdata.data - b->reply.data) + skip;
    size_t end = at - skip + rr->rdata.len;
    return rr->rdata.len > skip && name_read(b->reply, &at, out) && at <= end;
}

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
    if (!rr_put_rdata(&b->w, &b->table, b->reply, rr))
        return false;
    if (b->w.full)
        return false;
    b->ttl_at[b->ttl_count++] = (uint16_t)ttl_at;
    b->count[rr->section]++;
    b->ttl = ttl < b->ttl ? ttl : b->ttl;
    return true;
}

/* Writes all that matches, as one RRset with its signatures: one TTL, the least (RFC 2181 5.2). */
static bool put_matches(struct build *b, struct want *want, uint32_t ttl_max)
{
    uint32_t ttl = ttl_max;
    uint16_t pointer = 0;
    for (unsigned i = 0; i < b->item_count; i++) {
        uint32_t own = clamp_ttl(b, b->items[i].rr.ttl);
        if (own < ttl && matches(b, &b->items[i], want))
            ttl = own;
    }
    for (unsigned i = 0; i < b->item_count; i++) {
        const struct dns_rr *rr = &b->items[i].rr;
        /* A DNAME that the chain passes twice stands there once. */
        if (b->items[i].written || !matches(b, &b->items[i], want))
            continue;
        if (!put_rr(b, rr, want->owner, &pointer, ttl))
            return false;
        b->items[i].written = true;
        if (rr->type == DNS_RRSIG && want->section == DNS_ANSWER)
            b->flags |= ANSWER_SIGNED;
    }
    return true;
}

/* The signer of want's RRset, if it is signed by a zone that its owner is in, may deny other names in this
 * answer. */
static void note_signer(struct build *b, struct want *want)
{
    struct dns_name signer;
    if (!b->q->edns.dnssec_ok)
        return;
    for (unsigned i = 0; i < b->item_count; i++) {
        const struct dns_rr *rr = &b->items[i].rr;
        if (rr_covers(rr) == 0 || !matches(b, &b->items[i], want))
            continue;
        if (name_in_rdata(b, rr, RRSIG_SIGNER, &signer) && name_within(want->owner, &signer)) {
            add_zone(b, &signer);
            return;
        }
    }
}

static bool put_set(struct build *b, const struct dns_name *owner, uint16_t type)
{
    struct want want = want_of(DNS_ANSWER, owner, type);
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
    for (unsigned i = 0; i < b->item_count; i++) {
        const struct item *item = &b->items[i];
        struct dns_name owner, dname, made;
        if (item->rr.type != DNS_DNAME || item->rr.section != DNS_ANSWER)
            continue;
        owner_of(b, item, &owner);
        if (owner.len >= name->len || !name_within(name, &owner) || !name_in_rdata(b, &item->rr, 0, &dname))
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
        struct want data = want_of(DNS_ANSWER, name, b->q->type);
        const struct item *found = find(b, &data, &count);
        struct dns_name target;
        /* Who asks for a CNAME made from a DNAME needs that to believe it. */
        if (found && b->q->type == DNS_CNAME && name_in_rdata(b, &found->rr, 0, &target) &&
            !put_dname(b, name, &target))
            return CHAIN_BAD;
        if (found)
            return put_set(b, name, b->q->type) ? CHAIN_DATA : CHAIN_BAD;
        struct want cname = want_of(DNS_ANSWER, name, DNS_CNAME);
        const struct item *item = find(b, &cname, &count);
        if (!item)
            return CHAIN_EMPTY;
        if (count > 1 || links == LINKS_MAX || !name_in_rdata(b, &item->rr, 0, &target))
            return CHAIN_BAD;
        if (!put_dname(b, name, &target) || !put_set(b, name, DNS_CNAME))
            return CHAIN_BAD;
        *name = target;
    }
}

/* The SOA of the closest zone that holds name. */
static const struct item *find_soa(const struct build *b, const struct dns_name *name, struct dns_name *zone)
{
    const struct item *best = NULL;
    struct dns_name owner;
    for (unsigned i = 0; i < b->item_count; i++) {
        if (b->items[i].rr.section != DNS_AUTHORITY || b->items[i].rr.type != DNS_SOA)
            continue;
        owner_of(b, &b->items[i], &owner);
        if (name_within(name, &owner) && (!best || owner.len > zone->len)) {
            best = &b->items[i];
            *zone = owner;
        }
    }
    return best;
}

/* Who signed a proof about name, where there is no SOA to tell its zone by. */
static void note_denier(struct build *b, const struct dns_name *name)
{
    struct dns_name signer;
    for (unsigned i = 0; b->q->edns.dnssec_ok && i < b->item_count; i++) {
        const struct dns_rr *rr = &b->items[i].rr;
        uint16_t type = rr->section == DNS_AUTHORITY ? rr_covers(rr) : 0;
        if ((type == DNS_NSEC || type == DNS_NSEC3) && name_in_rdata(b, rr, RRSIG_SIGNER, &signer) &&
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
    const struct item *soa = find_soa(b, name, &zone);
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
    struct want want = want_of(DNS_AUTHORITY, &zone, DNS_SOA);
    if (!put_matches(b, &want, ttl_max))
        return false;
    if (b->q->edns.dnssec_ok)
        add_zone(b, &zone);
    return true;
}

/* NSEC and NSEC3 with their signatures, of the zones that this answer comes from. */
static bool put_proofs(struct build *b)
{
    struct dns_name owner;
    for (unsigned i = 0; i < b->item_count; i++) {
        const struct dns_rr *rr = &b->items[i].rr;
        uint16_t type = rr->type == DNS_RRSIG ? rr_covers(rr) : rr->type;
        if (rr->section != DNS_AUTHORITY || (type != DNS_NSEC && type != DNS_NSEC3))
            continue;
        owner_of(b, &b->items[i], &owner);
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
    writer_u16(&b->w, 0); /* the counts follow in answer_build */
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

size_t answer_build(const struct dns_query *q, struct bytes reply, uint32_t now,
                    const struct answer_limits *limits, uint8_t block[ANSWER_BLOCK_MAX])
{
    struct build b;
    if (reply.len < DNS_HEADER || reply.len > DNS_MSG_MAX || !flags_fit(get_u16(reply.data + 2)))
        return 0;
    /* Not zeroed whole: it is 150 KiB, most of it never used. */
    b.q = q;
    b.limits = limits;
    b.reply = reply;
    b.item_count = b.zone_count = b.ttl_count = 0;
    memset(b.count, 0, sizeof b.count);
    b.ttl = limits->ttl_max;
    b.flags = 0;
    name_table_init(&b.table);
    size_t room = sizeof(struct answer_head) + sizeof b.ttl_at;
    b.w = writer_of(block + room, WIRE_MAX);
    uint16_t rcode = get_u16(reply.data + 2) & DNS_RCODE;
    if (!list_items(&b) || !put_all(&b, rcode))
        return 0;
    for (unsigned i = 0; i < 3; i++)
        put_u16(b.w.data + 6 + 2 * i, (uint16_t)b.count[i]);
    struct answer_head head = {.version = ANSWER_VERSION,
                               .flags = b.flags,
                               .rcode = rcode,
                               .stored = now,
                               .ttl = b.ttl,
                               .ttl_count = (uint16_t)b.ttl_count,
                               .wire_len = (uint16_t)b.w.len};
    return answer_seal(&head, b.ttl_at, b.w.data, block, ANSWER_BLOCK_MAX);
}
