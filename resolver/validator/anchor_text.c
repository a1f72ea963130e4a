/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Anchors' text: see anchor_text.h. */
#include "resolver/validator/anchor_text.h"

#include "data/base/text.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

bool anchor_line_read(struct bytes *text, struct anchor_line *out)
{
    size_t at = 0;
    out->count = 0;
    while (at < text->len && text->data[at] != '\n' && text->data[at] != ';') {
        size_t start = at;
        while (at < text->len && !is_space(text->data[at]) && !memchr("\n;", text->data[at], 2))
            at++;
        if (at > start && out->count == ANCHOR_WORDS_MAX)
            return false;
        if (at > start)
            out->word[out->count++] = bytes_of(text->data + start, at - start);
        while (at < text->len && is_space(text->data[at]))
            at++;
    }
    while (at < text->len && text->data[at] != '\n')
        at++;
    at += at < text->len;
    *text = bytes_of(text->data + at, text->len - at);
    return true;
}

static bool put_number(struct writer *w, struct bytes word, uint64_t max)
{
    uint64_t n;
    if (!uint_parse(word, max, &n))
        return false;
    if (max > UINT8_MAX)
        writer_u16(w, (uint16_t)n);
    else
        writer_u8(w, (uint8_t)n);
    return true;
}

/* The words from i on, as one text in base64 or hexadecimal. */
static bool put_binary(struct writer *w, const struct anchor_line *line, unsigned i, bool hex)
{
    uint8_t joined[2 * ANCHOR_RDATA_MAX];
    struct writer text = writer_of(joined, sizeof joined);
    for (; i < line->count; i++)
        writer_bytes(&text, line->word[i]);
    struct bytes whole = writer_done(&text);
    long n = hex ? hex_decode(whole, w->data + w->len, w->cap - w->len)
                 : base64_decode(whole, w->data + w->len, w->cap - w->len);
    if (n <= 0)
        return false;
    w->len += (size_t)n;
    return true;
}

bool anchor_rdata_read(const struct anchor_line *line, unsigned i, bool ds, struct writer *w)
{
    if (line->count < i + 4 || !put_number(w, line->word[i], UINT16_MAX) ||
        !put_number(w, line->word[i + 1], UINT8_MAX) || !put_number(w, line->word[i + 2], UINT8_MAX))
        return false;
    return put_binary(w, line, i + 3, ds);
}
