/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The transfer's state machine: see xfr.h. */
#include "steering/xfr.h"

#include "data/dns/rr.h"

enum { SOA_NUMBERS = 20 };

static const uint16_t types[] = {[XFR_SOA] = DNS_SOA, [XFR_IXFR] = DNS_IXFR, [XFR_AXFR] = DNS_AXFR};

void xfr_init(struct xfr *x, const struct dns_name *zone, const struct records *ours, uint32_t serial,
              struct tsig *tsig)
{
    *x = (struct xfr){.zone = *zone, .ours = ours, .serial = serial, .tsig = tsig};
    name_lower(&x->zone);
}

void xfr_fini(struct xfr *x)
{
    records_free(&x->records);
}

/* ---- asking ---- */

/* RFC 1995 3: the SOA that we have stands in the authority section; only its serial is looked at. */
static void put_our_soa(const struct xfr *x, struct writer *w)
{
    writer_put(w, x->zone.wire, x->zone.len);
    writer_u16(w, DNS_SOA);
    writer_u16(w, DNS_CLASS_IN);
    writer_u32(w, 0);
    writer_u16(w, 2 + SOA_NUMBERS);
    writer_u16(w, 0); /* two root names */
    writer_u32(w, x->serial);
    for (int i = 0; i < 4; i++)
        writer_u32(w, 0);
}

bool xfr_ask(struct xfr *x, struct writer *w, uint16_t id, int64_t now)
{
    size_t start = w->len;
    x->id = id;
    x->bytes = 0;
    x->messages = 0;
    x->next = XFR_FIRST;
    query_write(w, id, 0, &x->zone, types[x->kind], 0, false);
    if (x->kind == XFR_IXFR)
        put_our_soa(x, w);
    if (w->full || start != 0)
        return false;
    if (x->kind == XFR_IXFR)
        put_u16(w->data + 8, 1);
    return !x->tsig || tsig_sign(x->tsig, w, now);
}

/* ---- the head of a message ---- */

static enum xfr_state failed(struct xfr *x, enum refusal_why why, const char *what)
{
    refuse(&x->why, why, "%s: %s", x->kind == XFR_SOA ? "SOA" : x->kind == XFR_IXFR ? "IXFR" : "AXFR", what);
    return XFR_FAILED;
}

static enum xfr_state broken(struct xfr *x, const char *what)
{
    return failed(x, REFUSAL_BAD_TRANSFER, what);
}

/* The first message repeats the question; the others may (RFC 5936 2.2.2). */
static bool question_fits(const struct xfr *x, struct bytes message)
{
    unsigned count = get_u16(message.data + 4);
    size_t at = DNS_HEADER;
    struct dns_name name;
    if (count == 0)
        return x->messages > 0;
    return count == 1 && name_read(message, &at, &name) && name_equal(&name, &x->zone) &&
           message.len - at >= 4 && get_u16(message.data + at) == types[x->kind] &&
           get_u16(message.data + at + 2) == DNS_CLASS_IN;
}

static enum xfr_state check_head(struct xfr *x, struct bytes message)
{
    uint16_t flags = get_u16(message.data + 2);
    if (!(flags & DNS_QR) || flags & (DNS_OPCODE | DNS_TC) || get_u16(message.data) != x->id)
        return broken(x, "a message that is no answer to ours");
    if (!(flags & DNS_RCODE) && !question_fits(x, message))
        return broken(x, "an answer to another question");
    return XFR_MORE;
}

static enum xfr_state check_tsig(struct xfr *x, struct bytes message, int64_t now)
{
    switch (x->tsig ? tsig_check(x->tsig, message, now) : TSIG_GOOD) {
    case TSIG_GOOD:
        return XFR_MORE;
    case TSIG_MISSING:
        return failed(x, REFUSAL_TSIG_MISSING, "a message without TSIG");
    case TSIG_BAD_FORM:
        return failed(x, REFUSAL_TSIG_SIGNATURE, "malformed");
    case TSIG_BAD_KEY:
        return failed(x, REFUSAL_TSIG_KEY, "BADKEY");
    case TSIG_BAD_TIME:
        return failed(x, REFUSAL_TSIG_TIME, "BADTIME");
    case TSIG_BAD_MAC:
        break;
    }
    return failed(x, REFUSAL_TSIG_SIGNATURE, "BADSIG");
}

