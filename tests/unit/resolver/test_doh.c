/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The mapping of requests to DNS messages (RFC 8484 4.1): where the message is looked for, and each refusal.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "resolver/doh.h"

static uint8_t scratch[HTTP_BODY_MAX];

static enum reason get(const char *query, struct bytes *message)
{
    struct http_request r = {.method = HTTP_GET, .query = bytes_str(query)};
    *message = BYTES_NONE;
    return doh_message(&r, scratch, message);
}

static void finds_the_parameter_anywhere(void **state)
{
    (void)state;
    static const char *const queries[] = {"dns=AAEC",       "ct=x&dns=AAEC",   "dns=AAEC&ct=x",
                                          "x&dns=AAEC&y=1", "adns=B&dns=AAEC", "dns=AAEC&dns=////"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct bytes message;
        assert_int_equal(get(queries[i], &message), REASON_OK);
        assert_int_equal(message.len, 3);
        assert_memory_equal(message.data, "\0\1\2", 3);
    }
}

static void accepts_padding_plain_and_encoded(void **state)
{
    (void)state;
    static const char *const queries[] = {"dns=AAECAw", "dns=AAECAw==", "dns=AAECAw%3D%3D",
                                          "dns=AAECAw%3d%3d"};
    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        struct bytes message;
        assert_int_equal(get(queries[i], &message), REASON_OK);
        assert_int_equal(message.len, 4);
    }
}

static void accepts_both_alphabets(void **state)
{
    (void)state;
    struct bytes url, standard;
    assert_int_equal(get("dns=-_-_", &url), REASON_OK);
    uint8_t first[3];
    memcpy(first, url.data, 3);
    assert_int_equal(get("dns=+/+/", &standard), REASON_OK);
    assert_memory_equal(first, standard.data, 3);
}

static void refuses_what_carries_no_message(void **state)
{
    (void)state;
    struct bytes message;
    assert_int_equal(get("", &message), REASON_HTTP_NO_DNS);
    assert_int_equal(get("dn=AAEC", &message), REASON_HTTP_NO_DNS);
    assert_int_equal(get("dns=", &message), REASON_HTTP_BAD_DNS);
    assert_int_equal(get("dns=A", &message), REASON_HTTP_BAD_DNS);
    assert_int_equal(get("dns=AA*C", &message), REASON_HTTP_BAD_DNS);
    assert_int_equal(get("dns=AAEC%00", &message), REASON_HTTP_BAD_DNS);
}

static enum reason post(const char *content_type, size_t len)
{
    struct http_request r = {
        .method = HTTP_POST, .content_type = bytes_str(content_type), .body = bytes_of(scratch, len)};
    struct bytes message;
    enum reason why = doh_message(&r, scratch, &message);
    if (why == REASON_OK)
        assert_int_equal(message.len, len);
    return why;
}

static void judges_the_media_type(void **state)
{
    (void)state;
    assert_int_equal(post("application/dns-message", 17), REASON_OK);
    assert_int_equal(post("Application/DNS-Message", 17), REASON_OK);
    assert_int_equal(post("application/dns-message; charset=utf-8", 17), REASON_OK);
    assert_int_equal(post("application/dns-message ;x", 17), REASON_OK);
    assert_int_equal(post("application/dns-messages", 17), REASON_HTTP_MEDIA_TYPE);
    assert_int_equal(post("text/plain", 17), REASON_HTTP_MEDIA_TYPE);
    assert_int_equal(post("", 17), REASON_HTTP_MEDIA_TYPE);
}

static void refuses_other_methods(void **state)
{
    (void)state;
    struct http_request r = {.method = HTTP_OTHER, .query = bytes_str("dns=AAEC")};
    struct bytes message;
    assert_int_equal(doh_message(&r, scratch, &message), REASON_HTTP_METHOD);
    r.method = HTTP_HEAD;
    assert_int_equal(doh_message(&r, scratch, &message), REASON_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_parameter_anywhere), cmocka_unit_test(accepts_padding_plain_and_encoded),
        cmocka_unit_test(accepts_both_alphabets),       cmocka_unit_test(refuses_what_carries_no_message),
        cmocka_unit_test(judges_the_media_type),        cmocka_unit_test(refuses_other_methods),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
