/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A zone transfer as the secondary sees it: what is asked, and the messages of the answers, one after the
 * other (SOA, then IXFR: RFC 1995, or AXFR: RFC 5936). Pure, and strict: what does not fit the protocol ends
 * the transfer, and then nothing of it may be used.
 *
 * First the SOA is asked for; then, if that is newer than ours, the difference if we have a zone, all of it
 * if we have none or the primary cannot tell the difference. */
#ifndef POLYNYA_STEERING_XFR_H
#define POLYNYA_STEERING_XFR_H

#include "data/dns/records.h"
#include "data/dns/tsig.h"
#include "data/list/refusal.h"

/* Of all messages of one answer; of one question. */
enum { XFR_BYTES_MAX = 64 << 20, XFR_QUESTION_MAX = 1024 };

enum xfr_state {
    XFR_MORE,      /* further messages are to come */
    XFR_ASK,       /* the next question is to be asked: xfr_ask */
    XFR_DONE,      /* records is the new zone, soa its SOA */
    XFR_UNCHANGED, /* the primary has what we have */
    XFR_FAILED     /* why says how */
};

struct xfr {
    struct dns_name zone;       /* lower-case */
    const struct records *ours; /* what we have; NULL: nothing. Borrowed */
    uint32_t serial;            /* of that */
    struct tsig *tsig;          /* NULL: neither signed nor looked at. Borrowed */
    struct records *records;    /* what comes */
    struct soa soa;             /* the primary's */
    struct refusal why;
    enum { XFR_SOA, XFR_IXFR, XFR_AXFR } kind;
    bool whole; /* do not ask for the difference: that has failed */
    uint16_t id;
    size_t bytes;
    unsigned messages;
    /* what comes next */
    enum { XFR_FIRST, XFR_SECOND, XFR_WHOLE, XFR_DELETING, XFR_ADDING, XFR_OVER } next;
    uint32_t at; /* the serial that the changes told so far lead to */
};

/* ours and tsig as in struct xfr. Needs xfr_fini. */
void xfr_init(struct xfr *x, const struct dns_name *zone, const struct records *ours, uint32_t serial,
              struct tsig *tsig);
void xfr_fini(struct xfr *x);
/* The next question, without the length that TCP wants before it. id is random. */
bool xfr_ask(struct xfr *x, struct writer *w, uint16_t id, int64_t now);
/* Takes the next message; anything but XFR_MORE ends this question. */
enum xfr_state xfr_take(struct xfr *x, struct bytes message, int64_t now);

#endif