/* All of it is asked for where the difference is not to be had, once. */
static enum xfr_state ask_whole(struct xfr *x)
{
    records_free(&x->records);
    x->kind = XFR_AXFR;
    return XFR_ASK;
}

static enum xfr_state refused(struct xfr *x, unsigned rcode)
{
    char text[16];
    dns_rcode_format(rcode, text);
    return failed(x, REFUSAL_TRANSFER_REFUSED, text);
}

/* NOTIMP or FORMERR: a primary that knows no IXFR. */
static enum xfr_state check_rcode(struct xfr *x, unsigned rcode)
{
    if (x->kind == XFR_IXFR && x->messages == 0 && (rcode == DNS_NOTIMP || rcode == DNS_FORMERR))
        return ask_whole(x);
    return refused(x, rcode);
}

/* ---- records ---- */

static enum xfr_state over(struct xfr *x, uint32_t serial)
{
    x->next = XFR_OVER;
    return serial == x->soa.serial ? XFR_DONE : broken(x, "another SOA at the end than at the beginning");
}

static bool begin(struct xfr *x, bool whole)
{
    x->next = whole ? XFR_WHOLE : XFR_DELETING;
    x->records = whole ? records_new() : records_copy(x->ours);
    return x->records != NULL;
}

static enum xfr_state no_memory(struct xfr *x)
{
    return failed(x, REFUSAL_NO_MEMORY, "zone");
}

/* What the SOA says decides what is asked next. */
static enum xfr_state judge_soa(struct xfr *x)
{
    if (x->ours && x->soa.serial == x->serial)
        return XFR_UNCHANGED;
    if (x->ours && !soa_serial_newer(x->soa.serial, x->serial))
        return failed(x, REFUSAL_ROLLED_BACK, "the serial is older than ours");
    x->kind = x->ours && !x->whole ? XFR_IXFR : XFR_AXFR;
    return XFR_ASK;
}

static enum xfr_state first_soa(struct xfr *x, const struct soa *soa)
{
    x->soa = *soa;
    x->next = XFR_SECOND;
    if (x->kind == XFR_SOA)
        return judge_soa(x);
    if (x->ours && x->kind == XFR_IXFR && soa->serial == x->serial)
        return XFR_UNCHANGED;
    return !x->ours || soa_serial_newer(soa->serial, x->serial)
               ? XFR_MORE
               : failed(x, REFUSAL_ROLLED_BACK, "the serial is not newer than ours");
}

/* The second record tells whether an IXFR is one. */
static enum xfr_state second_soa(struct xfr *x, uint32_t serial)
{
    bool whole = x->kind == XFR_AXFR || serial != x->serial;
    x->at = serial;
    if (!begin(x, whole))
        return no_memory(x);
    return whole ? over(x, serial) : XFR_MORE;
}

static enum xfr_state take_soa(struct xfr *x, const struct soa *soa)
{
    switch (x->next) {
    case XFR_FIRST:
        return first_soa(x, soa);
    case XFR_SECOND:
        return second_soa(x, soa->serial);
    case XFR_WHOLE:
        return over(x, soa->serial);
    case XFR_DELETING:
        x->next = XFR_ADDING;
        x->at = soa->serial;
        return XFR_MORE;
    case XFR_ADDING:
        if (soa->serial == x->soa.serial && x->at == x->soa.serial)
            return over(x, soa->serial);
        x->next = XFR_DELETING;
        return soa->serial == x->at ? XFR_MORE : broken(x, "differences that do not follow each other");
    case XFR_OVER:
        break;
    }
    return broken(x, "records behind the end");
}

