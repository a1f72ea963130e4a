/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust anchors that follow their zones' keys (RFC 5011). Pure: times are arguments.
 *
 * A new key that the trusted ones sign for 30 days is trusted as well; one that says of itself that it is
 * revoked is not trusted again. What the operator configured is trusted from the start, until it is revoked.
 * All is kept as text, bound to the configured anchors it came from: with others, it begins anew. */
#ifndef POLYNYA_VALIDATOR_ROLLOVER_H
#define POLYNYA_VALIDATOR_ROLLOVER_H

#include "resolver/validator/anchors.h"
#include "resolver/validator/judge.h"

enum {
    ROLLOVER_KEYS = 64,
    ROLLOVER_PENDING = 8, /* of one zone, not trusted yet */
    ROLLOVER_RDATA_MAX = 1100,
    ROLLOVER_TEXT_MAX = ROLLOVER_KEYS * 2048,
    ROLLOVER_HOLD = 30 * 86400, /* seconds a key waits, and a revoked one is remembered: 2.4.1, 2.4.2 */
    ROLLOVER_ASK_MIN = 3600,    /* seconds between two questions: 2.3 */
    ROLLOVER_ASK_MAX = 15 * 86400
};

/* RFC 5011 4.2; a key that was removed is in none. */
enum rollover_state { ROLLOVER_ADDED, ROLLOVER_VALID, ROLLOVER_MISSING, ROLLOVER_REVOKED };

struct rollover_key {
    struct dns_name zone; /* lower-cased */
    enum rollover_state state;
    int64_t since; /* Unix seconds */
    uint16_t len;
    uint8_t rdata[ROLLOVER_RDATA_MAX]; /* a DNSKEY, without the bit for revoked */
};

struct rollover {
    uint64_t source; /* what the configured anchors are, in short */
    unsigned count;
    struct rollover_key key[ROLLOVER_KEYS];
};

/* Empty, bound to the configured anchors. */
void rollover_init(struct rollover *r, const struct anchors *configured);
/* Reads what rollover_write wrote. False, and r is empty, if it is not whole or came from other anchors. */
bool rollover_read(struct rollover *r, const struct anchors *configured, struct bytes text);
/* The text's length; 0 if cap is too small. */
size_t rollover_write(const struct rollover *r, char *out, size_t cap);
/* Makes the configured anchors what is trusted now: without revoked keys, with the valid ones that are new.
 * False without memory. */
bool rollover_apply(const struct rollover *r, struct anchors *anchors);

struct rollover_news {
    bool changed;       /* the text is to be kept */
    bool trusted;       /* the reply was signed by a trusted key */
    uint32_t ask_again; /* seconds */
    /* What happened to keys, for the log. */
    unsigned count;
    struct {
        const char *what; /* added, valid, missing, back, revoked, removed */
        uint16_t tag;
    } event[ROLLOVER_KEYS];
};

/* Takes the reply in bench->sets to the question for zone's DNSKEY. */
void rollover_update(struct rollover *r, const struct anchors *configured, const struct dns_name *zone,
                     struct bench *bench, int64_t now, struct rollover_news *out);

#endif
