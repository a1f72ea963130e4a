/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Parsing HTTP/1 heads and chunks: see h1_head.h. */
#include "resolver/net/h1_head.h"

#include "data/base/text.h"

enum { CHUNK_LINE_MAX = 256, CHUNK_DIGITS_MAX = 8, TRAILER_MAX = 4096 };

/* Finding the end */

static enum reason check_sizes(const struct h1_scan *s, size_t fields)
{
    if (s->first_line == 0)
        return s->seen > H1_LINE_MAX ? REASON_HTTP_URI_LONG : REASON_OK;
    if (s->first_line > H1_LINE_MAX)
        return REASON_HTTP_URI_LONG;
    return s->seen - s->first_line > fields ? REASON_HTTP_HEADERS : REASON_OK;
}

/* lf is the place of a line feed. */
static bool ends_line(struct bytes data, const uint8_t *lf)
{
    return lf > data.data && lf[-1] == '\r';
}

enum reason h1_head_find(struct h1_scan *s, struct bytes data, size_t fields, size_t *len)
{
    *len = 0;
    while (s->seen < data.len) {
        const uint8_t *lf = memchr(data.data + s->seen, '\n', data.len - s->seen);
        if (!lf) {
            s->seen = data.len;
            break;
        }
        if (!ends_line(data, lf))
            return REASON_HTTP_BAD_REQUEST;
        size_t end = (size_t)(lf - data.data) + 1, line = end - s->line_start;
        s->seen = s->line_start = end;
        if (s->first_line == 0)
            s->first_line = end;
        enum reason why = check_sizes(s, fields);
        if (why != REASON_OK)
            return why;
        if (line == 2) {
            *len = end;
            return REASON_OK;
        }
    }
    return check_sizes(s, fields);
}

/* Characters */

static bool is_token(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (!http_token_char(b.data[i]))
            return false;
    return b.len > 0;
}

static bool is_value(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if ((b.data[i] < 0x20 && b.data[i] != '\t') || b.data[i] == 0x7f)
            return false;
    return true;
}

/* Cuts b at the first `at`: what is before it is returned, what is after it stays in b. False if there is
 * none. */
static bool cut(struct bytes *b, uint8_t at, struct bytes *before)
{
    const uint8_t *p = b->len ? memchr(b->data, at, b->len) : NULL;
    if (!p)
        return false;
    *before = bytes_of(b->data, (size_t)(p - b->data));
    b->len -= before->len + 1;
    b->data = p + 1;
    return true;
}

/* The next line without its CRLF; the head is known to consist of whole lines. */
static struct bytes next_line(struct bytes *rest)
{
    struct bytes line = BYTES_NONE;
    if (cut(rest, '\n', &line) && line.len)
        line.len--;
    return line;
}

/* Request line */

static enum http_method method_of(struct bytes name)
{
    if (bytes_equal(name, BYTES_LIT("GET")))
        return HTTP_GET;
    if (bytes_equal(name, BYTES_LIT("POST")))
        return HTTP_POST;
    return bytes_equal(name, BYTES_LIT("HEAD")) ? HTTP_HEAD : HTTP_OTHER;
}

/* An absolute-form target (RFC 9112 3.2.2) is cut down to its path. */
static struct bytes strip_authority(struct bytes target)
{
    static const char *const schemes[] = {"http://", "https://"};
    for (int i = 0; i < 2; i++) {
        size_t n = strlen(schemes[i]);
        if (target.len <= n || !bytes_equal_nocase(bytes_of(target.data, n), bytes_str(schemes[i])))
            continue;
        for (size_t at = n; at < target.len; at++)
            if (target.data[at] == '/' || target.data[at] == '?')
                return bytes_of(target.data + at, target.len - at);
        return BYTES_LIT("/");
    }
    return target;
}

static bool is_target(struct bytes t)
{
    for (size_t i = 0; i < t.len; i++)
        if (t.data[i] <= 0x20 || t.data[i] >= 0x7f || t.data[i] == '#')
            return false;
    return t.len > 0;
}

