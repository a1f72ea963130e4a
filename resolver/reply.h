/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How an answer leaves: rendered for its question, and with what HTTP caches and the extended error are told.
 * Every way out is a row of reason.def and is counted here. */
#ifndef POLYNYA_RESOLVER_REPLY_H
#define POLYNYA_RESOLVER_REPLY_H

#include "data/dns/answer.h"
#include "resolver/net/http.h"

enum { REPLY_STALE_TTL = 30 }; /* seconds (RFC 8767 4) */

/* To whom, and with what. */
struct reply {
    struct http_stream *stream;
    const struct dns_query *q;
    uint32_t now; /* Unix seconds */
    uint8_t *out; /* DNS_MSG_MAX bytes to work in */
};

/* What steering knows of a question beside its answer. */
struct steer_text {
    char text[96]; /* for the EDE of a steered answer: "list demo version 7" */
    bool empty;    /* the outlet chose no answer while all mirrors are down */
    bool ours;     /* another client may be answered otherwise, even where this one gets the truth */
};

/* The truth, our own or from upstream. why: what was done; REASON_STALE if the answer's time is over. */
void reply_answer(struct reply r, const struct answer *a, enum reason why, enum http_cache cache);
/* A steered answer's block. */
void reply_steered(struct reply r, struct bytes block, const struct steer_text *note);
/* No answer: why is a row with an RCODE. */
void reply_error(struct reply r, enum reason why);
/* Refused as HTTP; where there is no HTTP to say it, the RCODE does. */
void reply_refused(struct reply r, enum reason why);

#endif
