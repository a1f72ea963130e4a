/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Posts over HTTP/2 against frames written by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "resolver/net/h2_client.h"

enum { POSTS = 100 };

struct bench {
    struct h2_client *client;
    struct h2_post *post[POSTS];
    unsigned done;
    enum h2_end end;
    size_t len;
    uint8_t out[65536];
    size_t out_len;
};

static struct bench *bench_of_owner;

static void on_done(void *owner, const struct h2_reply *reply)
{
    struct bench *b = bench_of_owner;
    struct h2_post **slot = owner;
    *slot = NULL;
    b->done++;
    b->end = reply->end;
    b->len = reply->len;
    assert_true(reply->len == 0 || reply->body);
}

static void drain(struct bench *b)
{
    struct bytes out;
    b->out_len = 0;
    while (h2_client_write(b->client, &out) && out.len) {
        assert_true(b->out_len + out.len <= sizeof b->out);
        memcpy(b->out + b->out_len, out.data, out.len);
        b->out_len += out.len;
    }
}

static bool receive(struct bench *b, const void *frames, size_t len)
{
    bool ok = h2_client_read(b->client, bytes_of(frames, len));
    drain(b);
    return ok;
}

static bool frame(struct bench *b, uint8_t type, uint8_t flags, uint8_t stream, const void *payload,
                  size_t len)
{
    uint8_t f[20000] = {
        (uint8_t)(len >> 16), (uint8_t)(len >> 8), (uint8_t)len, type, flags, 0, 0, 0, stream};
    assert_true(len + 9 <= sizeof f);
    if (len)
        memcpy(f + 9, payload, len);
    return receive(b, f, len + 9);
}

enum { DATA = 0, HEADERS = 1, RST_STREAM = 3, SETTINGS = 4, GOAWAY = 7, END_STREAM = 1, END_HEADERS = 4 };

/* HPACK: an indexed :status, and content-type as a literal (RFC 7541 6.2.2, name 31). */
static bool headers(struct bench *b, uint8_t stream, uint8_t status, const char *type)
{
    uint8_t block[100] = {status, 0x0f, 0x10, (uint8_t)strlen(type)};
    memcpy(block + 4, type, strlen(type));
    return frame(b, HEADERS, END_HEADERS, stream, block, strlen(type) ? 4 + strlen(type) : 1);
}

enum { STATUS_200 = 0x88, STATUS_404 = 0x8d };
static const char dns[] = "application/dns-message";

static int setup(void **state)
{
    static const struct h2_client_options options = {"doh.example", "/dns-query", on_done};
    struct bench *b = test_calloc(1, sizeof *b);
    b->client = h2_client_new(&options);
    assert_non_null(b->client);
    bench_of_owner = b;
    drain(b);
    assert_memory_equal(b->out, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    assert_true(frame(b, SETTINGS, 0, 0, NULL, 0));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    h2_client_free(&b->client);
    test_free(b);
    return 0;
}

static void post(struct bench *b, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        b->post[i] = h2_client_post(b->client, BYTES_LIT("question"), &b->post[i]);
        assert_non_null(b->post[i]);
    }
    drain(b);
}

static void test_answers_in_any_order(void **state)
{
    struct bench *b = *state;
    post(b, 2);
    assert_true(headers(b, 3, STATUS_200, dns));
    assert_true(headers(b, 1, STATUS_200, "Application/DNS-Message; charset=x"));
    assert_true(frame(b, DATA, 0, 3, "ab", 2));
    assert_int_equal(b->done, 0);
    assert_true(frame(b, DATA, END_STREAM, 3, "c", 1));
    assert_int_equal(b->done, 1);
    assert_null(b->post[1]);
    assert_int_equal(b->end, H2_END_ANSWER);
    assert_int_equal(b->len, 3);
    assert_true(frame(b, DATA, END_STREAM, 1, "d", 1));
    assert_int_equal(b->done, 2);
    assert_int_equal(h2_client_posts(b->client), 0);
}

static void test_what_is_no_answer(void **state)
{
    struct bench *b = *state;
    post(b, 4);
    headers(b, 1, STATUS_404, dns);
    frame(b, DATA, END_STREAM, 1, "x", 1);
    assert_int_equal(b->end, H2_END_STATUS);
    assert_int_equal(b->len, 0);
    headers(b, 3, STATUS_200, "application/dns-messages");
    frame(b, DATA, END_STREAM, 3, "x", 1);
    assert_int_equal(b->end, H2_END_TYPE);
    headers(b, 5, STATUS_200, dns);
    frame(b, RST_STREAM, 0, 5, "\0\0\0\2", 4);
    assert_int_equal(b->end, H2_END_RESET);
    frame(b, RST_STREAM, 0, 7, "\0\0\0\7", 4);
    assert_int_equal(b->end, H2_END_UNSEEN);
    assert_int_equal(b->done, 4);
}

