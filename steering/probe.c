/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a probe asks and how its answer is judged: see probe.h. */
#include "steering/probe.h"

#include <stdio.h>

static const struct {
    const char *name, *text;
} own[PROBE_FAILURES - FETCH_ENDS] = {
#define PROBE(id, n, t) [PROBE_##id - FETCH_ENDS] = {n, t},
#include "steering/probe.def"
#undef PROBE
};

const char *probe_failure_name(unsigned failure)
{
    return failure >= FETCH_ENDS && failure < PROBE_FAILURES ? own[failure - FETCH_ENDS].name
                                                             : fetch_end_name((enum fetch_end)failure);
}

const char *probe_failure_text(unsigned failure)
{
    return failure >= FETCH_ENDS && failure < PROBE_FAILURES ? own[failure - FETCH_ENDS].text
                                                             : fetch_end_text((enum fetch_end)failure);
}

enum probe_class probe_class_of(unsigned failure)
{
    switch (failure) {
    case PROBE_NONE:
        return PROBE_CLASS_OK;
    case FETCH_TIMEOUT:
        return PROBE_CLASS_TIMEOUT;
    case FETCH_SSL_NAME:
    case FETCH_SSL_ISSUER:
    case FETCH_SSL_CERTIFICATE:
    case FETCH_SSL_EXPIRES_SOON:
    case FETCH_SSL_HANDSHAKE:
        return PROBE_CLASS_TLS;
    case FETCH_TOO_LARGE:
    case PROBE_STATUS:
    case PROBE_BODY:
        return PROBE_CLASS_HTTP;
    default:
        return PROBE_CLASS_CONNECT;
    }
}

bool probe_request(const struct view_site *site, const struct view_mirror *m, unsigned i,
                   const struct dns_name *name, uint32_t timeout, char url[PROBE_URL_MAX],
                   struct fetch_request *out)
{
    char host[DNS_NAME_TEXT_MAX], port[8] = "";
    struct bytes path = view_site_path(site);
    name_to_text(name, host);
    if (m->port != 443)
        snprintf(port, sizeof port, ":%u", m->port);
    int n =
        snprintf(url, PROBE_URL_MAX, "https://%s%s%.*s", host, port, (int)path.len, (const char *)path.data);
    *out = (struct fetch_request){
        .url = url,
        .address = &view_mirror_addresses(m)[i],
        .body_max = site->contains_len ? PROBE_BODY_MAX : 1,
        .truncate = true,
        .timeout = timeout,
        .certificate_life = PROBE_CERTIFICATE_LIFE,
    };
    /* Registered names are host names; any other would be another URL. */
    return n > 0 && n < PROBE_URL_MAX && host[strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-.")] == '\0';
}

enum probe_failure probe_judge(const struct fetch_result *r, struct bytes contains)
{
    if (r->end != FETCH_OK)
        return (enum probe_failure)r->end;
    if (r->status < 200 || r->status > 399)
        return PROBE_STATUS;
    if (contains.len && (!r->body.len || !memmem(r->body.data, r->body.len, contains.data, contains.len)))
        return PROBE_BODY;
    return PROBE_NONE;
}