static enum xfr_state take_other(struct xfr *x, const struct dns_name *owner, const struct dns_rr *rr,
                                 struct bytes rdata)
{
    if (x->next == XFR_SECOND && !begin(x, true))
        return no_memory(x);
    if (x->next == XFR_DELETING)
        return records_remove(x->records, owner, rr->type, rdata)
                   ? XFR_MORE
                   : broken(x, "a record taken away that is not there");
    if (x->next != XFR_WHOLE && x->next != XFR_ADDING)
        return broken(x, x->next == XFR_OVER ? "records behind the end" : "no SOA at the beginning");
    return records_add(x->records, owner, rr->type, rr->ttl, rdata)
               ? XFR_MORE
               : failed(x, REFUSAL_TOO_MANY, "records, or bytes of them");
}

static enum xfr_state take_record(struct xfr *x, struct bytes message, const struct dns_rr *rr)
{
    static _Thread_local uint8_t buffer[2 + DNS_MSG_MAX];
    struct writer w = writer_of(buffer, sizeof buffer);
    struct dns_name owner;
    struct soa soa;
    size_t at = rr->owner;
    if (rr->class != DNS_CLASS_IN || !name_read(message, &at, &owner) ||
        !rr_put_rdata(&w, NULL, message, rr) || w.full)
        return broken(x, "a malformed record");
    name_lower(&owner);
    if (!name_within(&owner, &x->zone))
        return failed(x, REFUSAL_BAD_ZONE, "a record outside of the zone");
    struct bytes rdata = bytes_of(buffer + 2, w.len - 2);
    if (rr->type != DNS_SOA || !name_equal(&owner, &x->zone))
        return take_other(x, &owner, rr, rdata);
    return soa_read(rdata, &soa) ? take_soa(x, &soa) : broken(x, "a malformed SOA");
}

/* What has been decided at one record is upset by nothing but nonsense behind it. */
static enum xfr_state take_records(struct xfr *x, struct bytes message)
{
    struct msg_iter it;
    struct dns_rr rr;
    enum xfr_state state = XFR_MORE;
    unsigned answers = 0;
    if (!msg_iter_init(&it, message))
        return broken(x, "a malformed message");
    while (state != XFR_FAILED && msg_next(&it, &rr)) {
        if (rr.section != DNS_ANSWER)
            continue;
        answers++;
        if (state == XFR_MORE || state == XFR_DONE)
            state = take_record(x, message, &rr);
    }
    if (state != XFR_FAILED && it.malformed)
        return broken(x, "a malformed message");
    return answers ? state : broken(x, "a message without records");
}

static enum xfr_state judge(struct xfr *x, struct bytes message, int64_t now)
{
    if (message.len < DNS_HEADER)
        return broken(x, "a malformed message");
    x->bytes += message.len;
    if (x->bytes > XFR_BYTES_MAX)
        return failed(x, REFUSAL_TOO_LARGE, "transfer");
    unsigned rcode = get_u16(message.data + 2) & DNS_RCODE;
    enum xfr_state state = check_head(x, message);
    /* Who may say that there is nothing new, or no difference to be had, is for the key to prove, too. */
    if (state == XFR_MORE)
        state = check_tsig(x, message, now);
    if (state != XFR_MORE)
        return rcode && x->why.why == REFUSAL_TSIG_MISSING ? refused(x, rcode) : state;
    state = rcode ? check_rcode(x, rcode) : take_records(x, message);
    x->messages++;
    if (state != XFR_MORE && state != XFR_FAILED && x->tsig && !tsig_complete(x->tsig))
        return failed(x, REFUSAL_TSIG_MISSING, "the last message is without TSIG");
    return state;
}

enum xfr_state xfr_take(struct xfr *x, struct bytes message, int64_t now)
{
    return judge(x, message, now);
}
