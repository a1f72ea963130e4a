/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Followed keys as text, and in the anchors' place: see rollover.h.
 *
 *   source 0123456789abcdef
 *   ZONE STATE SINCE FLAGS PROTOCOL ALGORITHM BASE64
 *   end
 */
#include <stdio.h>

#include "resolver/validator/anchor_text.h"
#include "data/base/text.h"
#include "resolver/validator/rollover.h"

static const char *const states[] = {"added", "valid", "missing", "revoked"};

enum { STATES = sizeof states / sizeof *states };

void rollover_init(struct rollover *r, const struct anchors *configured)
{
    r->count = 0;
    r->source = anchors_digest(configured);
}

static bool word_is(struct bytes word, const char *text)
{
    return bytes_equal(word, bytes_str(text));
}

static bool read_state(struct bytes word, enum rollover_state *out)
{
    for (int i = 0; i < STATES; i++)
        if (word_is(word, states[i])) {
            *out = (enum rollover_state)i;
            return true;
        }
    return false;
}

static bool read_key(struct rollover *r, const struct anchor_line *line)
{
    struct rollover_key *k = &r->key[r->count];
    struct writer w = writer_of(k->rdata, sizeof k->rdata);
    uint64_t since;
    if (r->count == ROLLOVER_KEYS || line->count < 7 || !name_from_text(line->word[0], &k->zone) ||
        !read_state(line->word[1], &k->state) || !uint_parse(line->word[2], INT64_MAX, &since) ||
        !anchor_rdata_read(line, 3, false, &w))
        return false;
    name_lower(&k->zone);
    k->since = (int64_t)since;
    k->len = (uint16_t)w.len;
    r->count++;
    return true;
}

static bool read_all(struct rollover *r, struct bytes text)
{
    struct anchor_line line;
    uint8_t source[8];
    if (!anchor_line_read(&text, &line) || line.count != 2 || !word_is(line.word[0], "source") ||
        hex_decode(line.word[1], source, sizeof source) != sizeof source ||
        ((uint64_t)get_u32(source) << 32 | get_u32(source + 4)) != r->source)
        return false;
    while (text.len) {
        if (!anchor_line_read(&text, &line))
            return false;
        if (line.count == 1 && word_is(line.word[0], "end"))
            return true;
        if (!read_key(r, &line))
            return false;
    }
    return false; /* torn */
}

bool rollover_read(struct rollover *r, const struct anchors *configured, struct bytes text)
{
    rollover_init(r, configured);
    if (read_all(r, text))
        return true;
    r->count = 0;
    return false;
}

size_t rollover_write(const struct rollover *r, char *out, size_t cap)
{
    char base64[2 * ROLLOVER_RDATA_MAX], zone[DNS_NAME_TEXT_MAX];
    size_t at = (size_t)snprintf(out, cap, "source %016llx\n", (unsigned long long)r->source);
    for (unsigned i = 0; i < r->count && at < cap; i++) {
        const struct rollover_key *k = &r->key[i];
        base64_encode(bytes_of(k->rdata + KEY_RDATA_MIN, k->len - (size_t)KEY_RDATA_MIN), base64);
        name_to_text(&k->zone, zone);
        at += (size_t)snprintf(out + at, cap - at, "%s %s %lld %u %u %u %s\n", zone, states[k->state],
                               (long long)k->since, get_u16(k->rdata), k->rdata[2], k->rdata[3], base64);
    }
    if (at < cap)
        at += (size_t)snprintf(out + at, cap - at, "end\n");
    return at < cap ? at : 0;
}

bool rollover_apply(const struct rollover *r, struct anchors *anchors)
{
    struct crypto crypto;
    bool ok = crypto_init(&crypto);
    for (unsigned i = 0; ok && i < r->count; i++) {
        const struct rollover_key *k = &r->key[i];
        struct bytes rdata = bytes_of(k->rdata, k->len);
        if (k->state == ROLLOVER_REVOKED)
            anchors_revoke(anchors, &crypto, &k->zone, rdata);
        else if (k->state != ROLLOVER_ADDED)
            ok = anchors_add(anchors, &k->zone, rdata);
    }
    crypto_fini(&crypto);
    return ok;
}
