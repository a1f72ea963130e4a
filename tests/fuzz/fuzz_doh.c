/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a DoH request carries: the first byte chooses method and media type, the rest is the query string or
 * the body. Whatever comes, the message is bounded, and a refusal is one of those the handler knows to
 * answer. */
#include <stdlib.h>

#include "data/dns/answer.h"
#include "resolver/doh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const media_types[] = {"application/dns-message", "application/dns-message; x=y",
                                          "text/plain", ""};

static void check(bool ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t scratch[HTTP_BODY_MAX], out[DNS_MSG_MAX];
    if (size == 0)
        return 0;
    struct bytes rest = bytes_of(data + 1, size - 1);
    struct http_request r = {.method = (enum http_method)(data[0] & 3),
                             .query = rest,
                             .body = rest,
                             .content_type = bytes_str(media_types[data[0] >> 2 & 3])};
    struct bytes message;
    enum reason why = doh_message(&r, scratch, &message);
    if (why != REASON_OK) {
        check(reason_row(why)->http >= 400 && reason_row(why)->http < 500);
        return 0;
    }
    check(message.len <= HTTP_BODY_MAX);
    struct dns_query q;
    why = query_parse(message, &q);
    if (why == REASON_OK)
        check(q.name.len >= 1 && q.question.len == q.name.len + 4u);
    else if (reason_row(why)->http == 200)
        check(answer_error(&q, why, out, sizeof out) >= DNS_HEADER);
    return 0;
}
