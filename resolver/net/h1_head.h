/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of an HTTP/1 request and the frame of its body (RFC 9112), as pure functions over bytes.
 *
 * Strict where leniency has let requests be smuggled past proxies: no bare LF or CR, no folded lines, no
 * space before a colon, one content-length, never together with transfer-encoding. Nothing is copied. */
#ifndef POLYNYA_NET_H1_HEAD_H
#define POLYNYA_NET_H1_HEAD_H

#include "resolver/net/forwarded.h"
#include "resolver/net/http.h"

enum { H1_FIELDS_MAX = 100, H1_LINE_MAX = HTTP_TARGET_MAX + 64 };

/* Points into the buffer that was parsed. */
struct h1_head {
    enum http_method method;
    struct bytes path, query, content_type;
    size_t content_length; /* 0 .. HTTP_BODY_MAX */
    bool chunked;
    bool expect_continue;
    bool keep_alive;
};

/* How far the search for the end of a head has come. */
struct h1_scan {
    size_t seen;       /* bytes looked at */
    size_t line_start; /* of the line under way */
    size_t first_line; /* length of the request line with its CRLF; 0 while it is not whole */
};

/* Looks for the empty line in data, going on where *s left off. REASON_OK: *len is the head's length with the
 * empty line, or 0 if there is more to come; else how to refuse. fields is the limit of all field lines
 * together. */
enum reason h1_head_find(struct h1_scan *s, struct bytes data, size_t fields, size_t *len);
/* Parses a whole head; forwarded is told of the fields. REASON_OK, or how to refuse it. */
enum reason h1_head_parse(struct bytes head, struct forwarded *forwarded, struct h1_head *out);

/* Where a chunked body is (RFC 9112 7.1); zeroed to begin. */
struct h1_chunks {
    enum { H1_SIZE, H1_DATA, H1_DATA_END, H1_TRAILER, H1_END } state;
    size_t left;    /* of the chunk under way */
    size_t trailer; /* bytes of trailer lines so far */
};

/* Takes the next step: at most one line or piece of data off the front of data. *used tells how many bytes
 * went, 0 if more are needed (or state is H1_END); *piece is body data, or empty. REASON_OK, HTTP_BAD_REQUEST
 * or HTTP_HEADERS. */
enum reason h1_chunks_next(struct h1_chunks *c, struct bytes data, size_t *used, struct bytes *piece);

#endif
