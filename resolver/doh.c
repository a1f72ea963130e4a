/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mapping between HTTP and DNS messages: see doh.h. */
#include "resolver/doh.h"

#include "data/base/text.h"

#define MEDIA_TYPE "application/dns-message"

/* The media type without its parameters; type names are case-insensitive (RFC 9110 8.3.1). */
static bool is_dns_message(struct bytes content_type)
{
    const uint8_t *end = content_type.len ? memchr(content_type.data, ';', content_type.len) : NULL;
    if (end)
        content_type.len = (size_t)(end - content_type.data);
    while (content_type.len && content_type.data[content_type.len - 1] == ' ')
        content_type.len--;
    return bytes_equal_nocase(content_type, BYTES_LIT(MEDIA_TYPE));
}

/* base64url needs no percent-encoding, but some clients encode the padding: "%3D" at the end is dropped. */
static struct bytes strip_encoded_padding(struct bytes text)
{
    while (text.len >= 3 && bytes_equal_nocase(bytes_of(text.data + text.len - 3, 3), BYTES_LIT("%3d")))
        text.len -= 3;
    return text;
}

static enum reason from_parameter(struct bytes query, uint8_t *scratch, struct bytes *message)
{
    struct bytes text = http_parameter(query, BYTES_LIT("dns"));
    if (!text.data)
        return REASON_HTTP_NO_DNS;
    long n = base64_decode(strip_encoded_padding(text), scratch, HTTP_BODY_MAX);
    if (n <= 0)
        return REASON_HTTP_BAD_DNS;
    *message = bytes_of(scratch, (size_t)n);
    return REASON_OK;
}

enum reason doh_message(const struct http_request *r, uint8_t *scratch, struct bytes *message)
{
    switch (r->method) {
    case HTTP_GET:
    case HTTP_HEAD:
        return from_parameter(r->query, scratch, message);
    case HTTP_POST:
        if (!is_dns_message(r->content_type))
            return REASON_HTTP_MEDIA_TYPE;
        if (r->body.len > HTTP_BODY_MAX)
            return REASON_HTTP_TOO_LARGE;
        *message = r->body;
        return REASON_OK;
    default:
        return REASON_HTTP_METHOD;
    }
}

void doh_respond(struct http_stream *s, struct bytes message, enum http_cache cache, uint32_t max_age)
{
    struct bytes body = arena_copy(&s->arena, message);
    if (!body.data) {
        http_fail(s, REASON_NO_MEMORY, NULL);
        return;
    }
    http_respond(
        s, &(struct http_response){
               .status = 200, .cache = cache, .max_age = max_age, .content_type = MEDIA_TYPE, .body = body});
}
