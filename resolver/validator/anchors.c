/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust anchors: see anchors.h. */
#include "resolver/validator/anchors.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/base/arena.h"
#include "data/base/hash.h"
#include "data/base/text.h"
#include "resolver/validator/anchor_text.h"

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

static bool word_is(struct bytes word, const char *text)
{
    return bytes_equal_nocase(word, bytes_str(text));
}

static bool add_trusted(struct anchors *a, const struct anchor_line *line)
{
    uint8_t buffer[ANCHOR_RDATA_MAX];
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
    if (!name_from_text(line->word[0], &anchor->name) ||
        !anchor_rdata_read(line, i + 1, anchor->type == DNS_DS, &w))
        return false;
    name_lower(&anchor->name);
    anchor->rdata = arena_copy(&a->arena, writer_done(&w));
    a->trusted_count++;
    return anchor->rdata.data != NULL;
}

static bool read_text(struct anchors *a, const char *file, struct bytes text, char *error, size_t cap)
{
    struct anchor_line line;
    for (unsigned number = 1; text.len; number++)
        if (!anchor_line_read(&text, &line) || (line.count && !add_trusted(a, &line))) {
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

const struct anchor *anchors_get(const struct anchors *a, unsigned i)
{
    return i < a->trusted_count ? &a->trusted[i] : NULL;
}

bool anchor_is(const struct anchor *a, struct crypto *crypto, const struct key *k)
{
    return a->type == DNS_DNSKEY ? bytes_equal(a->rdata, k->rdata)
                                 : key_matches_ds(crypto, k, &a->name, a->rdata);
}

uint64_t anchors_digest(const struct anchors *a)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < a->trusted_count; i++) {
        uint8_t text[8 + 2 + DNS_NAME_MAX + ANCHOR_RDATA_MAX];
        struct writer w = writer_of(text, sizeof text);
        writer_put(&w, &sum, sizeof sum);
        writer_u16(&w, a->trusted[i].type);
        writer_put(&w, a->trusted[i].name.wire, a->trusted[i].name.len);
        writer_bytes(&w, a->trusted[i].rdata);
        sum = hash_siphash(&(struct hash_key){0}, text, w.len);
    }
    return sum;
}

bool anchors_add(struct anchors *a, const struct dns_name *name, struct bytes rdata)
{
    const struct anchor *have;
    for (unsigned i = 0; (have = anchors_next(a, name, &i));)
        if (have->type == DNS_DNSKEY && bytes_equal(have->rdata, rdata))
            return true;
    if (a->trusted_count == ANCHORS_MAX)
        return false;
    struct anchor *new = &a->trusted[a->trusted_count];
    *new = (struct anchor){*name, DNS_DNSKEY, arena_copy(&a->arena, rdata)};
    a->trusted_count += new->rdata.data != NULL;
    return new->rdata.data != NULL;
}

void anchors_revoke(struct anchors *a, struct crypto *crypto, const struct dns_name *name, struct bytes rdata)
{
    struct key k;
    unsigned kept = 0;
    if (!key_init(&k, rdata))
        return;
    for (unsigned i = 0; i < a->trusted_count; i++)
        if (!name_equal(&a->trusted[i].name, name) || !anchor_is(&a->trusted[i], crypto, &k))
            a->trusted[kept++] = a->trusted[i];
    a->trusted_count = kept;
}
