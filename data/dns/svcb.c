/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS and SVCB RDATA: see svcb.h. */
#include "data/dns/svcb.h"

enum svc_param { SVC_ALPN = 1, SVC_PORT = 3, SVC_IPV4HINT = 4, SVC_ECH = 5, SVC_IPV6HINT = 6 };

/* Opens a parameter; its length is filled in by param_end. Returns where its value begins. */
static size_t param_begin(struct writer *w, enum svc_param key)
{
    writer_u16(w, (uint16_t)key);
    writer_u16(w, 0);
    return w->len;
}

static void param_end(struct writer *w, size_t start)
{
    if (w->len - start > UINT16_MAX)
        w->full = true;
    if (!w->full)
        put_u16(w->data + start - 2, (uint16_t)(w->len - start));
}

static void put_alpn(struct writer *w, const char *const *alpn)
{
    if (!alpn || !*alpn)
        return;
    size_t start = param_begin(w, SVC_ALPN);
    for (; *alpn; alpn++) {
        size_t len = strlen(*alpn);
        if (len == 0 || len > UINT8_MAX)
            w->full = true;
        writer_u8(w, (uint8_t)len);
        writer_put(w, *alpn, len);
    }
    param_end(w, start);
}

/* The hints of one family, best first as they came; nothing if there are none (RFC 9460 7.3: never empty). */
static void put_hints(struct writer *w, const struct svcb *s, enum svc_param key, uint8_t family_len)
{
    size_t count = 0;
    for (size_t i = 0; i < s->hint_count; i++)
        count += s->hints[i].len == family_len;
    if (count == 0)
        return;
    size_t start = param_begin(w, key);
    for (size_t i = 0; i < s->hint_count; i++)
        if (s->hints[i].len == family_len)
            writer_put(w, s->hints[i].addr, family_len);
    param_end(w, start);
}

void svcb_write(struct writer *w, const struct svcb *s)
{
    writer_u16(w, s->priority);
    if (s->target.len)
        writer_bytes(w, s->target);
    else
        writer_u8(w, 0);
    put_alpn(w, s->alpn);
    if (s->port) {
        size_t start = param_begin(w, SVC_PORT);
        writer_u16(w, s->port);
        param_end(w, start);
    }
    put_hints(w, s, SVC_IPV4HINT, 4);
    if (s->ech.len) {
        size_t start = param_begin(w, SVC_ECH);
        writer_bytes(w, s->ech);
        param_end(w, start);
    }
    put_hints(w, s, SVC_IPV6HINT, 16);
}

static bool read_hints(struct bytes value, uint8_t len, struct svcb_seen *out)
{
    if (value.len == 0 || value.len % len)
        return false;
    for (size_t at = 0; at < value.len; at += len) {
        if (out->hint_count == SVCB_HINTS_MAX)
            return false;
        struct ip *hint = &out->hints[out->hint_count++];
        hint->len = len;
        memcpy(hint->addr, value.data + at, len);
    }
    return true;
}

static bool read_param(uint16_t key, struct bytes value, struct svcb_seen *out)
{
    switch (key) {
    case SVC_PORT:
        out->port = value.len == 2 ? get_u16(value.data) : 0;
        return value.len == 2;
    case SVC_IPV4HINT:
        return read_hints(value, 4, out);
    case SVC_IPV6HINT:
        return read_hints(value, 16, out);
    default:
        return true;
    }
}

bool svcb_read(struct bytes rdata, struct svcb_seen *out)
{
    size_t at = 2;
    int32_t last = -1;
    *out = (struct svcb_seen){0};
    if (rdata.len < 3 || !name_read(rdata, &at, &out->target))
        return false;
    out->priority = get_u16(rdata.data);
    while (rdata.len - at >= 4) {
        uint16_t key = get_u16(rdata.data + at), len = get_u16(rdata.data + at + 2);
        at += 4;
        if (key <= last || len > rdata.len - at || !read_param(key, bytes_of(rdata.data + at, len), out))
            return false;
        at += len;
        last = key;
    }
    return at == rdata.len;
}
