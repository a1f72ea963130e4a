/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of an HTTP/1 answer: see h1_answer.h. */
#include "resolver/net/h1_answer.h"

static const char *phrase_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *phrase;
    } phrases[] = {
        {200, "OK"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    };
    for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
        if (phrases[i].status == status)
            return phrases[i].phrase;
    return ""; /* may be empty: RFC 9112 4 */
}

static void write_field(struct writer *w, struct bytes name, struct bytes value)
{
    writer_bytes(w, name);
    writer_bytes(w, BYTES_LIT(": "));
    writer_bytes(w, value);
    writer_bytes(w, BYTES_LIT("\r\n"));
}

struct bytes h1_answer_head(const struct http_response *r, bool keep_alive, char text[H1_ANSWER_HEAD_MAX])
{
    char number[HTTP_NUMBER_TEXT], cache[HTTP_CACHE_TEXT];
    struct writer w = writer_of(text, H1_ANSWER_HEAD_MAX);
    writer_printf(&w, "HTTP/1.1 %u %s\r\n", r->status, phrase_of(r->status));
    if (r->content_type)
        write_field(&w, BYTES_LIT("content-type"), bytes_str(r->content_type));
    write_field(&w, BYTES_LIT("content-length"), http_number((uint32_t)r->body.len, number));
    write_field(&w, BYTES_LIT("cache-control"), http_cache_control(r, cache));
    if (r->allow)
        write_field(&w, BYTES_LIT("allow"), bytes_str(r->allow));
    if (r->retry_after)
        write_field(&w, BYTES_LIT("retry-after"), bytes_str(r->retry_after));
    write_field(&w, BYTES_LIT("connection"), keep_alive ? BYTES_LIT("keep-alive") : BYTES_LIT("close"));
    writer_bytes(&w, BYTES_LIT("\r\n"));
    return writer_done(&w);
}
