/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request and its answer, whatever protocol carried them: HTTP, or DNS messages alone.
 *
 * A handler is called once per complete request (headers and whole body) and answers it with http_respond
 * exactly once: at once or in a later turn of the loop. The stream lives until then, even when its client has
 * reset it or its connection is gone: then the answer is thrown away. So a handler never learns of, and never
 * has to undo, a vanished client; and a reset stream counts against its connection's cap until it was
 * answered. */
#ifndef POLYNYA_NET_HTTP_H
#define POLYNYA_NET_HTTP_H

#include "data/base/address.h"
#include "data/base/arena.h"
#include "data/base/reason.h"

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST, HTTP_OTHER };

enum { HTTP_BODY_MAX = 65535, HTTP_TARGET_MAX = 16384 };

/* Borrowed from the stream; valid until it is answered. */
struct http_request {
    enum http_method method;
    struct bytes path;         /* before '?', as sent */
    struct bytes query;        /* after '?', without it; may be empty */
    struct bytes content_type; /* empty if there was none */
    struct bytes body;
};

enum http_cache { HTTP_NO_STORE, HTTP_MAX_AGE, HTTP_PRIVATE };

struct http_response {
    uint16_t status;
    enum http_cache cache;
    uint32_t max_age;         /* seconds, for HTTP_MAX_AGE and HTTP_PRIVATE */
    const char *content_type; /* static text; NULL with an empty body */
    const char *allow;        /* static text or NULL (405) */
    const char *retry_after;  /* static text or NULL (429, 503) */
    struct bytes
        body; /* static, or from http_alloc of the same stream; HEAD drops it and keeps content-length */
};

/* Embedded at the head of what h1, h2 and dot keep per request. */
struct http_stream {
    const struct http_protocol *protocol;
    struct arena arena; /* for the handler, too; limited */
    void *user;         /* the handler's own */
    struct ip client;   /* len 0: unknown, or on this machine; known when the handler is called */
    uint16_t idle;      /* dns only: tenths of a second its connection may be idle (RFC 7828 3.1) */
};

struct http_protocol {
    void (*respond)(struct http_stream *s, const struct http_response *r);
    bool dns; /* carries DNS messages and no HTTP: the body is all of an answer, and an answer with a status
                 other than 200 ends the connection */
};

struct http_handler {
    void *self;
    void (*request)(void *self, struct http_stream *s, const struct http_request *r);
    /* Of a listener for DNS, in the place of request; message is borrowed until it returns. why: REASON_OK,
     * or what it is to be refused for. */
    void (*message)(void *self, struct http_stream *s, struct bytes message, enum reason why);
};

struct tls_server;

/* How a listener serves its connections. All is borrowed for as long as it does. */
struct http_service {
    struct tls_server *tls; /* NULL: in clear */
    const struct http_handler *handler;
    bool proxied; /* each begins with a header of PROXY protocol version 2, from a trusted proxy */
};

/* Memory that lives as long as the stream; NULL past the stream's limit. */
static inline void *http_alloc(struct http_stream *s, size_t n)
{
    return arena_alloc(&s->arena, n);
}

static inline void http_respond(struct http_stream *s, const struct http_response *r)
{
    s->protocol->respond(s, r);
}

/* What h1 and h2 share of writing an answer. */
enum { HTTP_NUMBER_TEXT = 12, HTTP_CACHE_TEXT = 32 };
/* v in decimal at the end of buf; the result points into it. */
struct bytes http_number(uint32_t v, char buf[HTTP_NUMBER_TEXT]);
/* The value of cache-control: static or in buf. */
struct bytes http_cache_control(const struct http_response *r, char buf[HTTP_CACHE_TEXT]);

/* RFC 9110 5.6.2 and 5.6.3: what tokens are made of; a value without the spaces around it. */
bool http_token_char(uint8_t c);
struct bytes http_trim(struct bytes value);

/* A body while it comes in. Its bytes lie in the stream's arena. */
struct http_body {
    uint8_t *data;
    size_t len, cap;
};
/* Adds n bytes; expected is the whole length if the client has told it, else 0. REASON_OK, HTTP_TOO_LARGE
 * (over HTTP_BODY_MAX) or NO_MEMORY. */
enum reason http_body_add(struct http_body *b, struct http_stream *s, const uint8_t *data, size_t n,
                          size_t expected);
/* Enough for the longest target, the longest body however it came, and the longest answer. */
enum { HTTP_ARENA_MAX = 320 * 1024 };

/* A small text/plain answer from the reason's row, no-store; counts the reason. allow is for 405. */
void http_fail(struct http_stream *s, enum reason why, const char *allow);
/* The value of the first parameter `name` in a query string, still percent-encoded; .data NULL if absent. */
struct bytes http_parameter(struct bytes query, struct bytes name);

#endif
