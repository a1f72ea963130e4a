/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A question as it is sent upstream, and the judgement whether a message answers it. Pure: no socket, no
 * state.
 *
 * The case of the name's letters is drawn at random (0x20, draft-vixie-dnsext-dns0x20): a forger who sees
 * nothing has to guess it with the port and the ID. A reply's bytes are an attacker's; judging them is linear
 * in their length. Client subnet is never sent. */
#ifndef POLYNYA_RESOLVER_ASKED_H
#define POLYNYA_RESOLVER_ASKED_H

#include "data/dns/msg.h"

/* Bytes of a query, padded at most; the EDNS buffer size we announce (DNS flag day 2020). */
enum { ASKED_MAX = 384, ASKED_UDP_SIZE = 1232 };

struct asked {
    struct dns_name name; /* lower-cased */
    uint16_t type;
    uint16_t flags;
    bool dnssec_ok;
    uint16_t len;                       /* of question */
    uint8_t question[DNS_QUESTION_MAX]; /* as sent: name in the drawn case, type, class */
};

/* How it is put for one server and transport. */
struct asked_form {
    uint16_t id;
    bool edns;
    /* With EDNS only: */
    bool keepalive; /* ask how long the connection may be idle (RFC 7828) */
    uint16_t block; /* pad to a multiple of this, a power of 2 up to 128 (RFC 8467); 0: do not */
};

enum asked_verdict {
    /* the reply belongs to the query */
    ASKED_ANSWER,    /* whole, NOERROR or NXDOMAIN */
    ASKED_TRUNCATED, /* TC is set: ask over TCP */
    ASKED_NO_EDNS,   /* FORMERR or NOTIMP without an OPT, or BADVERS: ask without OPT */
    ASKED_REFUSED,
    ASKED_FAILED, /* SERVFAIL, or any other RCODE */
    /* it does not, or makes no sense: drop it and wait on */
    ASKED_WRONG_ID,
    ASKED_WRONG_QUESTION,
    ASKED_WRONG_CASE, /* right but for the case of the name */
    ASKED_GARBLED
};

/* Takes name, type, DO and CD of q and draws the case. */
void asked_init(struct asked *a, const struct dns_query *q);
/* The query's bytes; returns their length, at most ASKED_MAX. Without edns DO cannot be told. */
size_t asked_write(const struct asked *a, const struct asked_form *form, uint8_t out[ASKED_MAX]);
/* What reply is to the query sent with id. any_case: the transport cannot be forged into (TCP), so case does
 * not count. */
enum asked_verdict asked_check(const struct asked *a, uint16_t id, bool any_case, struct bytes reply);
/* True if the question stands in reply byte by byte; reply must have passed asked_check with any_case. */
bool asked_same_case(const struct asked *a, struct bytes reply);
/* How long the server lets the connection be idle, in 100 ms (RFC 7828 3.1). False if it does not say. */
bool asked_keepalive(struct bytes reply, uint16_t *tenths);
/* Puts the lower-cased name into the question of a reply that passed asked_check. */
void asked_restore(const struct asked *a, uint8_t *reply, size_t len);

#endif
