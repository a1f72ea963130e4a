/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Borrowed byte ranges, big-endian access, and a writer with a fixed bound.
 *
 * A struct bytes never owns what it points to; it is valid until the arena, buffer or transaction it was
 * taken from ends. A writer never writes past its capacity: the first write that does not fit sets `full`
 * and everything after it is ignored, so callers check once, at the end. */
#ifndef POLYNYA_BASE_BYTES_H
#define POLYNYA_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct bytes {
    const uint8_t *data;
    size_t len;
};

#define BYTES_NONE     ((struct bytes){NULL, 0})
#define BYTES_LIT(lit) ((struct bytes){(const uint8_t *)(lit), sizeof(lit) - 1})

static inline struct bytes bytes_of(const void *data, size_t len)
{
    return (struct bytes){data, len};
}

/* Without the closing NUL; NULL gives BYTES_NONE. */
static inline struct bytes bytes_str(const char *text)
{
    return text ? (struct bytes){(const uint8_t *)text, strlen(text)} : BYTES_NONE;
}

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* ASCII case folded, independent of locale. */
bool bytes_equal_nocase(struct bytes a, struct bytes b);
bool bytes_starts_with(struct bytes whole, struct bytes prefix);

static inline uint8_t ascii_lower(uint8_t c)
{
    return (uint8_t)(c - 'A') < 26 ? (uint8_t)(c | 0x20) : c;
}

static inline uint16_t get_u16(const void *at)
{
    const uint8_t *p = at;
    return (uint16_t)(p[0] << 8 | p[1]);
}

static inline uint32_t get_u32(const void *at)
{
    const uint8_t *p = at;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void put_u16(void *at, uint16_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void put_u32(void *at, uint32_t v)
{
    uint8_t *p = at;
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

struct writer {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool full; /* sticky: something did not fit; `len` is then meaningless */
};

static inline struct writer writer_of(void *data, size_t cap)
{
    return (struct writer){.data = data, .cap = cap};
}

/* Room for n bytes at the end, already counted in `len`; NULL (and full) if there is none. */
uint8_t *writer_reserve(struct writer *w, size_t n);
void writer_put(struct writer *w, const void *data, size_t len);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u32(struct writer *w, uint32_t v);
/* Text after printf's fashion, without the closing NUL. */
void writer_printf(struct writer *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static inline void writer_bytes(struct writer *w, struct bytes b)
{
    writer_put(w, b.data, b.len);
}

/* What was written; BYTES_NONE if something did not fit. */
static inline struct bytes writer_done(const struct writer *w)
{
    return w->full ? BYTES_NONE : (struct bytes){w->data, w->len};
}

#endif
