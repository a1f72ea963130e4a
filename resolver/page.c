/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The static page: see page.h. Read once; a reload reads it again. */
#include "resolver/page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static ssize_t read_all(int fd, uint8_t *out, size_t cap)
{
    size_t len = 0;
    while (len < cap) {
        ssize_t n = read(fd, out + len, cap - len);
        if (n < 0)
            return -1;
        if (n == 0)
            return (ssize_t)len;
        len += (size_t)n;
    }
    errno = EFBIG;
    return -1;
}

bool page_init(struct page *p, const char *path)
{
    *p = (struct page){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    uint8_t *html = fd < 0 ? NULL : malloc(PAGE_MAX + 1);
    ssize_t n = html ? read_all(fd, html, PAGE_MAX + 1) : -1;
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0) {
        free(html);
        errno = error;
        return false;
    }
    p->html = bytes_of(html, (size_t)n);
    return true;
}

void page_fini(struct page *p)
{
    free((void *)(uintptr_t)p->html.data);
    p->html = BYTES_NONE;
}

void page_respond(const struct page *p, struct http_stream *s, const struct http_request *r)
{
    if (r->method != HTTP_GET && r->method != HTTP_HEAD) {
        http_fail(s, REASON_HTTP_METHOD, "GET, HEAD");
        return;
    }
    http_respond(s, &(struct http_response){.status = 200,
                                            .cache = HTTP_MAX_AGE,
                                            .max_age = 60,
                                            .content_type = "text/html; charset=utf-8",
                                            .body = p->html});
}
