/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Answers on their way out: see reply.h. */
#include "resolver/reply.h"

#include "data/base/metric.h"
#include "resolver/doh.h"

/* How an answer leaves: what HTTP caches and the EDE are told. */
struct manner {
    enum reason why;
    enum http_cache cache;
    struct answer_note note;
    bool stale; /* its time is over */
};

void reply_error(struct reply r, enum reason why)
{
    size_t n = answer_error(r.q, why, r.out, DNS_MSG_MAX);
    metric_reason(why);
    doh_respond(r.stream, bytes_of(r.out, n), HTTP_NO_STORE, 0);
}

static size_t render_as(struct reply r, const struct answer *a, const struct dns_query *q,
                        const struct manner *m)
{
    const struct answer_note *note = m->note.ede >= 0 ? &m->note : NULL;
    if (m->stale)
        return answer_render_stale(a, q, REPLY_STALE_TTL, note, r.out, DNS_MSG_MAX);
    return answer_render(a, q, r.now, note, r.out, DNS_MSG_MAX);
}

/* An answer within a few bytes of 65535 has no room for OPT: it goes without, rather than not at all. */
static size_t render(struct reply r, const struct answer *a, const struct manner *m)
{
    size_t n = render_as(r, a, r.q, m);
    if (n)
        return n;
    struct dns_query bare = *r.q;
    bare.edns.present = false;
    return render_as(r, a, &bare, m);
}

static void deliver(struct reply r, const struct answer *a, const struct manner *m)
{
    size_t n = render(r, a, m);
    metric_reason(m->why);
    doh_respond(r.stream, bytes_of(r.out, n), m->cache,
                m->stale ? REPLY_STALE_TTL : answer_ttl_left(a, r.now));
}

static struct manner manner_of(const struct answer *a, enum reason why, enum http_cache cache)
{
    bool stale = why == REASON_STALE;
    if (a->head.flags & ANSWER_FILTERED)
        why = REASON_REBINDING;
    else if (stale && a->head.rcode == DNS_NXDOMAIN)
        why = REASON_STALE_NXDOMAIN;
    const struct reason_row *row = reason_row(why);
    return (struct manner){
        .why = why, .cache = cache, .note = {.ede = row->ede, .text = row->text}, .stale = stale};
}

/* why: what was done; REASON_STALE if the answer's time is over. */
void reply_answer(struct reply r, const struct answer *a, enum reason why, enum http_cache cache)
{
    struct manner m = manner_of(a, why, cache);
    struct answer plain = *a;
    /* Its signatures' time may be over as well. */
    if (m.stale)
        plain.head.flags &= (uint8_t)~ANSWER_SECURE;
    deliver(r, &plain, &m);
}

void reply_steered(struct reply r, struct bytes block, const struct steer_text *note)
{
    enum reason why = note->empty ? REASON_STEERED_EMPTY : REASON_STEERED;
    struct answer a;
    if (!answer_open(block, false, &a)) {
        reply_error(r, REASON_NO_MEMORY);
        return;
    }
    struct manner m = {
        .why = why, .cache = HTTP_PRIVATE, .note = {.ede = reason_row(why)->ede, .text = note->text}};
    metric_count(a.head.flags & ANSWER_NEGATIVE ? METRIC_STEERED_NODATA : METRIC_STEERED_MIRROR);
    deliver(r, &a, &m);
}

/* Where there is no HTTP to say it, the RCODE does. */
void reply_refused(struct reply r, enum reason why)
{
    if (r.stream->protocol->dns)
        reply_error(r, why);
    else
        http_fail(r.stream, why, why == REASON_HTTP_METHOD ? DOH_ALLOW : NULL);
}
