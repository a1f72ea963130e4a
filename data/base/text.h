/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text forms of plain values: base64, hexadecimal, times, numbers.
 *
 * All parsers are strict and take a length: no locale, no surrounding space, nothing after the value. */
#ifndef POLYNYA_BASE_TEXT_H
#define POLYNYA_BASE_TEXT_H

#include "data/base/bytes.h"

enum { TIME_TEXT_MAX = 21 };

/* Either alphabet (RFC 4648 4 and 5), with or without padding; line breaks and other bytes refused.
 * Returns bytes written, or -1 if malformed or longer than cap. */
long base64_decode(struct bytes text, uint8_t *out, size_t cap);
/* Standard alphabet with padding / URL alphabet without; NUL-terminated; out holds base64_len(n) + 1. */
size_t base64_len(size_t n);
void base64_encode(struct bytes in, char *out);
void base64url_encode(struct bytes in, char *out);
/* Lower-case; out holds 2 * in.len + 1. */
void hex_encode(struct bytes in, char *out);
/* Returns bytes written or -1. */
long hex_decode(struct bytes text, uint8_t *out, size_t cap);

/* RFC 3339 in UTC, exactly "YYYY-MM-DDTHH:MM:SSZ". Seconds since the epoch; false if malformed or no such
 * day. */
bool time_parse(struct bytes text, int64_t *out);
void time_format(int64_t seconds, char out[TIME_TEXT_MAX]);

/* Unsigned decimal, no sign, no leading '+'; false on anything else or above max. */
bool uint_parse(struct bytes text, uint64_t max, uint64_t *out);

#endif
