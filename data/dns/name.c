/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Domain names: see name.h.
 *
 * Length bytes of labels are below 'A', so a whole name can be folded or compared without looking at its
 * labels: two well-formed names that agree byte for byte have the same labels. */
#include "data/dns/name.h"

enum { POINTER = 0xc0, HEADER = 12 };

/* Steps over one label at offset: its length, or -1 if it is cut off or no plain label. 0 is the root. */
static int label_at(struct bytes b, size_t offset)
{
    if (offset >= b.len)
        return -1;
    int len = b.data[offset];
    return len <= DNS_LABEL_MAX && b.len - offset - 1 >= (size_t)len ? len : -1;
}

/* Where the pointer at offset leads; false unless that is before `limit` and behind the header. */
static bool pointer_at(struct bytes b, size_t offset, size_t limit, size_t *target)
{
    if (offset + 2 > b.len || (b.data[offset] & POINTER) != POINTER)
        return false;
    *target = get_u16(b.data + offset) & 0x3fff;
    return *target >= HEADER && *target < limit;
}

bool name_read(struct bytes message, size_t *offset, struct dns_name *out)
{
    size_t at = *offset, limit = at, end = 0, len = 0;
    for (;;) {
        int label = label_at(message, at);
        if (label < 0) {
            /* Every pointer must lead before the part it was found in, so this ends. */
            size_t target;
            if (!pointer_at(message, at, limit, &target))
                return false;
            end = end ? end : at + 2;
            at = limit = target;
            continue;
        }
        if (len + (size_t)label + 1 > DNS_NAME_MAX)
            return false;
        memcpy(out->wire + len, message.data + at, (size_t)label + 1);
        len += (size_t)label + 1;
        at += (size_t)label + 1;
        if (label == 0)
            break;
    }
    out->len = (uint8_t)len;
    *offset = end ? end : at;
    return true;
}

bool name_skip(struct bytes message, size_t *offset)
{
    size_t at = *offset;
    for (;;) {
        int label = label_at(message, at);
        if (label < 0) {
            if (message.len < 2 || at > message.len - 2 || (message.data[at] & POINTER) != POINTER)
                return false;
            *offset = at + 2;
            return true;
        }
        at += (size_t)label + 1;
        if (at - *offset > DNS_NAME_MAX)
            return false;
        if (label == 0)
            break;
    }
    *offset = at;
    return true;
}

/* One character of presentation text, escaped or not; -1 if it cannot stand there. */
static int text_char(struct bytes text, size_t *at)
{
    uint8_t c = text.data[(*at)++];
    if (c != '\\')
        return c > ' ' && c < 0x7f ? c : -1;
    if (*at == text.len)
        return -1;
    c = text.data[(*at)++];
    if (c < '0' || c > '9')
        return c > ' ' && c < 0x7f ? c : -1;
    int value = c - '0';
    for (int i = 0; i < 2; i++) {
        if (*at == text.len || text.data[*at] < '0' || text.data[*at] > '9')
            return -1;
        value = value * 10 + text.data[(*at)++] - '0';
    }
    return value < 256 ? value : -1;
}

bool name_from_text(struct bytes text, struct dns_name *out)
{
    size_t start = 0,
           len = 1; /* of the label being filled: its length byte, and the end of the name so far */
    if (bytes_equal(text, BYTES_LIT("."))) {
        *out = (struct dns_name){.len = 1};
        return true;
    }
    for (size_t at = 0; at < text.len;) {
        bool dot = text.data[at] == '.';
        int c = text_char(text, &at);
        if (c < 0 || len == DNS_NAME_MAX)
            return false;
        if (!dot && len - start > DNS_LABEL_MAX)
            return false;
        if (!dot) {
            out->wire[len++] = (uint8_t)c;
            continue;
        }
        if (len - start == 1)
            return false;
        out->wire[start] = (uint8_t)(len - start - 1);
        start = len++;
    }
    /* `start` is now the last label's length byte, or the root's if the text ended in a dot. */
    out->wire[start] = (uint8_t)(len - start - 1);
    if (len - start > 1) {
        if (len == DNS_NAME_MAX)
            return false;
        out->wire[len++] = 0;
    }
    out->len = (uint8_t)len;
    return text.len > 0;
}

static char *char_to_text(char *to, uint8_t c)
{
    if (c <= ' ' || c >= 0x7f) {
        *to++ = '\\';
        *to++ = (char)('0' + c / 100);
        *to++ = (char)('0' + c / 10 % 10);
        *to++ = (char)('0' + c % 10);
        return to;
    }
    if (strchr(".\\\"();@$", c))
        *to++ = '\\';
    *to++ = (char)c;
    return to;
}

void name_to_text(const struct dns_name *name, char out[DNS_NAME_TEXT_MAX])
{
    if (name->len == 1) {
        memcpy(out, ".", 2);
        return;
    }
    char *to = out;
    for (const uint8_t *label = name->wire; *label; label += *label + 1) {
        for (unsigned i = 1; i <= *label; i++)
            to = char_to_text(to, label[i]);
        *to++ = '.';
    }
    to[-1] = '\0';
}

/* Eight bytes at a time: bytes in A..Z get their 0x20 bit; those above 0x7f stay. */
static uint64_t lower_word(uint64_t w)
{
    const uint64_t ones = 0x0101010101010101;
    uint64_t low = w & 0x7f * ones;
    uint64_t from_a = low + (0x80 - 'A') * ones;
    uint64_t past_z = low + (0x7f - 'Z') * ones;
    uint64_t upper = (from_a ^ past_z) & ~w & 0x80 * ones;
    return w | upper >> 2;
}

void name_lower_copy(uint8_t *to, const uint8_t *from, size_t len)
{
    size_t i = 0;
    for (; i + 8 <= len; i += 8) {
        uint64_t w;
        memcpy(&w, from + i, 8);
        w = lower_word(w);
        memcpy(to + i, &w, 8);
    }
    for (; i < len; i++)
        to[i] = ascii_lower(from[i]);
}

void name_lower(struct dns_name *name)
{
    name_lower_copy(name->wire, name->wire, name->len);
}

bool name_equal(const struct dns_name *a, const struct dns_name *b)
{
    return bytes_equal_nocase(bytes_of(a->wire, a->len), bytes_of(b->wire, b->len));
}

bool name_within(const struct dns_name *name, const struct dns_name *zone)
{
    unsigned at = 0;
    while (name->len - at > zone->len)
        at += name->wire[at] + 1u;
    return bytes_equal_nocase(bytes_of(name->wire + at, name->len - at), bytes_of(zone->wire, zone->len));
}

unsigned name_labels(const struct dns_name *name)
{
    unsigned n = 0;
    for (const uint8_t *label = name->wire; *label; label += *label + 1)
        n++;
    return n;
}

bool name_parent(const struct dns_name *name, struct dns_name *out)
{
    unsigned first = name->wire[0] + 1u;
    if (first == 1)
        return false;
    out->len = (uint8_t)(name->len - first);
    memmove(out->wire, name->wire + first, out->len);
    return true;
}
