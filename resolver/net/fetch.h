/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS requests out of an event loop: libcurl's multi interface on libev. The only user of libcurl beside
 * the command line's control client.
 *
 * Serves two masters: feeds (a document of bounded size, conditional, through a proxy if need be) and probes
 * (a pinned address, what the handshake showed, whether a marker stands in the body). Every request is HTTPS,
 * verified by WebPKI against its URL's host name, follows no redirect, decodes nothing (no gzip, no zstd),
 * sends no cookie and no referrer, and ends: by its answer, its size or its time. */
#ifndef POLYNYA_NET_FETCH_H
#define POLYNYA_NET_FETCH_H

#include <ev.h>

#include "data/base/address.h"

/* How a request ended; fetch.def has a row each, named by OONI's failure strings where it has one. */
enum fetch_end {
#define FETCH(id, name, text) FETCH_##id,
#include "resolver/net/fetch.def"
#undef FETCH
    FETCH_ENDS
};
/* "generic_timeout_error", … and a sentence for people. */
const char *fetch_end_name(enum fetch_end end);
const char *fetch_end_text(enum fetch_end end);

struct fetcher;
struct fetch;

struct fetcher_options {
    const char *ca_file; /* PEM, in addition to the system's CAs; NULL: none */
    const char *proxy;   /* "http://…", "socks5h://…"; NULL: none, whatever the environment says */
};

/* Borrowed for the call to done. */
struct fetch_result {
    enum fetch_end end; /* FETCH_OK: an HTTP answer came, whatever its status */
    unsigned status;
    struct bytes body;
    struct bytes etag; /* as sent, with its quotes; empty: none */
    bool truncated;    /* body_max bytes came, and there were more (only with `truncate`) */
    bool h2;           /* HTTP/2 was negotiated; else HTTP/1.1 */
    int64_t
        certificate_ends; /* Unix seconds, of the leaf; 0: no handshake, not verified, or no address given */
};

/* All texts are copied. */
struct fetch_request {
    const char *url;          /* https:// */
    const struct ip *address; /* connect there, whatever the name resolves to; NULL: resolve, or proxy */
    const char *etag;         /* If-None-Match; NULL: none */
    size_t body_max;          /* bytes */
    bool truncate;            /* more than body_max ends the request well; else it ends as TOO_LARGE */
    uint32_t timeout;         /* ms, all together; slow bodies end by it, too */
    uint32_t
        certificate_life; /* seconds the leaf at address must still be valid, else SSL_EXPIRES_SOON; 0: any */
    /* Called once, never before fetch_start returns; the request is gone when it is called. */
    void (*done)(void *self, const struct fetch_result *r);
    void *self;
};

/* NULL, logged, without memory or with an unreadable ca_file. */
struct fetcher *fetcher_new(struct ev_loop *loop, const struct fetcher_options *options);
/* Requests under way end without done being called. */
void fetcher_free(struct fetcher **f);
/* NULL when nothing could be started (no memory, not an https URL): done is not called. */
struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *r);
/* Ends it without done being called. */
void fetch_cancel(struct fetch **f);

#endif
