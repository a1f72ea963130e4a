/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names in wire form: uncompressed, closing root label included, at most 255 bytes (RFC 1035 3.1).
 *
 * A struct dns_name is always well formed. Comparison ignores ASCII case (RFC 4343); keys use name_lower. */
#ifndef POLYNYA_DNS_NAME_H
#define POLYNYA_DNS_NAME_H

#include "data/base/bytes.h"

enum { DNS_NAME_MAX = 255, DNS_LABEL_MAX = 63, DNS_NAME_TEXT_MAX = 1024 };

struct dns_name {
    uint8_t len; /* 1 (the root) .. 255 */
    uint8_t wire[DNS_NAME_MAX];
};

/* Reads the name at *offset of a message, following compression pointers. Each must lead before
 * the part of the name it stands in, and not into the header; so a loop is refused.
 * On success *offset is just behind the name as it stands in the message. Case is kept. */
bool name_read(struct bytes message, size_t *offset, struct dns_name *out);
/* Moves *offset behind the name without following pointers; false if it is malformed or cut off. */
bool name_skip(struct bytes message, size_t *offset);
/* "www.example.com" or "example.com."; escapes \. and \DDD; no IDN. False if malformed or too long. */
bool name_from_text(struct bytes text, struct dns_name *out);
/* Presentation form without the closing dot ("." for the root); out is NUL-terminated, never cut. */
void name_to_text(const struct dns_name *name, char out[DNS_NAME_TEXT_MAX]);
void name_lower(struct dns_name *name);
/* Copies len bytes of a well-formed wire name, lower-cased; to and from may be the same. */
void name_lower_copy(uint8_t *to, const uint8_t *from, size_t len);
bool name_equal(const struct dns_name *a, const struct dns_name *b);
/* True if name is zone or stands below it. */
bool name_within(const struct dns_name *name, const struct dns_name *zone);
/* Labels without the root. */
unsigned name_labels(const struct dns_name *name);
/* The name without its first label; false for the root. */
bool name_parent(const struct dns_name *name, struct dns_name *out);

#endif
