/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Byte ranges and the bounded writer: see bytes.h. */
#include "data/base/bytes.h"

#include <stdarg.h>
#include <stdio.h>

bool bytes_equal_nocase(struct bytes a, struct bytes b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.data[i]) != ascii_lower(b.data[i]))
            return false;
    return true;
}

bool bytes_starts_with(struct bytes whole, struct bytes prefix)
{
    return whole.len >= prefix.len && bytes_equal(bytes_of(whole.data, prefix.len), prefix);
}

uint8_t *writer_reserve(struct writer *w, size_t n)
{
    if (w->full || n > w->cap - w->len) {
        w->full = true;
        return NULL;
    }
    uint8_t *at = w->data + w->len;
    w->len += n;
    return at;
}

void writer_put(struct writer *w, const void *data, size_t len)
{
    uint8_t *at = writer_reserve(w, len);
    if (at && len)
        memcpy(at, data, len);
}

void writer_u8(struct writer *w, uint8_t v)
{
    uint8_t *at = writer_reserve(w, 1);
    if (at)
        *at = v;
}

void writer_u16(struct writer *w, uint16_t v)
{
    uint8_t *at = writer_reserve(w, 2);
    if (at)
        put_u16(at, v);
}

void writer_u32(struct writer *w, uint32_t v)
{
    uint8_t *at = writer_reserve(w, 4);
    if (at)
        put_u32(at, v);
}

void writer_printf(struct writer *w, const char *format, ...)
{
    if (w->full)
        return;
    va_list args;
    va_start(args, format);
    size_t room = w->cap - w->len;
    int n = vsnprintf((char *)w->data + w->len, room, format, args);
    va_end(args);
    /* vsnprintf needs room for a NUL that we do not count. */
    if (n < 0 || (size_t)n >= room)
        w->full = true;
    else
        w->len += (size_t)n;
}
