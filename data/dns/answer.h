/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers rendered once and patched at every use.
 *
 * An answer block is one run of bytes, the same in the packet cache, in LMDB and in flight:
 *
 *   struct answer_head | ttl offsets (u16 × ttl_count) | DNS message without OPT
 *
 * The message's question holds the lower-cased name; answer_render copies it, sets ID, RD and CD, puts back
 * the question as asked, subtracts the age at the TTL offsets and appends OPT, EDE and padding. Blocks are
 * host-endian and never leave the machine; a block is only read through answer_open, which refuses what is
 * not whole. */
#ifndef POLYNYA_DNS_ANSWER_H
#define POLYNYA_DNS_ANSWER_H

#include "data/dns/msg.h"

enum { ANSWER_VERSION = 1, ANSWER_RRS_MAX = 2000 };
/* Bytes a block can take at most. */
enum { ANSWER_BLOCK_MAX = 64 + 2 * ANSWER_RRS_MAX + DNS_MSG_MAX };
/* Bytes that OPT with EDE, its text and padding add at most to a rendered answer. */
enum { ANSWER_OPT_MAX = 1024 };

enum answer_flag {
    ANSWER_SIGNED = 1,   /* an RRSIG stands in it, unless a verdict says that it is for nothing */
    ANSWER_NEGATIVE = 2, /* NXDOMAIN or NODATA */
    ANSWER_STEERED = 4,  /* made by us: never stored, cache-control private */
    ANSWER_SECURE = 8,   /* validated: AD is set for those who ask for it */
    ANSWER_CHECKED = 16, /* its verdict is known, and is not bogus */
    ANSWER_FILTERED = 32 /* made by us instead of what upstream said: private addresses */
};

struct answer_head {
    uint64_t
        checksum; /* SipHash of all that follows it, under a fixed key: against torn files, not forgers */
    uint8_t version;
    uint8_t flags;
    uint16_t rcode;
    uint32_t stored; /* Unix seconds at which the TTLs in the message are exact */
    uint32_t ttl;    /* seconds the answer lives from `stored`: least TTL, bounded by SOA TTL and MINIMUM if
                        negative */
    uint16_t ttl_count;
    uint16_t wire_len;
};

/* A block opened: everything borrowed from it. */
struct answer {
    struct answer_head head;
    const uint8_t *ttl_at; /* ttl_count × u16, host order, maybe unaligned */
    struct bytes wire;
};

/* Lays head (checksum not yet set), ttl_count offsets and wire_len bytes of message out as a block. wire may
 * lie in block itself, not before where it will stand. The block's length, 0 if cap is too small. */
size_t answer_seal(const struct answer_head *head, const uint16_t *ttl_at, const uint8_t *wire,
                   uint8_t *block, size_t cap);
/* False if the block is cut, foreign, or fails its checksum. `verify` false skips the checksum: for blocks
 * that never left this process' memory. */
bool answer_open(struct bytes block, bool verify, struct answer *out);

enum { ANSWER_KEY_DO = 1, ANSWER_KEY_CD = 2 }; /* in a key's last byte */
enum { ANSWER_KEY_REST = 5 };                  /* bytes of a key behind the name */
/* What a cached or upstream question is looked up by: lower-cased name, type, class, DO, CD. */
struct answer_key {
    uint16_t len;
    uint8_t data[DNS_NAME_MAX + ANSWER_KEY_REST];
};
void answer_key(const struct dns_query *q, struct answer_key *out);
bool answer_key_equal(const struct answer_key *a, const struct answer_key *b);

struct answer_limits {
    uint32_t ttl_max; /* seconds; longer TTLs are cut */
    uint32_t ttl_min;
    uint32_t negative_max;
};

/* Makes a block out of an upstream's reply to q: checks that it answers q (id and question are the caller's
 * to check), keeps the CNAME/DNAME chain from the question and the RRset at its end with their RRSIGs, and
 * for a negative answer SOA, NSEC, NSEC3 and RRSIGs of the authority section; drops all else. Names in the
 * RDATA of compressible types are written out again. A chain longer than 11, two CNAMEs at one owner, more
 * than ANSWER_RRS_MAX RRs, or a malformed message: 0. AD is cleared. Returns the block's length. */
size_t answer_build(const struct dns_query *q, struct bytes reply, uint32_t now,
                    const struct answer_limits *limits, uint8_t block[ANSWER_BLOCK_MAX]);

/* Changes flags of a sealed block and shortens its life to ttl_max seconds; the message's bytes may have
 * changed since it was sealed. */
void answer_mark(uint8_t *block, size_t len, uint8_t set, uint8_t clear, uint32_t ttl_max);

/* Builds an answer of our own, RR by RR. */
struct answer_builder {
    struct writer w; /* the message */
    uint8_t *block;
    uint16_t ttl_at[64];
    unsigned ttl_count;
    unsigned count[3];
    uint32_t ttl;
    uint16_t rcode;
    uint8_t flags;
};
void answer_begin(struct answer_builder *b, const struct dns_query *q, uint16_t rcode, uint8_t flags,
                  uint8_t *block, size_t cap);
/* Sections in order. owner NULL means the question's name. At most 64 RRs. */
void answer_add(struct answer_builder *b, enum dns_section section, const struct dns_name *owner,
                uint16_t type, uint32_t ttl, struct bytes rdata);
/* Adds the SOA of a zone of our own (authority section: for NODATA or NXDOMAIN): MNAME is zone, RNAME is
 * nobody.invalid. */
void answer_add_soa(struct answer_builder *b, enum dns_section section, const struct dns_name *zone,
                    uint32_t ttl);
/* The block's length, 0 if it did not fit. */
size_t answer_end(struct answer_builder *b, uint32_t now);

/* What a reply says about itself. */
struct answer_note {
    int ede;          /* RFC 8914 INFO-CODE, -1 for none */
    const char *text; /* EXTRA-TEXT, may be NULL */
};

/* Seconds of life left at `now`, 0 when over; never more than head.ttl however the clock moved. */
uint32_t answer_ttl_left(const struct answer *a, uint32_t now);
/* The reply to q. note may be NULL. Returns its length; 0 if cap is too small: wire.len + ANSWER_OPT_MAX is
 * always enough. */
size_t answer_render(const struct answer *a, const struct dns_query *q, uint32_t now,
                     const struct answer_note *note, uint8_t *out, size_t cap);
/* As answer_render for an answer past its life: every TTL becomes `ttl` (RFC 8767 4: 30 s). */
size_t answer_render_stale(const struct answer *a, const struct dns_query *q, uint32_t ttl,
                           const struct answer_note *note, uint8_t *out, size_t cap);
/* A reply without records: rcode, the question as asked if it could be read, EDE if q had an OPT. */
size_t answer_error(const struct dns_query *q, enum reason why, uint8_t *out, size_t cap);

#endif
