/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One static page at "/": what a demo mirror shows, or an operator's landing page. */
#ifndef POLYNYA_RESOLVER_PAGE_H
#define POLYNYA_RESOLVER_PAGE_H

#include "resolver/net/http.h"

enum { PAGE_MAX = 256 * 1024 };

struct page {
    struct bytes html; /* owned */
};

/* Reads FILE, at most PAGE_MAX bytes. False and errno on failure; EFBIG if it is longer. */
bool page_init(struct page *p, const char *path);
void page_fini(struct page *p);
/* Answers GET and HEAD. */
void page_respond(const struct page *p, struct http_stream *s, const struct http_request *r);

#endif
