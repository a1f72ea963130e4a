/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust anchors: see anchors.h. */
#include "resolver/validator/anchors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/base/arena.h"
#include "resolver/validator/key.h"

enum { RDATA_MAX = 1100, WORDS_MAX = 64 };

/* https://data.iana.org/root-anchors/root-anchors.xml */
static const char root_keys[] =
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D\n"
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16\n";

struct anchors {
    struct arena arena;
    unsigned trusted_count, negative_count;
    struct anchor trusted[ANCHORS_MAX];
    struct dns_name negative[ANCHORS_MAX];
};

struct line {
    struct bytes word[WORDS_MAX];
    unsigned count;
};

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next line's words, comments and parentheses left out; false if there are too many. */
static bool read_line(struct bytes *text, struct line *out)
{
    size_t at = 0;
    out->count = 0;
    while (at < text->len && text->data[at] != '\n' && text->data[at] != ';') {
        size_t start = at;
        while (at < text->len && !is_space(text->data[at]) && !memchr("\n;", text->data[at], 2))
            at++;
        if (at > start && out->count == WORDS_MAX)
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

static bool word_is(struct bytes word, const char *text)
{
    return bytes_equal_nocase(word, bytes_str(text));
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
static bool put_binary(struct writer *w, const struct line *line, unsigned i, bool hex)
{
    uint8_t joined[2 * RDATA_MAX];
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

static bool read_rdata(const struct line *line, unsigned i, uint16_t type, struct writer *w)
{
    if (line->count < i + 4 || !put_number(w, line->word[i], UINT16_MAX) ||
        !put_number(w, line->word[i + 1], UINT8_MAX) || !put_number(w, line->word[i + 2], UINT8_MAX))
        return false;
    return put_binary(w, line, i + 3, type == DNS_DS);
}

static bool add_trusted(struct anchors *a, const struct line *line)
{
    uint8_t buffer[RDATA_MAX];
    struct writer w = writer_of(buffer, sizeof buffer);
    uint64_t ttl;
    unsigned i = 1;
    if (a->trusted_count == ANCHORS_MAX)
        return false;
    struct anchor *anchor = &a->trusted[a->trusted_count];
    i += i < line->count && uint_parse(line->word[i], UINT32_MAX, &ttl);
    i += i < line->count && word_is(line->word[i], "IN");
    if (i >= line->count)
        return false;
    anchor->type = word_is(line->word[i], "DS") ? DNS_DS : DNS_DNSKEY;
    if (anchor->type == DNS_DNSKEY && !word_is(line->word[i], "DNSKEY"))
        return false;
    if (!name_from_text(line->word[0], &anchor->name) || !read_rdata(line, i + 1, anchor->type, &w))
        return false;
    name_lower(&anchor->name);
    anchor->rdata = arena_copy(&a->arena, writer_done(&w));
    a->trusted_count++;
    return anchor->rdata.data != NULL;
}

static bool read_text(struct anchors *a, const char *file, struct bytes text, char *error, size_t cap)
{
    struct line line;
    for (unsigned number = 1; text.len; number++)
        if (!read_line(&text, &line) || (line.count && !add_trusted(a, &line))) {
            snprintf(error, cap, "%s:%u: not a DS or DNSKEY record", file, number);
            return false;
        }
    if (a->trusted_count == 0)
        snprintf(error, cap, "%s: holds no trust anchor", file);
    return a->trusted_count > 0;
}

static bool add_negative(struct anchors *a, const char *name, char *error, size_t cap)
{
    struct dns_name *out = &a->negative[a->negative_count];
    if (a->negative_count == ANCHORS_MAX || !name_from_text(bytes_str(name), out)) {
        snprintf(error, cap, "negative anchor %s: not a name, or one too many", name);
        return false;
    }
    name_lower(out);
    a->negative_count++;
    return true;
}

struct anchors *anchors_parse(const char *file, struct bytes text, const char *const *negative,
                              unsigned negative_count, char *error, size_t cap)
{
    struct anchors *a = calloc(1, sizeof *a);
    if (!a) {
        snprintf(error, cap, "out of memory");
        return NULL;
    }
    arena_init(&a->arena, 2 * ANCHORS_FILE_MAX);
    bool ok = read_text(a, file, text, error, cap);
    for (unsigned i = 0; ok && i < negative_count; i++)
        ok = add_negative(a, negative[i], error, cap);
    if (!ok)
        anchors_free(&a);
    return a;
}

struct anchors *anchors_load(const char *file, const char *const *negative, unsigned negative_count,
                             char *error, size_t cap)
{
    struct anchors *a = NULL;
    if (!file)
        return anchors_parse("built-in", BYTES_LIT(root_keys), negative, negative_count, error, cap);
    FILE *f = fopen(file, "re");
    uint8_t *text = f ? malloc(ANCHORS_FILE_MAX + 1) : NULL;
    size_t len = text ? fread(text, 1, ANCHORS_FILE_MAX + 1, f) : 0;
    if (!text || ferror(f))
        snprintf(error, cap, "%s: %s", file, strerror(errno));
    else if (len > ANCHORS_FILE_MAX)
        snprintf(error, cap, "%s: larger than 1 MiB", file);
    else
        a = anchors_parse(file, bytes_of(text, len), negative, negative_count, error, cap);
    free(text);
    if (f)
        fclose(f);
    return a;
}

void anchors_free(struct anchors **a)
{
    if (*a)
        arena_fini(&(*a)->arena);
    free(*a);
    *a = NULL;
}

enum anchor_kind anchors_at(const struct anchors *a, const struct dns_name *name)
{
    unsigned i = 0;
    if (anchors_next(a, name, &i))
        return ANCHOR_TRUSTED;
    for (i = 0; i < a->negative_count; i++)
        if (name_equal(&a->negative[i], name))
            return ANCHOR_NEGATIVE;
    return ANCHOR_NONE;
}

const struct anchor *anchors_next(const struct anchors *a, const struct dns_name *name, unsigned *i)
{
    while (*i < a->trusted_count) {
        const struct anchor *anchor = &a->trusted[(*i)++];
        if (name_equal(&anchor->name, name))
            return anchor;
    }
    return NULL;
}
