/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS over HTTPS, the mapping alone (RFC 8484): which DNS message a request carries, and how an answer
 * travels.
 *
 * Pure but for the response it hands over. Knows nothing of caches, upstreams or steering. */
#ifndef POLYNYA_RESOLVER_DOH_H
#define POLYNYA_RESOLVER_DOH_H

#include "resolver/net/http.h"

/* The methods of the DoH path, for Allow. */
#define DOH_ALLOW "GET, HEAD, POST"

/* The message in r: POST's body, or the dns parameter of GET and HEAD decoded into scratch. REASON_OK, or how
 * to refuse: HTTP_METHOD, HTTP_MEDIA_TYPE, HTTP_NO_DNS, HTTP_BAD_DNS, HTTP_TOO_LARGE. message is borrowed
 * from r or scratch. scratch holds HTTP_BODY_MAX bytes. */
enum reason doh_message(const struct http_request *r, uint8_t *scratch, struct bytes *message);
/* Answers s with a copy of the DNS message; max_age in seconds. */
void doh_respond(struct http_stream *s, struct bytes message, enum http_cache cache, uint32_t max_age);

#endif