static enum reason parse_target(struct bytes target, struct h1_head *out)
{
    if (target.len > HTTP_TARGET_MAX)
        return REASON_HTTP_URI_LONG;
    if (!is_target(target))
        return REASON_HTTP_BAD_REQUEST;
    target = strip_authority(target);
    out->query = target;
    if (!cut(&out->query, '?', &out->path)) {
        out->path = target;
        out->query = BYTES_NONE;
    }
    if (out->path.len == 0)
        out->path = BYTES_LIT("/");
    return REASON_OK;
}

static enum reason parse_version(struct bytes v, bool *one_one)
{
    if (v.len != 8 || memcmp(v.data, "HTTP/", 5) != 0 || (uint8_t)(v.data[5] - '0') > 9 || v.data[6] != '.' ||
        (uint8_t)(v.data[7] - '0') > 9)
        return REASON_HTTP_BAD_REQUEST;
    *one_one = v.data[7] == '1';
    return v.data[5] == '1' && v.data[7] <= '1' ? REASON_OK : REASON_HTTP_VERSION;
}

static enum reason parse_request_line(struct bytes line, struct h1_head *out, bool *one_one)
{
    struct bytes method, target;
    if (!cut(&line, ' ', &method) || !is_token(method) || !cut(&line, ' ', &target))
        return REASON_HTTP_BAD_REQUEST;
    enum reason why = parse_version(line, one_one);
    if (why != REASON_OK)
        return why;
    out->method = method_of(method);
    return parse_target(target, out);
}

/* Fields */

/* What must be known of all fields together. */
struct seen {
    unsigned fields, hosts, lengths, codings;
    bool close, keep_alive;
    struct forwarded *forwarded;
};

static enum reason take_length(struct bytes v, struct h1_head *out, struct seen *seen)
{
    if (v.len == 0 || seen->lengths++)
        return REASON_HTTP_BAD_REQUEST;
    for (size_t i = 0; i < v.len; i++)
        if ((uint8_t)(v.data[i] - '0') > 9)
            return REASON_HTTP_BAD_REQUEST;
    uint64_t n;
    if (!uint_parse(v, HTTP_BODY_MAX, &n))
        return REASON_HTTP_TOO_LARGE;
    out->content_length = n;
    return REASON_OK;
}

static enum reason take_coding(struct bytes v, struct h1_head *out, struct seen *seen)
{
    if (seen->codings++)
        return REASON_HTTP_BAD_REQUEST;
    out->chunked = bytes_equal_nocase(v, BYTES_LIT("chunked"));
    return out->chunked ? REASON_OK : REASON_HTTP_NOT_IMPL;
}

static void take_connection(struct bytes v, struct seen *seen)
{
    struct bytes option;
    for (bool more = true; more;) {
        more = cut(&v, ',', &option);
        option = http_trim(more ? option : v);
        seen->close = seen->close || bytes_equal_nocase(option, BYTES_LIT("close"));
        seen->keep_alive = seen->keep_alive || bytes_equal_nocase(option, BYTES_LIT("keep-alive"));
    }
}

static enum reason take_field(struct bytes name, struct bytes v, struct h1_head *out, struct seen *seen)
{
    if (bytes_equal_nocase(name, BYTES_LIT("content-length")))
        return take_length(v, out, seen);
    if (bytes_equal_nocase(name, BYTES_LIT("transfer-encoding")))
        return take_coding(v, out, seen);
    if (bytes_equal_nocase(name, BYTES_LIT("content-type")))
        out->content_type = v;
    else if (bytes_equal_nocase(name, BYTES_LIT("connection")))
        take_connection(v, seen);
    else if (bytes_equal_nocase(name, BYTES_LIT("expect")))
        out->expect_continue = bytes_equal_nocase(v, BYTES_LIT("100-continue"));
    else if (bytes_equal_nocase(name, BYTES_LIT("host")))
        seen->hosts++;
    else
        forwarded_field(seen->forwarded, name, v);
    return REASON_OK;
}

/* A folded line begins with a space, which is_token refuses. */
static bool split_field(struct bytes line, struct bytes *name, struct bytes *value)
{
    if (!cut(&line, ':', name) || !is_token(*name))
        return false;
    *value = http_trim(line);
    return is_value(*value);
}

static enum reason parse_field(struct bytes line, struct h1_head *out, struct seen *seen)
{
    struct bytes name, value;
    if (++seen->fields > H1_FIELDS_MAX)
        return REASON_HTTP_HEADERS;
    return split_field(line, &name, &value) ? take_field(name, value, out, seen) : REASON_HTTP_BAD_REQUEST;
}

