/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS requests on the loop: see fetch.h.
 *
 * Names are resolved in libcurl's own threads. A request that has ended is first taken out of libcurl and
 * only then told, so whoever is told may start, cancel and free as he likes. */
#include "resolver/net/fetch.h"

#include <stdio.h>
#include <stdlib.h>

#include "data/base/log.h"
#include "resolver/net/ca.h"
#include "resolver/net/curl_loop.h"
#include "resolver/net/fetch_inner.h"

enum { POOL_MAX = 8, BODY_FIRST = 4096 };

struct fetcher {
    struct curl_loop *curl;
    struct ca *ca;
    char *proxy;
    struct link running; /* struct fetch, in libcurl's hands */
    struct link ended;   /* struct fetch, to be told */
    bool *freed;         /* set while somebody is told */
};

/* Ending */

static void destroy(struct fetch *r)
{
    curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->connect_to);
    curl_slist_free_all(r->headers);
    free(r->body);
    free(r);
}

/* Out of libcurl's hands and of ours. */
static void release(struct fetch *r)
{
    link_remove(&r->link);
    curl_loop_remove(r->fetcher->curl, r->easy);
}

/* False if the fetcher was freed meanwhile. */
static bool tell(struct fetcher *f, struct fetch *r)
{
    bool freed = false;
    struct fetch_result result = fetch_result_of(r);
    release(r);
    f->freed = &freed;
    r->done(r->self, &result);
    if (!freed)
        f->freed = NULL;
    destroy(r);
    return !freed;
}

/* libcurl has had its turn. */
static void on_turned(void *self)
{
    struct fetcher *f = self;
    struct fetch *r;
    CURL *easy;
    CURLcode code;
    while (curl_loop_ended(f->curl, &easy, &code)) {
        curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&r);
        r->code = code;
        link_move(&f->ended, &r->link);
    }
    while (!link_empty(&f->ended))
        if (!tell(f, holder_of(f->ended.next, struct fetch, link)))
            return;
}

/* One request */

/* What does not fit is not taken: that ends the transfer. */
static size_t on_body(char *data, size_t size, size_t n, void *self)
{
    struct fetch *r = self;
    size_t len = size * n, room = r->max - r->len;
    size_t take = len < room ? len : room;
    if (r->len + take > r->cap) {
        size_t cap = r->cap ? r->cap : BODY_FIRST;
        while (cap < r->len + take)
            cap *= 2;
        uint8_t *more = realloc(r->body, cap);
        if (!more)
            return 0;
        r->body = more;
        r->cap = cap;
    }
    if (take)
        memcpy(r->body + r->len, data, take);
    r->len += take;
    r->overflow = take < len;
    return take;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *self)
{
    struct fetch *r = self;
    (void)easy;
    if (r->pinned)
        ca_use_noting(r->fetcher->ca, ssl_ctx, &r->leaf_ends);
    else
        ca_use(r->fetcher->ca, ssl_ctx);
    return CURLE_OK;
}

/* Every call can only fail for want of memory, or for a libcurl that is not the one we know. */
#define SET(option, value) (ok = ok && curl_easy_setopt(r->easy, option, value) == CURLE_OK)

static bool set_tls(struct fetch *r)
{
    bool ok = true;
    /* The context's own CAs are replaced: none need be read. A resumed session shows no certificate. */
    SET(CURLOPT_CAINFO, NULL);
    SET(CURLOPT_CAPATH, NULL);
    SET(CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    SET(CURLOPT_SSL_CTX_DATA, r);
    SET(CURLOPT_SSL_SESSIONID_CACHE, 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    return ok;
}

static bool set_http(struct fetch *r, const struct fetch_request *q)
{
    bool ok = true;
    SET(CURLOPT_URL, q->url);
    SET(CURLOPT_PROTOCOLS_STR, "https");
    SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
    SET(CURLOPT_USERAGENT, "Mozilla/5.0 (compatible; polynya)");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    SET(CURLOPT_WRITEFUNCTION, on_body);
    SET(CURLOPT_WRITEDATA, r);
    if (!q->truncate)
        SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)q->body_max);
    if (q->etag) {
        char line[1024];
        int n = snprintf(line, sizeof line, "If-None-Match: %s", q->etag);
        r->headers = n < (int)sizeof line ? curl_slist_append(NULL, line) : NULL;
        ok = ok && r->headers;
        SET(CURLOPT_HTTPHEADER, r->headers);
    }
    return ok;
}

