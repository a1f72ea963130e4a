/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: bytes of a client that speaks DNS over TLS, beneath the TLS. */
#include "data/dns/msg.h"
#include "http_fuzz.h"

static void fuzz_message(void *self, struct http_stream *s, struct bytes message, enum reason why)
{
    struct http_fuzz *f = self;
    volatile unsigned sink = touch(message);
    (void)sink;
    if (message.len > DNS_MSG_MAX)
        abort();
    if (message.len < DNS_HEADER)
        http_fail(s, why == REASON_OK ? REASON_HTTP_BAD_DNS : why, NULL);
    else if (f->how & 4 && f->waiting_count < FUZZ_STREAMS)
        f->waiting[f->waiting_count++] = s;
    else
        fuzz_answer(f, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_fuzz *f = fuzz_init();
    f->handler.request = NULL;
    f->handler.message = fuzz_message;
    f->longest = DNS_MSG_MAX;
    return http_fuzz(BYTES_NONE, data, size);
}
