/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages as they come from the network: bounded parsing, nothing expanded.
 *
 * ldns' packet parser is not used here: its cost on hostile bytes has no bound (one message of 64 KiB can ask
 * it for gigabytes). Everything points into the message it was read from. */
#ifndef POLYNYA_DNS_MSG_H
#define POLYNYA_DNS_MSG_H

#include "data/base/reason.h"
#include "data/dns/name.h"

enum { DNS_HEADER = 12, DNS_MSG_MAX = 65535, DNS_QUESTION_MAX = DNS_NAME_MAX + 4 };

enum dns_type {
    DNS_A = 1,
    DNS_NS = 2,
    DNS_CNAME = 5,
    DNS_SOA = 6,
    DNS_PTR = 12,
    DNS_MX = 15,
    DNS_TXT = 16,
    DNS_AAAA = 28,
    DNS_DNAME = 39,
    DNS_OPT = 41,
    DNS_DS = 43,
    DNS_RRSIG = 46,
    DNS_NSEC = 47,
    DNS_DNSKEY = 48,
    DNS_NSEC3 = 50,
    DNS_SVCB = 64,
    DNS_HTTPS = 65,
    DNS_TSIG = 250,
    DNS_IXFR = 251,
    DNS_AXFR = 252,
    DNS_MAILB = 253,
    DNS_MAILA = 254,
    DNS_ANY = 255,
    DNS_CAA = 257
};
enum { DNS_CLASS_IN = 1 };
enum dns_flag {
    DNS_QR = 0x8000,
    DNS_AA = 0x0400,
    DNS_TC = 0x0200,
    DNS_RD = 0x0100,
    DNS_RA = 0x0080,
    DNS_AD = 0x0020,
    DNS_CD = 0x0010,
    DNS_OPCODE = 0x7800,
    DNS_RCODE = 0x000f
};
enum dns_rcode {
    DNS_NOERROR = 0,
    DNS_FORMERR = 1,
    DNS_SERVFAIL = 2,
    DNS_NXDOMAIN = 3,
    DNS_NOTIMP = 4,
    DNS_REFUSED = 5,
    DNS_BADVERS = 16
};

/* What a client's OPT said (RFC 6891). Unknown options are skipped; client subnet is never kept. */
struct dns_edns {
    bool present;
    bool dnssec_ok;
    bool padded;    /* a padding option was there: pad the answer (RFC 7830 4) */
    bool keepalive; /* edns-tcp-keepalive was there: tell how long a connection may be idle (RFC 7828) */
    uint16_t idle;  /* that, in tenths of a second; whoever knows the transport sets it */
    uint8_t version;
    uint16_t udp_size;
};

/* A client's question. `question` are the bytes as asked, to be echoed; `name` is lower-cased. */
struct dns_query {
    uint16_t id;
    uint16_t flags;
    uint16_t type;
    uint16_t class;
    struct bytes question; /* name, type, class inside the message; empty if it could not be read */
    struct dns_name name;
    struct dns_edns edns;
};

/* Parses a client's message. REASON_OK; REASON_HTTP_BAD_DNS if there is not even a header, or QR is set;
 * FORMERR, NOTIMP, REFUSED_CLASS, REFUSED_TYPE (AXFR, IXFR, MAILA, MAILB and meta types but ANY), BADVERS:
 * then id, flags, question and edns hold what could be read, enough for answer_error. Linear in the message's
 * length. */
enum reason query_parse(struct bytes message, struct dns_query *out);
/* A question made by ourselves: flags RD, an OPT of udp_size if it is not 0. w gets the message. */
void query_write(struct writer *w, uint16_t id, uint16_t flags, const struct dns_name *name, uint16_t type,
                 uint16_t udp_size, bool dnssec_ok);

enum dns_section { DNS_ANSWER, DNS_AUTHORITY, DNS_ADDITIONAL };

struct dns_rr {
    enum dns_section section;
    size_t owner; /* offset of the owner name in the message */
    uint16_t type;
    uint16_t class;
    uint32_t ttl;
    size_t ttl_at; /* offset of the TTL field */
    struct bytes rdata;
};

/* Walks the RRs of a message whose question section is well formed. */
struct msg_iter {
    struct bytes message;
    size_t offset;
    unsigned left[3];
    bool malformed; /* set when msg_next returned false because the bytes ended or made no sense */
};
/* False if the header or the question section is malformed. */
bool msg_iter_init(struct msg_iter *it, struct bytes message);
/* The next RR; false at the end. Trailing bytes behind the last RR set malformed. */
bool msg_next(struct msg_iter *it, struct dns_rr *rr);

/* Takes seconds off all TTLs, down to 0, as far as the message makes sense. A TTL with the high bit is 0 (RFC
 * 2181 8). */
void msg_age(uint8_t *message, size_t len, uint32_t seconds);

/* The first OPT of a message; false if there is none or the message is malformed. */
bool msg_find_opt(struct bytes message, struct dns_rr *opt);

/* "A", "HTTPS", "TYPE1234"; and back (either form, any case). */
void dns_type_format(uint16_t type, char out[16]);
bool dns_type_parse(struct bytes text, uint16_t *type);
/* "NOERROR", "NXDOMAIN", "RCODE23". */
void dns_rcode_format(unsigned rcode, char out[16]);

#endif
