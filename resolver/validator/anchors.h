/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Where trust begins, and where the operator withholds it.
 *
 * Trust anchors come from a file of DS and DNSKEY records in zone file form (one a line: owner, optional TTL,
 * optional IN, type, fields; ';' begins a comment), or are the root's key-signing keys of 2017 and 2024.
 * Below a negative anchor (RFC 7646) nothing is validated, unless a trust anchor stands closer. */
#ifndef POLYNYA_VALIDATOR_ANCHORS_H
#define POLYNYA_VALIDATOR_ANCHORS_H

#include "data/base/bytes.h"
#include "data/dns/msg.h"
#include "resolver/validator/key.h"

enum { ANCHORS_FILE_MAX = 1 << 20, ANCHORS_MAX = 1024 };

struct anchors;

/* One record that a zone's keys are held against. */
struct anchor {
    struct dns_name name; /* lower-cased */
    uint16_t type;        /* DNS_DS or DNS_DNSKEY */
    struct bytes rdata;
};

enum anchor_kind { ANCHOR_NONE, ANCHOR_TRUSTED, ANCHOR_NEGATIVE };

/* file NULL: the root's keys. negative are names in text. NULL if something is wrong: error says what. */
struct anchors *anchors_load(const char *file, const char *const *negative, unsigned negative_count,
                             char *error, size_t cap);
/* The same from text; file stands for it in messages. */
struct anchors *anchors_parse(const char *file, struct bytes text, const char *const *negative,
                              unsigned negative_count, char *error, size_t cap);
void anchors_free(struct anchors **a);
/* What stands at just this name (lower-cased). */
enum anchor_kind anchors_at(const struct anchors *a, const struct dns_name *name);
/* The name's trust anchors one after the other: *i begins at 0; NULL at the end. */
const struct anchor *anchors_next(const struct anchors *a, const struct dns_name *name, unsigned *i);

/* The i-th of all trust anchors; NULL behind the last. */
const struct anchor *anchors_get(const struct anchors *a, unsigned i);
/* Whether the anchor stands for this key. */
bool anchor_is(const struct anchor *a, struct crypto *crypto, const struct key *k);

/* What the trusted ones are, in short: others have another number. */
uint64_t anchors_digest(const struct anchors *a);
/* Trusts one more DNSKEY, if it is not yet. False without memory, or with ANCHORS_MAX. */
bool anchors_add(struct anchors *a, const struct dns_name *name, struct bytes rdata);
/* No longer trusts the DNSKEY. */
void anchors_revoke(struct anchors *a, struct crypto *crypto, const struct dns_name *name,
                    struct bytes rdata);

#endif