/* An interim status is no answer, and what it says holds for none (RFC 9110 15.2). */
static void test_interim_status(void **state)
{
    /* :status as a literal (name 8), and content-type as above. */
    uint8_t early[31] = {8, 3, '1', '0', '3', 0x0f, 0x10, sizeof dns - 1};
    memcpy(early + 8, dns, sizeof dns - 1);
    struct bench *b = *state;
    post(b, 2);
    for (int i = 0; i < 1000; i++)
        assert_true(frame(b, HEADERS, END_HEADERS, 1, early, 5));
    assert_int_equal(b->done, 0);
    headers(b, 1, STATUS_200, dns);
    frame(b, DATA, END_STREAM, 1, "answer", 6);
    assert_int_equal(b->end, H2_END_ANSWER);
    assert_int_equal(b->len, 6);
    frame(b, HEADERS, END_HEADERS, 3, early, sizeof early);
    headers(b, 3, STATUS_200, "");
    frame(b, DATA, END_STREAM, 3, "answer", 6);
    assert_int_equal(b->end, H2_END_TYPE);
    assert_int_equal(b->done, 2);
}

static void test_too_long(void **state)
{
    struct bench *b = *state;
    static const uint8_t part[16384];
    post(b, 1);
    headers(b, 1, STATUS_200, dns);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(b->done, 0);
        frame(b, DATA, 0, 1, part, sizeof part);
    }
    assert_int_equal(b->done, 1);
    assert_int_equal(b->end, H2_END_TOO_LONG);
}

/* GOAWAY: the streams after the last one that was looked at come back, the others are waited for. */
static void test_the_server_leaves(void **state)
{
    struct bench *b = *state;
    post(b, 2);
    assert_true(h2_client_open(b->client));
    assert_true(frame(b, GOAWAY, 0, 0, "\0\0\0\1\0\0\0\0", 8));
    assert_false(h2_client_open(b->client));
    assert_null(h2_client_post(b->client, BYTES_LIT("question"), b));
    assert_int_equal(b->done, 1);
    assert_int_equal(b->end, H2_END_UNSEEN);
    assert_null(b->post[1]);
    headers(b, 1, STATUS_200, dns);
    assert_false(frame(b, DATA, END_STREAM, 1, "x", 1));
    assert_int_equal(b->done, 2);
    assert_int_equal(b->end, H2_END_ANSWER);
}

static unsigned resets(const struct bench *b)
{
    unsigned n = 0;
    for (size_t at = 0; at + 9 <= b->out_len; at += 9u + ((size_t)b->out[at + 1] << 8 | b->out[at + 2]))
        n += b->out[at + 3] == RST_STREAM;
    return n;
}

/* Who is dropped hears nothing; only of many the oldest are reset. */
static void test_drops(void **state)
{
    struct bench *b = *state;
    post(b, POSTS);
    for (unsigned i = 0; i < POSTS; i++)
        h2_client_drop(b->post[i]);
    assert_int_equal(h2_client_posts(b->client), 0);
    drain(b);
    assert_int_equal(resets(b), POSTS - H2_CLIENT_ORPHANS);
    headers(b, 199, STATUS_200, dns);
    frame(b, DATA, END_STREAM, 199, "x", 1);
    assert_int_equal(b->done, 0);
    post(b, 1);
    h2_client_drop(b->post[0]);
    drain(b);
    assert_int_equal(resets(b), 0);
}

static void test_taken_back_in_order(void **state)
{
    struct bench *b = *state;
    void *owner;
    post(b, 3);
    h2_client_drop(b->post[1]);
    assert_true(h2_client_take_back(b->client, &owner));
    assert_ptr_equal(owner, &b->post[0]);
    assert_true(h2_client_take_back(b->client, &owner));
    assert_ptr_equal(owner, &b->post[2]);
    assert_false(h2_client_take_back(b->client, &owner));
}

static void test_nonsense_ends_it(void **state)
{
    struct bench *b = *state;
    post(b, 1);
    assert_false(receive(b, "HTTP/1.1 400 Bad Request\r\n\r\n", 28) && receive(b, "again, and again", 16));
    assert_int_equal(h2_client_posts(b->client), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_is_no_answer, setup, teardown),
        cmocka_unit_test_setup_teardown(test_interim_status, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_long, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_server_leaves, setup, teardown),
        cmocka_unit_test_setup_teardown(test_drops, setup, teardown),
        cmocka_unit_test_setup_teardown(test_taken_back_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_nonsense_ends_it, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
