/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl for a command line: see http.h. Proxies from the environment are not used: a question about a name
 * must not go where nobody meant it to go. */
#include "steering/cli/http.h"

#include <curl/curl.h>

enum { BODY_MAX = 1 << 20 };

static size_t on_body(char *data, size_t size, size_t n, void *user)
{
    struct writer *w = user;
    writer_put(w, data, size * n);
    return w->full ? 0 : size * n;
}

static const char *version_name(long version)
{
    switch (version) {
    case CURL_HTTP_VERSION_2_0:
        return "HTTP/2";
    case CURL_HTTP_VERSION_1_1:
        return "HTTP/1.1";
    case CURL_HTTP_VERSION_1_0:
        return "HTTP/1.0";
    default:
        return "HTTP";
    }
}

static struct curl_slist *headers_of(struct cli *c, const struct cli_ask *ask)
{
    struct curl_slist *list = NULL;
    if (ask->accept)
        list = curl_slist_append(list, arena_printf(&c->arena, "Accept: %s", ask->accept));
    if (ask->body.len)
        list = curl_slist_append(list, arena_printf(&c->arena, "Content-Type: %s", ask->content_type));
    return list;
}

static void set_up(CURL *curl, const struct cli_ask *ask, struct writer *body, struct curl_slist *headers,
                   char *error)
{
    curl_easy_setopt(curl, CURLOPT_URL, ask->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, ask->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, error);
    if (ask->cacert)
        curl_easy_setopt(curl, CURLOPT_CAINFO, ask->cacert);
    if (ask->unix_socket)
        curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, ask->unix_socket);
    if (ask->body.len) {
        curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, (long)ask->body.len);
        curl_easy_setopt(curl, CURLOPT_POSTFIELDS, ask->body.data);
    }
}

static const char *hint(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_CONNECT:
        return "; is the daemon running there?";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; for a local CA give --cacert FILE";
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_URL_MALFORMAT:
        return "; check the URL";
    case CURLE_WRITE_ERROR:
        return "; the answer is too long";
    default:
        return "";
    }
}

static void read_result(struct cli *c, CURL *curl, const struct writer *body, struct cli_told *out)
{
    long version = 0;
    const char *type = NULL;
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
    curl_easy_getinfo(curl, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    curl_off_t us = 0;
    curl_easy_getinfo(curl, CURLINFO_TOTAL_TIME_T, &us);
    out->ms = (double)us / 1000;
    out->version = version_name(version);
    out->content_type = type ? arena_text(&c->arena, bytes_str(type)) : "";
    body->data[body->len] = 0;
    out->body = bytes_of(body->data, body->len);
}

bool cli_http(struct cli *c, const struct cli_ask *ask, struct cli_told *out)
{
    char error[CURL_ERROR_SIZE] = "";
    uint8_t *room = arena_alloc(&c->arena, BODY_MAX + 1);
    CURL *curl = curl_easy_init();
    CURLcode code = CURLE_OUT_OF_MEMORY;
    if (room && curl) {
        struct writer body = writer_of(room, BODY_MAX);
        struct curl_slist *headers = headers_of(c, ask);
        set_up(curl, ask, &body, headers, error);
        code = curl_easy_perform(curl);
        if (code == CURLE_OK)
            read_result(c, curl, &body, out);
        curl_slist_free_all(headers);
    }
    curl_easy_cleanup(curl);
    if (code != CURLE_OK)
        cli_fail("no answer from %s: %s%s", ask->unix_socket ? ask->unix_socket : ask->url,
                 error[0] ? error : curl_easy_strerror(code), hint(code));
    return code == CURLE_OK;
}