/* RFC 9112 3.2 (host) and 6.1 (the two ways to frame a body). */
static enum reason check_all(const struct seen *seen, bool one_one, const struct h1_head *h)
{
    bool bad_host = seen->hosts > 1 || (one_one && seen->hosts == 0);
    bool bad_frame = h->chunked && (seen->lengths || !one_one);
    return bad_host || bad_frame ? REASON_HTTP_BAD_REQUEST : REASON_OK;
}

enum reason h1_head_parse(struct bytes head, struct forwarded *forwarded, struct h1_head *out)
{
    *out = (struct h1_head){0};
    struct seen seen = {.forwarded = forwarded};
    bool one_one = false;
    enum reason why = parse_request_line(next_line(&head), out, &one_one);
    while (why == REASON_OK && head.len > 2)
        why = parse_field(next_line(&head), out, &seen);
    if (why == REASON_OK)
        why = check_all(&seen, one_one, out);
    out->keep_alive = one_one ? !seen.close : seen.keep_alive && !seen.close;
    out->expect_continue = out->expect_continue && one_one;
    return why;
}

/* Chunks */

static enum reason parse_chunk_size(struct h1_chunks *c, struct bytes line)
{
    struct bytes digits = line, extension = line;
    /* There may be space before an extension, and none without one. */
    if (cut(&extension, ';', &digits))
        digits = http_trim(digits);
    else
        extension = BYTES_NONE;
    if (digits.len == 0 || digits.len > CHUNK_DIGITS_MAX || digits.data != line.data || !is_value(extension))
        return REASON_HTTP_BAD_REQUEST;
    size_t size = 0;
    for (size_t i = 0; i < digits.len; i++) {
        uint8_t d = ascii_lower(digits.data[i]);
        if ((uint8_t)(d - '0') < 10)
            size = size << 4 | (size_t)(d - '0');
        else if ((uint8_t)(d - 'a') < 6)
            size = size << 4 | (size_t)(d - 'a' + 10);
        else
            return REASON_HTTP_BAD_REQUEST;
    }
    c->left = size;
    c->state = size ? H1_DATA : H1_TRAILER;
    return REASON_OK;
}

/* Nothing is done with trailers, but what is none may be the next request, for somebody before us. */
static enum reason parse_trailer(struct h1_chunks *c, struct bytes line)
{
    struct bytes name, value;
    c->trailer += line.len + 2;
    if (c->trailer > TRAILER_MAX)
        return REASON_HTTP_HEADERS;
    if (line.len == 0)
        c->state = H1_END;
    return line.len == 0 || split_field(line, &name, &value) ? REASON_OK : REASON_HTTP_BAD_REQUEST;
}

static enum reason next_chunk_line(struct h1_chunks *c, struct bytes data, size_t *used)
{
    size_t limit = c->state == H1_TRAILER ? TRAILER_MAX : c->state == H1_SIZE ? CHUNK_LINE_MAX : 2;
    const uint8_t *lf = data.len ? memchr(data.data, '\n', data.len) : NULL;
    if (!lf)
        return data.len > limit ? REASON_HTTP_BAD_REQUEST : REASON_OK;
    size_t len = (size_t)(lf - data.data) + 1;
    if (len > limit + 2 || !ends_line(data, lf))
        return REASON_HTTP_BAD_REQUEST;
    *used = len;
    struct bytes line = bytes_of(data.data, len - 2);
    if (c->state == H1_SIZE)
        return parse_chunk_size(c, line);
    if (c->state == H1_TRAILER)
        return parse_trailer(c, line);
    c->state = H1_SIZE;
    return line.len == 0 ? REASON_OK : REASON_HTTP_BAD_REQUEST;
}

enum reason h1_chunks_next(struct h1_chunks *c, struct bytes data, size_t *used, struct bytes *piece)
{
    *used = 0;
    *piece = BYTES_NONE;
    if (c->state == H1_END)
        return REASON_OK;
    if (c->state != H1_DATA)
        return next_chunk_line(c, data, used);
    *used = data.len < c->left ? data.len : c->left;
    *piece = bytes_of(data.data, *used);
    c->left -= *used;
    if (c->left == 0)
        c->state = H1_DATA_END;
    return REASON_OK;
}
