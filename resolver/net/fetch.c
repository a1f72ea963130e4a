/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTPS requests on the loop: see fetch.h.
 *
 * libcurl says which sockets to watch and when to wake it; nothing here blocks. Names are resolved in its own
 * threads. A request that has ended is first taken out of libcurl and only then told, so whoever is told may
 * start, cancel and free as he likes. */
#include "resolver/net/fetch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <curl/curl.h>
#include <openssl/x509_vfy.h>

#include "data/base/clock.h"
#include "data/base/link.h"
#include "data/base/log.h"
#include "resolver/net/ca.h"

enum { POOL_MAX = 8, BODY_FIRST = 4096 };

struct fetcher {
    struct ev_loop *loop;
    CURLM *multi;
    struct ca *ca;
    char *proxy;
    ev_timer timer;
    struct link sockets; /* struct watched */
    struct link running; /* struct fetch, in libcurl's hands */
    struct link ended;   /* struct fetch, to be told */
    unsigned busy;
    bool *freed; /* set while somebody is told */
};

struct watched {
    struct link link;
    struct fetcher *fetcher;
    ev_io io;
};

struct fetch {
    struct link link;
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *connect_to;
    struct curl_slist *headers;
    uint8_t *body;
    size_t len, cap, max;
    uint32_t certificate_life;
    int64_t leaf_ends; /* of a chain that verified */
    bool pinned;       /* to an address: its connection is its own, and ends with it */
    bool truncate;
    bool overflow; /* more than max came */
    bool direct;   /* no proxy is asked */
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    void (*done)(void *self, const struct fetch_result *r);
    void *self;
};

static const struct {
    const char *name, *text;
} ends[FETCH_ENDS] = {
#define FETCH(id, n, t) [FETCH_##id] = {n, t},
#include "resolver/net/fetch.def"
#undef FETCH
};

const char *fetch_end_name(enum fetch_end end)
{
    return (unsigned)end < FETCH_ENDS ? ends[end].name : ends[FETCH_UNKNOWN].name;
}

const char *fetch_end_text(enum fetch_end end)
{
    return (unsigned)end < FETCH_ENDS ? ends[end].text : ends[FETCH_UNKNOWN].text;
}

/* How it ended */

static enum fetch_end end_of_errno(long error)
{
    switch (error) {
    case ECONNREFUSED:
        return FETCH_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return FETCH_RESET;
    case ETIMEDOUT:
        return FETCH_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return FETCH_UNREACHABLE;
    default:
        return FETCH_UNKNOWN;
    }
}

/* libcurl compares names by itself, once the chain is verified: then OpenSSL has nothing to complain of. */
static enum fetch_end end_of_verify(long result)
{
    switch (result) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return FETCH_SSL_NAME;
    default:
        return ca_is_unknown(result) ? FETCH_SSL_ISSUER : FETCH_SSL_CERTIFICATE;
    }
}

static long info_long(const struct fetch *r, CURLINFO what)
{
    long value = 0;
    curl_easy_getinfo(r->easy, what, &value);
    return value;
}

/* libcurl calls every cut within the handshake a failed one; only its text tells how it was cut. */
static enum fetch_end end_of_handshake(const struct fetch *r)
{
    if (strstr(r->error, "reset by peer"))
        return FETCH_RESET;
    if (strstr(r->error, "SSL_ERROR_SYSCALL") || strstr(r->error, "unexpected eof"))
        return FETCH_EOF;
    return FETCH_SSL_HANDSHAKE;
}

static enum fetch_end end_of(const struct fetch *r)
{
    enum fetch_end end;
    switch (r->code) {
    case CURLE_OK:
        return FETCH_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return FETCH_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return FETCH_PROXY;
    case CURLE_COULDNT_CONNECT:
        return r->direct ? end_of_errno(info_long(r, CURLINFO_OS_ERRNO)) : FETCH_PROXY;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        end = end_of_errno(info_long(r, CURLINFO_OS_ERRNO));
        return end == FETCH_UNKNOWN ? FETCH_EOF : end;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return FETCH_EOF;
    case CURLE_PEER_FAILED_VERIFICATION:
        return end_of_verify(info_long(r, CURLINFO_SSL_VERIFYRESULT));
    case CURLE_SSL_CONNECT_ERROR:
        return end_of_handshake(r);
    case CURLE_SSL_CIPHER:
        return FETCH_SSL_HANDSHAKE;
    case CURLE_WRITE_ERROR:
        return !r->overflow ? FETCH_UNKNOWN : r->truncate ? FETCH_OK : FETCH_TOO_LARGE;
    case CURLE_FILESIZE_EXCEEDED:
        return FETCH_TOO_LARGE;
    default:
        return FETCH_UNKNOWN;
    }
}

