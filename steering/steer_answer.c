/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The answer a decision makes: see steer.h. */
#include <inttypes.h>
#include <stdio.h>

#include "data/dns/svcb.h"
#include "steering/steer.h"

/* What the outlet registered, or what the probe of the answered addresses negotiated. HTTP/1.1 is what a
 * record without alpn says (RFC 9460, 7.1.1). */
static unsigned alpn_of(const struct steer_decision *d, unsigned at, const char *out[VIEW_ALPN_MAX])
{
    const struct view_mirror *m = d->mirror[at];
    for (unsigned i = 0; i < m->alpn_count; i++)
        out[i] = m->alpn[i];
    if (m->alpn_count)
        return m->alpn_count;
    out[0] = "h2";
    return d->negotiated[at] & HEALTH_ALPN_H2 ? 1 : 0;
}

static bool has(const char *const *alpn, unsigned count, const char *protocol)
{
    for (unsigned i = 0; i < count; i++)
        if (strcmp(alpn[i], protocol) == 0)
            return true;
    return false;
}

/* The record stands for every address in it: only what all picked mirrors speak is said. */
static void common_alpn(const struct steer_decision *d, const char *out[VIEW_ALPN_MAX + 1])
{
    const char *first[VIEW_ALPN_MAX], *second[VIEW_ALPN_MAX];
    unsigned n = 0, firsts = alpn_of(d, 0, first);
    unsigned seconds = d->mirror_count < 2 ? 0 : alpn_of(d, 1, second);
    for (unsigned i = 0; i < firsts; i++)
        if (d->mirror_count < 2 || has(second, seconds, first[i]))
            out[n++] = first[i];
    out[n] = NULL;
}

void steer_https(struct writer *w, const struct steer_decision *d)
{
    const struct view_mirror *best = d->mirror[0];
    const char *alpn[VIEW_ALPN_MAX + 1];
    common_alpn(d, alpn);
    struct svcb s = {
        .priority = 1,
        .alpn = alpn[0] ? alpn : NULL,
        .port = best->port == 443 ? 0 : best->port,
        .hints = d->address,
        .hint_count = d->address_count,
        .ech = view_mirror_ech(best),
    };
    svcb_write(w, &s);
}

static void add_https(struct answer_builder *b, const struct steer_decision *d)
{
    uint8_t rdata[VIEW_ECH_MAX + 512];
    struct writer w = writer_of(rdata, sizeof rdata);
    steer_https(&w, d);
    answer_add(b, DNS_ANSWER, NULL, DNS_HTTPS, d->ttl, writer_done(&w));
}

static void add_addresses(struct answer_builder *b, const struct steer_decision *d, uint16_t type)
{
    uint8_t len = type == DNS_A ? 4 : 16;
    for (unsigned i = 0; i < d->address_count; i++)
        if (d->address[i].len == len)
            answer_add(b, DNS_ANSWER, NULL, type, d->ttl, bytes_of(d->address[i].addr, len));
}

static bool has_records(const struct steer_decision *d, uint16_t type)
{
    if (d->outcome != STEER_MIRRORS || d->mirror_count == 0)
        return false;
    for (unsigned i = 0; i < d->address_count; i++)
        if (type == DNS_HTTPS || d->address[i].len == (type == DNS_A ? 4 : 16))
            return true;
    return false;
}

size_t steer_answer(const struct steer_decision *d, const struct dns_query *q, int64_t now, uint8_t *block,
                    size_t cap)
{
    struct answer_builder b;
    bool any = has_records(d, q->type);
    answer_begin(&b, q, DNS_NOERROR, any ? ANSWER_STEERED : ANSWER_STEERED | ANSWER_NEGATIVE, block, cap);
    if (!any)
        answer_add_soa(&b, DNS_AUTHORITY, &d->site->domain, d->ttl);
    else if (q->type == DNS_HTTPS)
        add_https(&b, d);
    else
        add_addresses(&b, d, q->type);
    return answer_end(&b, (uint32_t)now);
}

void steer_note(const struct steer_decision *d, char out[96])
{
    snprintf(out, 96, "list %.60s version %" PRIu64, d->list->name, d->list->version);
}
