/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a server sends over HTTP/2, in pieces, while posts come and go: no memory error, every post told once
 * at most, and nothing held beyond the bound. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "resolver/net/h2_client.h"

enum { POSTS = 8 };

struct bench {
    struct h2_client *client;
    struct h2_post *post[POSTS]; /* NULL: over or dropped */
};

static struct bench bench;

/* Answers are read to their last byte, so that a wrong length is seen. */
static void on_done(void *owner, const struct h2_reply *reply)
{
    struct h2_post **slot = owner;
    assert(*slot);
    assert(reply->end == H2_END_ANSWER || reply->len == 0);
    *slot = NULL;
    volatile uint8_t last = reply->len ? reply->body[reply->len - 1] : 0;
    (void)last;
    /* One that was told may be followed by another, and may drop others. */
    if (reply->end == H2_END_UNSEEN)
        *slot = h2_client_post(bench.client, BYTES_LIT("again"), slot);
    struct h2_post **other = &bench.post[(size_t)(slot - bench.post + 1) % POSTS];
    if (reply->len == 1 && *other) {
        h2_client_drop(*other);
        *other = NULL;
    }
}

static void drain(void)
{
    struct bytes out;
    while (h2_client_write(bench.client, &out) && out.len)
        ;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct h2_client_options options = {"doh.example", "/dns-query", on_done};
    bench = (struct bench){.client = h2_client_new(&options)};
    if (!bench.client)
        return 0;
    for (size_t i = 0; i < POSTS; i++)
        bench.post[i] = h2_client_post(bench.client, BYTES_LIT("question"), &bench.post[i]);
    drain();
    /* The first byte says how large the pieces are. */
    size_t step = size ? (size_t)data[0] * 8 + 1 : 1;
    bool open = true;
    for (size_t at = 1; open && at < size; at += step) {
        size_t left = size - at;
        open = h2_client_read(bench.client, bytes_of(data + at, left < step ? left : step));
        drain();
    }
    void *owner;
    while (h2_client_take_back(bench.client, &owner))
        *(struct h2_post **)owner = NULL;
    assert(h2_client_posts(bench.client) == 0);
    h2_client_free(&bench.client);
    return 0;
}
