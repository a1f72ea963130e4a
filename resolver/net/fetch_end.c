/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How a request ended: libcurl's codes and texts and OpenSSL's verdict, told as one row of fetch.def. */
#include "resolver/net/fetch_inner.h"

#include <errno.h>

#include <openssl/x509_vfy.h>

#include "data/base/clock.h"
#include "resolver/net/ca.h"

static const struct {
    const char *name, *text;
} ends[FETCH_ENDS] = {
#define FETCH(id, n, t) [FETCH_##id] = {n, t},
#include "resolver/net/fetch.def"
#undef FETCH
};

const char *fetch_end_name(enum fetch_end end)
{
    return (unsigned)end < FETCH_ENDS ? ends[end].name : ends[FETCH_UNKNOWN].name;
}

const char *fetch_end_text(enum fetch_end end)
{
    return (unsigned)end < FETCH_ENDS ? ends[end].text : ends[FETCH_UNKNOWN].text;
}

static enum fetch_end end_of_errno(long error)
{
    switch (error) {
    case ECONNREFUSED:
        return FETCH_REFUSED;
    case ECONNRESET:
    case EPIPE:
        return FETCH_RESET;
    case ETIMEDOUT:
        return FETCH_TIMEOUT;
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return FETCH_UNREACHABLE;
    default:
        return FETCH_UNKNOWN;
    }
}

/* libcurl compares names by itself, once the chain is verified: then OpenSSL has nothing to complain of. */
static enum fetch_end end_of_verify(long result)
{
    switch (result) {
    case X509_V_OK:
    case X509_V_ERR_UNSPECIFIED:
    case X509_V_ERR_HOSTNAME_MISMATCH:
        return FETCH_SSL_NAME;
    default:
        return ca_is_unknown(result) ? FETCH_SSL_ISSUER : FETCH_SSL_CERTIFICATE;
    }
}

static long info_long(const struct fetch *r, CURLINFO what)
{
    long value = 0;
    curl_easy_getinfo(r->easy, what, &value);
    return value;
}

/* libcurl calls every cut within the handshake a failed one; only its text tells how it was cut. */
static enum fetch_end end_of_handshake(const struct fetch *r)
{
    if (strstr(r->error, "reset by peer"))
        return FETCH_RESET;
    if (strstr(r->error, "SSL_ERROR_SYSCALL") || strstr(r->error, "unexpected eof"))
        return FETCH_EOF;
    return FETCH_SSL_HANDSHAKE;
}

static enum fetch_end end_of(const struct fetch *r)
{
    enum fetch_end end;
    switch (r->code) {
    case CURLE_OK:
        return FETCH_OK;
    case CURLE_OPERATION_TIMEDOUT:
        return FETCH_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_HOST:
        return FETCH_NAME;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY:
        return FETCH_PROXY;
    case CURLE_COULDNT_CONNECT:
        return r->direct ? end_of_errno(info_long(r, CURLINFO_OS_ERRNO)) : FETCH_PROXY;
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
        end = end_of_errno(info_long(r, CURLINFO_OS_ERRNO));
        return end == FETCH_UNKNOWN ? FETCH_EOF : end;
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return FETCH_EOF;
    case CURLE_PEER_FAILED_VERIFICATION:
        return end_of_verify(info_long(r, CURLINFO_SSL_VERIFYRESULT));
    case CURLE_SSL_CONNECT_ERROR:
        return end_of_handshake(r);
    case CURLE_SSL_CIPHER:
        return FETCH_SSL_HANDSHAKE;
    case CURLE_WRITE_ERROR:
        return !r->overflow ? FETCH_UNKNOWN : r->truncate ? FETCH_OK : FETCH_TOO_LARGE;
    case CURLE_FILESIZE_EXCEEDED:
        return FETCH_TOO_LARGE;
    default:
        return FETCH_UNKNOWN;
    }
}

/* Before libcurl calls the handshake done, the name in the certificate was not looked at. */
static int64_t certificate_ends(const struct fetch *r)
{
    curl_off_t handshake = 0;
    curl_easy_getinfo(r->easy, CURLINFO_APPCONNECT_TIME_T, &handshake);
    return handshake > 0 ? r->leaf_ends : 0;
}

struct fetch_result fetch_result_of(const struct fetch *r)
{
    struct curl_header *etag = NULL;
    struct fetch_result out = {.end = end_of(r),
                               .status = (unsigned)info_long(r, CURLINFO_RESPONSE_CODE),
                               .body = bytes_of(r->body, r->len),
                               .truncated = r->truncate && r->overflow,
                               .h2 = info_long(r, CURLINFO_HTTP_VERSION) == CURL_HTTP_VERSION_2_0,
                               .certificate_ends = certificate_ends(r)};
    if (curl_easy_header(r->easy, "ETag", 0, CURLH_HEADER, -1, &etag) == CURLHE_OK)
        out.etag = bytes_str(etag->value);
    int64_t left = out.certificate_ends - clock_wall_ms() / 1000;
    if (out.end == FETCH_OK && out.certificate_ends && left < (int64_t)r->certificate_life)
        out.end = FETCH_SSL_EXPIRES_SOON;
    return out;
}
