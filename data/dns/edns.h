/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EDNS(0) (RFC 6891): the OPT RR read and written, with padding (RFC 7830, RFC 8467), EDE (RFC 8914)
 * and edns-tcp-keepalive (RFC 7828).
 *
 * Options we do not use are skipped by length; client subnet is one of them, so it is never kept nor
 * forwarded. */
#ifndef POLYNYA_DNS_EDNS_H
#define POLYNYA_DNS_EDNS_H

#include "data/base/bytes.h"

struct dns_edns;

enum edns_option_code {
    EDNS_CLIENT_SUBNET = 8,
    EDNS_COOKIE = 10,
    EDNS_KEEPALIVE = 11,
    EDNS_PADDING = 12,
    EDNS_EDE = 15
};
/* The UDP size we offer; block sizes of RFC 8467 4.1; how much EXTRA-TEXT is sent. */
enum { EDNS_UDP_SIZE = 1232, EDNS_BLOCK_QUERY = 128, EDNS_BLOCK_ANSWER = 468, EDNS_TEXT_MAX = 256 };
/* Bytes of an OPT without options. */
enum { EDNS_OPT_FIXED = 11 };

struct edns_option {
    uint16_t code;
    struct bytes data;
};

/* Takes the first option off rest. False at the end, and when the bytes make no sense: then rest is not
 * empty. */
bool edns_next(struct bytes *rest, struct edns_option *out);
/* Fills out from an OPT's CLASS, TTL and RDATA. False if the options do not add up: what the fixed part said
 * is there all the same. */
bool edns_read(uint16_t class, uint32_t ttl, struct bytes rdata, struct dns_edns *out);

struct edns_reply {
    uint16_t udp_size;
    uint16_t rcode; /* all 12 bits; the upper 8 go into the OPT */
    bool dnssec_ok;
    int ede;           /* INFO-CODE, -1 for none */
    struct bytes text; /* EXTRA-TEXT, cut at EDNS_TEXT_MAX */
    bool keepalive;    /* tells idle, in tenths of a second (RFC 7828) */
    uint16_t idle;
    uint16_t block; /* pads the whole message to a multiple of this; 0: no padding */
};

/* Appends the OPT to the message that w holds from its start. The message never exceeds 65535 bytes: EDE,
 * then padding, are left out or cut for that; w is full if not even the bare OPT fits. ARCOUNT is the
 * caller's. */
void edns_write(struct writer *w, const struct edns_reply *e);

/* "Forged Answer"; "" for codes without a name (RFC 8914 5.2 and the IANA registry). */
const char *edns_ede_name(uint16_t code);

#endif
