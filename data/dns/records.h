/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The records of one zone, as a set: what a zone file or a transfer fills in, what an incremental transfer
 * changes, what is kept on disk.
 *
 * Two records are the same if owner, type and RDATA are; the TTL is no part of that. Owners are lower-case,
 * class is IN, RDATA is whole (no compression) and never interpreted here. Bounded: RECORDS_MAX records of
 * RECORDS_BYTES_MAX bytes in all. */
#ifndef POLYNYA_DNS_RECORDS_H
#define POLYNYA_DNS_RECORDS_H

#include "data/dns/name.h"

enum { RECORDS_MAX = 200000, RECORDS_BYTES_MAX = 32 << 20 };

struct record {
    uint32_t ttl;
    uint16_t type;
    uint16_t rdata_len;
    uint8_t owner_len;
    uint8_t data[]; /* owner in wire form, then RDATA */
};

static inline struct bytes record_owner(const struct record *r)
{
    return bytes_of(r->data, r->owner_len);
}

static inline struct bytes record_rdata(const struct record *r)
{
    return bytes_of(r->data + r->owner_len, r->rdata_len);
}

/* What a zone's SOA says (RFC 1035 3.3.13), of what secondaries go by. Times in seconds. */
struct soa {
    uint32_t serial, refresh, retry, expire;
};
/* False if the RDATA is malformed. */
bool soa_read(struct bytes rdata, struct soa *out);
/* Is serial a newer than b? RFC 1982. */
static inline bool soa_serial_newer(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b) > 0;
}

struct records;

/* Empty; NULL without memory. */
struct records *records_new(void);
/* NULL without memory. */
struct records *records_copy(const struct records *r);
void records_free(struct records **r);
/* A record that is there already gets the TTL. False if it would be one too many, or without memory. */
bool records_add(struct records *r, const struct dns_name *owner, uint16_t type, uint32_t ttl,
                 struct bytes rdata);
/* False if there is none such. */
bool records_remove(struct records *r, const struct dns_name *owner, uint16_t type, struct bytes rdata);
bool records_have(const struct records *r, const struct dns_name *owner, uint16_t type, struct bytes rdata);
size_t records_count(const struct records *r);
/* All of them by owner (names next to each other stand in no order that means anything), type and RDATA;
 * borrowed until the set changes. A malloced array, to be freed; NULL without memory. */
const struct record **records_sorted(const struct records *r);

/* Bytes of records_write. */
size_t records_size(const struct records *r);
/* Host-endian, for this machine's disk. */
void records_write(const struct records *r, struct writer *w);
/* NULL if it is damaged, or too much. */
struct records *records_read(struct bytes from);

#endif