/* Before libcurl calls the handshake done, the name in the certificate was not looked at. */
static int64_t certificate_ends(const struct fetch *r)
{
    curl_off_t handshake = 0;
    curl_easy_getinfo(r->easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
    return handshake > 0 ? r->leaf_ends : 0;
}

static struct fetch_result result_of(const struct fetch *r)
{
    struct curl_header *etag = NULL;
    struct fetch_result out = {.end = end_of(r),
                               .status = (unsigned)info_long(r, CURLINFO_RESPONSE_CODE),
                               .body = bytes_of(r->body, r->len),
                               .truncated = r->truncate && r->overflow,
                               .h2 = info_long(r, CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0,
                               .certificate_ends = certificate_ends(r)};
    if (curl_easy_header(r->easy, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK)
        out.etag = bytes_str(etag->value);
    int64_t left = out.certificate_ends - clock_wall_ms() / 1000;
    if (out.end == FETCH_OK && out.certificate_ends && left < (int64_t)r->certificate_life)
        out.end = FETCH_SSL_EXPIRES_SOON;
    return out;
}

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
    r->fetcher->busy--;
    curl_multi_remove_handle(r->fetcher->multi, r->easy);
}

/* False if the fetcher was freed meanwhile. */
static bool tell(struct fetcher *f, struct fetch *r)
{
    bool freed = false;
    struct fetch_result result = result_of(r);
    release(r);
    f->freed = &freed;
    r->done(r->self, &result);
    if (!freed)
        f->freed = NULL;
    destroy(r);
    return !freed;
}

static void collect(struct fetcher *f)
{
    CURLMsg *m;
    int left;
    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct fetch *r = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&r);
        r->code = m->data.result;
        link_move(&f->ended, &r->link);
    }
}

static void act(struct fetcher *f, curl_socket_t fd, int what)
{
    int running;
    curl_multi_socket_action(f->multi, fd, what, &running);
    collect(f);
    while (!link_empty(&f->ended))
        if (!tell(f, holder_of(f->ended.next, struct fetch, link)))
            return;
}

/* libcurl on libev */

static void on_socket_ready(struct ev_loop *loop, ev_io *w, int events)
{
    struct watched *s = w->data;
    (void)loop;
    act(s->fetcher, w->fd,
        (events & EV_READ ? CURL_CSELECT_IN : 0) | (events & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    act(w->data, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer_wanted(CURLM *multi, long ms, void *self)
{
    struct fetcher *f = self;
    (void)multi;
    ev_timer_stop(f->loop, &f->timer);
    if (ms < 0)
        return 0;
    /* libcurl counts from now, the loop from when its turn began. */
    ev_timer_set(&f->timer, (double)ms / 1000 + (ev_time() - ev_now(f->loop)), 0.);
    ev_timer_start(f->loop, &f->timer);
    return 0;
}

static void unwatch(struct watched *s)
{
    ev_io_stop(s->fetcher->loop, &s->io);
    link_remove(&s->link);
    free(s);
}

static struct watched *watch(struct fetcher *f, curl_socket_t fd)
{
    struct watched *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->fetcher = f;
    link_init(&s->link);
    link_move(&f->sockets, &s->link);
    ev_io_init(&s->io, on_socket_ready, fd, EV_READ);
    s->io.data = s;
    curl_multi_assign(f->multi, fd, s);
    return s;
}

static int on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *self, void *of_socket)
{
    struct fetcher *f = self;
    struct watched *s = of_socket;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (s)
            unwatch(s);
        return 0;
    }
    if (!s && !(s = watch(f, fd)))
        return -1;
    ev_io_stop(f->loop, &s->io);
    ev_io_set(&s->io, fd, (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
    ev_io_start(f->loop, &s->io);
    return 0;
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
    if (r->easy && set_tls(r) && set_http(r, q) && set_way(r, q) &&
        curl_multi_add_handle(f->multi, r->easy) == CURLM_OK) {
        link_move(&f->running, &r->link);
        f->busy++;
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

static bool set_up(struct fetcher *f, const struct fetcher_options *o)
{
    char error[300];
    f->ca = ca_new(o->ca_file, error, sizeof error);
    if (!f->ca) {
        log_error("fetch.no-cas", "cause=\"%s\"", error);
        return false;
    }
    f->proxy = o->proxy ? strdup(o->proxy) : NULL;
    f->multi = curl_multi_init();
    return f->multi && (f->proxy || !o->proxy) &&
           curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, (long)POOL_MAX) == CURLM_OK;
}

struct fetcher *fetcher_new(struct ev_loop *loop, const struct fetcher_options *options)
{
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(f);
        return NULL;
    }
    f->loop = loop;
    ev_init(&f->timer, on_timer);
    f->timer.data = f;
    link_init(&f->sockets);
    link_init(&f->running);
    link_init(&f->ended);
    if (!set_up(f, options))
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
    /* Closes pooled connections, which still reports their sockets. */
    curl_multi_cleanup(x->multi);
    while (!link_empty(&x->sockets))
        unwatch(holder_of(x->sockets.next, struct watched, link));
    ev_timer_stop(x->loop, &x->timer);
    ca_free(&x->ca);
    free(x->proxy);
    free(x);
    curl_global_cleanup();
}

unsigned fetcher_busy(const struct fetcher *f)
{
    return f->busy;
}
