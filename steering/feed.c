/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Feeds: see feed.h. What HTTP says becomes what a list's update needs to know: there, the same, absent, or
 * refused and why. */
#include "steering/feed.h"

#include <stdio.h>
#include <stdlib.h>

#include "resolver/net/fetch.h"
#include "steering/feed_file.h"

enum { FEED_URL_MAX = 1200 };

struct feeds {
    struct ev_loop *loop;
    const struct conf *conf;
    struct fetcher *fetcher; /* NULL: not needed yet, or could not be made */
};

struct feeds *feeds_new(struct ev_loop *loop, const struct conf *conf)
{
    struct feeds *f = calloc(1, sizeof *f);
    if (f) {
        f->loop = loop;
        f->conf = conf;
    }
    return f;
}

void feeds_free(struct feeds **f)
{
    if (*f && (*f)->fetcher)
        fetcher_free(&(*f)->fetcher);
    free(*f);
    *f = NULL;
}

static bool failed(struct feed_result *out, enum refusal_why why, const char *name, const char *what)
{
    out->end = FEED_FAILED;
    refuse(&out->why, why, "%s: %s", name, what);
    return true;
}

/* An operator without the right CA file wants the feeds to begin once it is there: tried again each time. */
static struct fetcher *fetcher_of(struct feeds *f)
{
    struct fetcher_options options = {.ca_file = f->conf->steering.fetch.ca_file,
                                      .proxy = f->conf->steering.fetch.proxy};
    if (!f->fetcher && f->loop)
        f->fetcher = fetcher_new(f->loop, &options);
    return f->fetcher;
}

static void failure_of(const char *name, const struct fetch_result *r, struct feed_result *out)
{
    enum refusal_why why = r->end == FETCH_TOO_LARGE ? REFUSAL_TOO_LARGE
                           : r->end == FETCH_TIMEOUT ? REFUSAL_TOO_SLOW
                                                     : REFUSAL_NOT_FETCHED;
    failed(out, why, name, fetch_end_name(r->end));
}

static void status_of(const char *name, unsigned status, struct feed_result *out)
{
    char text[24];
    snprintf(text, sizeof text, "HTTP status %u", status);
    failed(out, REFUSAL_NOT_FETCHED, name, text);
    /* Object stores say 403 of what is not there to those who may not list it. */
    if (status == 404 || status == 410 || status == 403)
        out->end = FEED_ABSENT;
}

static void keep_etag(struct bytes etag, struct feed_result *out)
{
    if (etag.len >= sizeof out->etag || memchr(etag.data ? etag.data : (const uint8_t *)"", '\0', etag.len))
        return;
    if (etag.len)
        memcpy(out->etag, etag.data, etag.len);
    out->etag[etag.len] = '\0';
}

static void on_fetched(void *self, const struct fetch_result *r)
{
    struct feed_get *g = self;
    struct feed_result out = {.end = FEED_GOT};
    const struct feed_request request = g->request;
    g->fetch = NULL;
    if (r->end != FETCH_OK)
        failure_of(request.name, r, &out);
    else if (r->status == 304 && request.etag)
        out.end = FEED_SAME;
    else if (r->status != 200)
        status_of(request.name, r->status, &out);
    else if (!(out.body = arena_copy(request.arena, r->body)).data)
        failed(&out, REFUSAL_NO_MEMORY, request.name, "document");
    else
        keep_etag(r->etag, &out);
    request.done(request.self, &out);
}

static bool start_https(struct feeds *f, struct feed_get *g, struct feed_result *out)
{
    char url[FEED_URL_MAX];
    int n = snprintf(url, sizeof url, "%s%s", g->request.url, g->request.name);
    struct fetcher *fetcher = fetcher_of(f);
    struct fetch_request r = {.url = url,
                              .etag = g->request.etag,
                              .body_max = g->request.max,
                              .timeout = (uint32_t)f->conf->steering.fetch.timeout,
                              .done = on_fetched,
                              .self = g};
    if (fetcher && n > 0 && n < (int)sizeof url)
        g->fetch = fetch_start(fetcher, &r);
    return !g->fetch && failed(out, REFUSAL_NOT_FETCHED, g->request.name, "cannot be started");
}

bool feed_start(struct feeds *f, struct feed_get *g, const struct feed_request *r, struct feed_result *out)
{
    *out = (struct feed_result){.end = FEED_GOT};
    *g = (struct feed_get){.request = *r};
    if (g->request.etag && !*g->request.etag)
        g->request.etag = NULL;
    if (feed_is_file(r->url)) {
        out->end = feed_file_read(r->url, r->name, r->max, r->arena, &out->body, &out->why);
        return true;
    }
    if (!f || !bytes_starts_with(bytes_str(r->url), BYTES_LIT("https://")))
        return failed(out, REFUSAL_UNSUPPORTED, r->name, "neither file: nor https:");
    return start_https(f, g, out);
}

void feed_cancel(struct feed_get *g)
{
    if (g->fetch)
        fetch_cancel(&g->fetch);
}
