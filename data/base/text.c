/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Text forms of plain values: see text.h. */
#include "data/base/text.h"

#include <time.h>

/* Six bits by their character, of both alphabets. */
enum { BASE64_VALID = 64 };
#define FOUR(n, a, b, c, d)                                                                                  \
    [a] = BASE64_VALID | (n), [b] = BASE64_VALID | ((n) + 1), [c] = BASE64_VALID | ((n) + 2),                \
    [d] = BASE64_VALID | ((n) + 3)
static const uint8_t base64_value[256] = {
    FOUR(0, 'A', 'B', 'C', 'D'),  FOUR(4, 'E', 'F', 'G', 'H'),  FOUR(8, 'I', 'J', 'K', 'L'),
    FOUR(12, 'M', 'N', 'O', 'P'), FOUR(16, 'Q', 'R', 'S', 'T'), FOUR(20, 'U', 'V', 'W', 'X'),
    FOUR(24, 'Y', 'Z', 'a', 'b'), FOUR(28, 'c', 'd', 'e', 'f'), FOUR(32, 'g', 'h', 'i', 'j'),
    FOUR(36, 'k', 'l', 'm', 'n'), FOUR(40, 'o', 'p', 'q', 'r'), FOUR(44, 's', 't', 'u', 'v'),
    FOUR(48, 'w', 'x', 'y', 'z'), FOUR(52, '0', '1', '2', '3'), FOUR(56, '4', '5', '6', '7'),
    FOUR(60, '8', '9', '+', '/'), ['-'] = BASE64_VALID | 62,    ['_'] = BASE64_VALID | 63,
};

static struct bytes base64_strip_padding(struct bytes text)
{
    for (int i = 0; i < 2 && text.len && text.data[text.len - 1] == '='; i++)
        text.len--;
    return text;
}

/* Four characters as 24 bits, or -1: one of them stands for nothing. */
static inline int32_t base64_group(const uint8_t *in)
{
    unsigned a = base64_value[in[0]], b = base64_value[in[1]], c = base64_value[in[2]],
             d = base64_value[in[3]];
    int32_t bits = (int32_t)((a & 63) << 18 | (b & 63) << 12 | (c & 63) << 6 | (d & 63));
    return a & b & c & d & BASE64_VALID ? bits : -1;
}

/* The last two or three characters of a text. Left-over bits must be zero, so that every value has one text.
 */
static bool base64_rest(const uint8_t *in, size_t n, uint8_t *out)
{
    int32_t bits = base64_group((const uint8_t[]){in[0], in[1], n == 3 ? in[2] : 'A', 'A'});
    if (bits < 0 || bits & (n == 3 ? 0xff : 0xffff))
        return false;
    out[0] = (uint8_t)(bits >> 16);
    if (n == 3)
        out[1] = (uint8_t)(bits >> 8);
    return true;
}

long base64_decode(struct bytes text, uint8_t *out, size_t cap)
{
    struct bytes core = base64_strip_padding(text);
    if (core.len != text.len && text.len % 4 != 0)
        return -1;
    size_t rest = core.len % 4, len = core.len / 4 * 3 + rest * 3 / 4;
    if (rest == 1 || len > cap)
        return -1;
    if (len == 0)
        return 0;
    const uint8_t *at = core.data, *end = at + core.len - rest;
    for (; at < end; at += 4, out += 3) {
        int32_t bits = base64_group(at);
        if (bits < 0)
            return -1;
        out[0] = (uint8_t)(bits >> 16);
        out[1] = (uint8_t)(bits >> 8);
        out[2] = (uint8_t)bits;
    }
    return rest && !base64_rest(end, rest, out) ? -1 : (long)len;
}

size_t base64_len(size_t n)
{
    return (n + 2) / 3 * 4;
}

static void base64_with(struct bytes in, char *out, const char *alphabet, bool pad)
{
    uint32_t bits = 0;
    unsigned held = 0;
    size_t n = 0;
    for (size_t i = 0; i < in.len; i++) {
        bits = bits << 8 | in.data[i];
        for (held += 8; held >= 6; held -= 6)
            out[n++] = alphabet[bits >> (held - 6) & 63];
    }
    if (held)
        out[n++] = alphabet[bits << (6 - held) & 63];
    while (pad && n % 4)
        out[n++] = '=';
    out[n] = 0;
}

void base64_encode(struct bytes in, char *out)
{
    base64_with(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", true);
}

void base64url_encode(struct bytes in, char *out)
{
    base64_with(in, out, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", false);
}

void hex_encode(struct bytes in, char *out)
{
    for (size_t i = 0; i < in.len; i++) {
        out[2 * i] = "0123456789abcdef"[in.data[i] >> 4];
        out[2 * i + 1] = "0123456789abcdef"[in.data[i] & 15];
    }
    out[2 * in.len] = 0;
}

static int hex_value(uint8_t c)
{
    if ((uint8_t)(c - '0') < 10)
        return c - '0';
    c = ascii_lower(c);
    return (uint8_t)(c - 'a') < 6 ? c - 'a' + 10 : -1;
}

long hex_decode(struct bytes text, uint8_t *out, size_t cap)
{
    if (text.len % 2 || text.len / 2 > cap)
        return -1;
    for (size_t i = 0; i < text.len; i += 2) {
        int high = hex_value(text.data[i]), low = hex_value(text.data[i + 1]);
        if (high < 0 || low < 0)
            return -1;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return (long)(text.len / 2);
}

static bool digits(const uint8_t *p, size_t n, int *out)
{
    *out = 0;
    for (size_t i = 0; i < n; i++) {
        if ((uint8_t)(p[i] - '0') > 9)
            return false;
        *out = *out * 10 + (p[i] - '0');
    }
    return true;
}

bool time_parse(struct bytes text, int64_t *out)
{
    const uint8_t *p = text.data;
    struct tm tm = {0};
    if (text.len != 20 || p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':' ||
        p[19] != 'Z')
        return false;
    if (!digits(p, 4, &tm.tm_year) || !digits(p + 5, 2, &tm.tm_mon) || !digits(p + 8, 2, &tm.tm_mday) ||
        !digits(p + 11, 2, &tm.tm_hour) || !digits(p + 14, 2, &tm.tm_min) || !digits(p + 17, 2, &tm.tm_sec))
        return false;
    if (tm.tm_year < 1970)
        return false;
    struct tm want = tm;
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    time_t t = timegm(&tm);
    /* timegm normalises 31 February and 25:00; such texts are refused. */
    if (t < 0 || tm.tm_year + 1900 != want.tm_year || tm.tm_mon + 1 != want.tm_mon ||
        tm.tm_mday != want.tm_mday || tm.tm_hour != want.tm_hour || tm.tm_min != want.tm_min ||
        tm.tm_sec != want.tm_sec)
        return false;
    *out = t;
    return true;
}

void time_format(int64_t seconds, char out[TIME_TEXT_MAX])
{
    static const int64_t last = 253402300799; /* 9999-12-31T23:59:59Z */
    time_t t = seconds < 0 ? 0 : seconds > last ? last : seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    strftime(out, TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

bool uint_parse(struct bytes text, uint64_t max, uint64_t *out)
{
    if (text.len == 0)
        return false;
    uint64_t v = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t d = (uint8_t)(text.data[i] - '0');
        if (d > 9 || v > (max - d) / 10 || d > max)
            return false;
        v = v * 10 + d;
    }
    *out = v;
    return true;
}
