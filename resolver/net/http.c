/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What requests and answers have in common whatever carries them: see http.h. */
#include "resolver/net/http.h"

#include "data/base/metric.h"

enum { BODY_FIRST = 512 };

struct bytes http_number(uint32_t v, char buf[HTTP_NUMBER_TEXT])
{
    char *at = buf + HTTP_NUMBER_TEXT;
    do
        *--at = (char)('0' + v % 10);
    while (v /= 10);
    return bytes_of(at, (size_t)(buf + HTTP_NUMBER_TEXT - at));
}

static struct bytes number_after(const char *words, size_t len, uint32_t v, char buf[HTTP_CACHE_TEXT])
{
    char digits[HTTP_NUMBER_TEXT];
    struct bytes number = http_number(v, digits);
    memcpy(buf, words, len);
    memcpy(buf + len, number.data, number.len);
    return bytes_of(buf, len + number.len);
}

struct bytes http_cache_control(const struct http_response *r, char buf[HTTP_CACHE_TEXT])
{
    static const char public[] = "max-age=", private[] = "private, max-age=";
    switch (r->cache) {
    case HTTP_MAX_AGE:
        return number_after(public, sizeof public - 1, r->max_age, buf);
    case HTTP_PRIVATE:
        return number_after(private, sizeof private - 1, r->max_age, buf);
    default:
        return BYTES_LIT("no-store");
    }
}

bool http_token_char(uint8_t c)
{
    return (uint8_t)(ascii_lower(c) - 'a') < 26 || (uint8_t)(c - '0') < 10 ||
           (c && memchr("!#$%&'*+-.^_`|~", c, 15));
}

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

struct bytes http_trim(struct bytes value)
{
    while (value.len && is_space(value.data[0])) {
        value.data++;
        value.len--;
    }
    while (value.len && is_space(value.data[value.len - 1]))
        value.len--;
    return value;
}

static size_t body_room(const struct http_body *b, size_t need, size_t expected)
{
    size_t room = b->cap ? b->cap * 2 : BODY_FIRST;
    if (expected >= need)
        room = expected;
    if (room < need)
        room = need;
    return room < HTTP_BODY_MAX ? room : HTTP_BODY_MAX;
}

enum reason http_body_add(struct http_body *b, struct http_stream *s, const uint8_t *data, size_t n,
                          size_t expected)
{
    if (n > HTTP_BODY_MAX - b->len)
        return REASON_HTTP_TOO_LARGE;
    if (n > b->cap - b->len) {
        size_t room = body_room(b, b->len + n, expected);
        uint8_t *grown = http_alloc(s, room);
        if (!grown)
            return REASON_NO_MEMORY;
        if (b->len)
            memcpy(grown, b->data, b->len);
        b->data = grown;
        b->cap = room;
    }
    if (n)
        memcpy(b->data + b->len, data, n);
    b->len += n;
    return REASON_OK;
}

void http_fail(struct http_stream *s, enum reason why, const char *allow)
{
    const struct reason_row *row = reason_row(why);
    metric_reason(why);
    /* A row that is an RCODE in a 200 has no DNS message here to carry it; those are all of our own trouble.
     */
    http_respond(s, &(struct http_response){.status = row->http == 200 ? 503 : row->http,
                                            .cache = HTTP_NO_STORE,
                                            .content_type = "text/plain",
                                            .allow = allow,
                                            .retry_after = row->http == 429 || row->http == 200 ? "5" : NULL,
                                            .body = bytes_str(row->text)});
}

struct bytes http_parameter(struct bytes query, struct bytes name)
{
    if (query.len == 0)
        return BYTES_NONE;
    const uint8_t *at = query.data, *end = query.data + query.len;
    while (at < end) {
        const uint8_t *stop = memchr(at, '&', (size_t)(end - at));
        if (!stop)
            stop = end;
        size_t len = (size_t)(stop - at);
        if (len > name.len && at[name.len] == '=' && memcmp(at, name.data, name.len) == 0)
            return bytes_of(at + name.len + 1, len - name.len - 1);
        if (len == name.len && memcmp(at, name.data, name.len) == 0)
            return bytes_of(stop, 0);
        at = stop + 1;
    }
    return BYTES_NONE;
}
