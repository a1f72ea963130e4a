/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of an HTTP/1 answer: its fields, and that the longest fits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "resolver/net/h1_answer.h"

static char text[H1_ANSWER_HEAD_MAX];

static void assert_head(const struct http_response *r, bool keep_alive, const char *want)
{
    assert_true(bytes_equal(h1_answer_head(r, keep_alive, text), bytes_str(want)));
}

static void says_what_there_is(void **state)
{
    (void)state;
    const struct http_response whole = {.status = 200,
                                        .cache = HTTP_MAX_AGE,
                                        .max_age = 60,
                                        .content_type = "text/plain",
                                        .body = BYTES_LIT("hello")};
    assert_head(&whole, true,
                "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n"
                "cache-control: max-age=60\r\nconnection: keep-alive\r\n\r\n");
    const struct http_response bare = {.status = 405, .allow = "GET, POST"};
    assert_head(&bare, false,
                "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 0\r\ncache-control: no-store\r\n"
                "allow: GET, POST\r\nconnection: close\r\n\r\n");
    const struct http_response later = {.status = 599, .retry_after = "1"};
    assert_head(&later, false,
                "HTTP/1.1 599 \r\ncontent-length: 0\r\ncache-control: no-store\r\nretry-after: 1\r\n"
                "connection: close\r\n\r\n");
}

static void the_longest_fits(void **state)
{
    (void)state;
    const struct http_response r = {.status = 431,
                                    .cache = HTTP_PRIVATE,
                                    .max_age = UINT32_MAX,
                                    .content_type = "text/plain; charset=utf-8; version=0.0.4",
                                    .allow = "GET, HEAD, POST",
                                    .retry_after = "86400",
                                    .body = bytes_of((const uint8_t *)text, UINT32_MAX)};
    struct bytes head = h1_answer_head(&r, true, text);
    assert_true(head.len > 4 && head.len < H1_ANSWER_HEAD_MAX / 2 + 64);
    assert_memory_equal(head.data + head.len - 4, "\r\n\r\n", 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_what_there_is),
        cmocka_unit_test(the_longest_fits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