/* The port stays the URL's; a connection to another address of that name must not be taken for this one. */
static bool pin(struct fetch *r, const struct ip *address)
{
    bool ok = true;
    char text[IP_TEXT_MAX], to[IP_TEXT_MAX + 8];
    ip_format(address, text);
    snprintf(to, sizeof to, address->len == 4 ? "::%s:" : "::[%s]:", text);
    r->connect_to = curl_slist_append(NULL, to);
    ok = r->connect_to != NULL;
    SET(CURLOPT_CONNECT_TO, r->connect_to);
    SET(CURLOPT_FRESH_CONNECT, 1L);
    SET(CURLOPT_FORBID_REUSE, 1L);
    return ok;
}

static bool set_way(struct fetch *r, const struct fetch_request *q)
{
    bool ok = true;
    r->direct = q->address || !r->fetcher->proxy;
    SET(CURLOPT_PROXY, r->direct ? "" : r->fetcher->proxy);
    SET(CURLOPT_NOPROXY, r->direct ? "*" : "");
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A resolver's thread that hangs is left behind, not waited for. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_TIMEOUT_MS, (long)q->timeout);
    SET(CURLOPT_CONNECTTIMEOUT_MS, (long)q->timeout);
    SET(CURLOPT_PRIVATE, r);
    SET(CURLOPT_ERRORBUFFER, r->error);
    return ok && (!q->address || pin(r, q->address));
}

struct fetch *fetch_start(struct fetcher *f, const struct fetch_request *q)
{
    struct fetch *r = bytes_equal_nocase(bytes_of(q->url, strnlen(q->url, 8)), BYTES_LIT("https://"))
                          ? calloc(1, sizeof *r)
                          : NULL;
    if (!r)
        return NULL;
    r->fetcher = f;
    r->max = q->body_max;
    r->truncate = q->truncate;
    r->certificate_life = q->certificate_life;
    r->pinned = q->address != NULL;
    r->done = q->done;
    r->self = q->self;
    link_init(&r->link);
    r->easy = curl_easy_init();
    if (r->easy && set_tls(r) && set_http(r, q) && set_way(r, q) && curl_loop_add(f->curl, r->easy)) {
        link_move(&f->running, &r->link);
        return r;
    }
    destroy(r);
    return NULL;
}

void fetch_cancel(struct fetch **f)
{
    if (!*f)
        return;
    release(*f);
    destroy(*f);
    *f = NULL;
}

/* All requests */

static bool set_up(struct fetcher *f, struct ev_loop *loop, const struct fetcher_options *o)
{
    char error[300];
    f->ca = ca_new(o->ca_file, error, sizeof error);
    if (!f->ca) {
        log_error("fetch.no-cas", "cause=\"%s\"", error);
        return false;
    }
    f->proxy = o->proxy ? strdup(o->proxy) : NULL;
    f->curl = curl_loop_new(loop, POOL_MAX, on_turned, f);
    return f->curl && (f->proxy || !o->proxy);
}

struct fetcher *fetcher_new(struct ev_loop *loop, const struct fetcher_options *options)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(f);
        return NULL;
    }
    link_init(&f->running);
    link_init(&f->ended);
    if (!set_up(f, loop, options))
        fetcher_free(&f);
    return f;
}

static void cancel_all(struct link *ring)
{
    while (!link_empty(ring)) {
        struct fetch *r = holder_of(ring->next, struct fetch, link);
        fetch_cancel(&r);
    }
}

void fetcher_free(struct fetcher **f)
{
    struct fetcher *x = *f;
    if (!x)
        return;
    *f = NULL;
    if (x->freed)
        *x->freed = true;
    cancel_all(&x->running);
    cancel_all(&x->ended);
    curl_loop_free(&x->curl);
    ca_free(&x->ca);
    free(x->proxy);
    free(x);
    curl_global_cleanup();
}
