/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Queries as sent and their replies judged: see asked.h. */
#include "resolver/asked.h"

#include "data/base/hash.h"
#include "data/dns/edns.h"

enum {
    EXTENDED_RCODE_SHIFT = 24, /* in the TTL field of an OPT, RFC 6891 6.1.3 */
    OPTION_HEAD = 4
};

static void draw_case(uint8_t *name, size_t len)
{
    uint8_t bits[DNS_NAME_MAX / 8 + 1];
    for (size_t i = 0; i < sizeof bits && i * 8 < len; i += 2)
        put_u16(bits + i, random_u16());
    for (size_t i = 0; i < len; i++) {
        /* Length bytes are below 64 and so never letters. */
        bool letter = (uint8_t)(name[i] - 'a') < 26;
        if (letter && bits[i / 8] >> i % 8 & 1)
            name[i] &= (uint8_t)~0x20;
    }
}

void asked_init(struct asked *a, const struct dns_query *q)
{
    a->name = q->name;
    name_lower(&a->name);
    a->type = q->type;
    a->flags = DNS_RD | (q->flags & DNS_CD);
    a->dnssec_ok = q->edns.dnssec_ok;
    a->len = (uint16_t)(a->name.len + 4);
    memcpy(a->question, a->name.wire, a->name.len);
    draw_case(a->question, a->name.len);
    put_u16(a->question + a->name.len, a->type);
    put_u16(a->question + a->name.len + 2, DNS_CLASS_IN);
}

/* Appends an option to the OPT that ends the message, and whose options begin at `options`. */
static void add_option(struct writer *w, size_t options, uint16_t code, size_t len)
{
    uint8_t *at = writer_reserve(w, OPTION_HEAD + len);
    put_u16(at, code);
    put_u16(at + 2, (uint16_t)len);
    memset(at + OPTION_HEAD, 0, len);
    put_u16(w->data + options - 2, (uint16_t)(w->len - options));
}

size_t asked_write(const struct asked *a, const struct asked_form *form, uint8_t out[ASKED_MAX])
{
    struct writer w = writer_of(out, ASKED_MAX);
    query_write(&w, form->id, a->flags, &a->name, a->type, form->edns ? ASKED_UDP_SIZE : 0,
                form->edns && a->dnssec_ok);
    memcpy(out + DNS_HEADER, a->question, a->len);
    size_t options = w.len;
    if (form->edns && form->keepalive)
        add_option(&w, options, EDNS_KEEPALIVE, 0);
    if (form->edns && form->block)
        add_option(&w, options, EDNS_PADDING, -(w.len + OPTION_HEAD) % form->block);
    return w.len;
}

bool asked_keepalive(struct bytes reply, uint16_t *tenths)
{
    struct dns_rr opt;
    struct edns_option option;
    if (!msg_find_opt(reply, &opt))
        return false;
    while (edns_next(&opt.rdata, &option))
        if (option.code == EDNS_KEEPALIVE && option.data.len == 2) {
            *tenths = get_u16(option.data.data);
            return true;
        }
    return false;
}

/* Compares the reply's question with ours; GARBLED stands for a question that is not there. */
static enum asked_verdict check_question(const struct asked *a, struct bytes reply)
{
    if (get_u16(reply.data + 4) != 1 || reply.len < (size_t)DNS_HEADER + a->len)
        return get_u16(reply.data + 4) == 1 ? ASKED_WRONG_QUESTION : ASKED_GARBLED;
    struct bytes sent = {a->question, a->len}, got = {reply.data + DNS_HEADER, a->len};
    if (bytes_equal(sent, got))
        return ASKED_ANSWER;
    /* Type and class are not text: their case counts. */
    if (memcmp(got.data + a->name.len, sent.data + a->name.len, 4) != 0)
        return ASKED_WRONG_QUESTION;
    sent.len = got.len = a->name.len;
    return bytes_equal_nocase(sent, got) ? ASKED_WRONG_CASE : ASKED_WRONG_QUESTION;
}

/* The full RCODE, or -1 if the message is malformed. */
static int read_rcode(struct bytes reply, bool *has_opt)
{
    struct msg_iter it;
    struct dns_rr rr;
    int rcode = get_u16(reply.data + 2) & DNS_RCODE;
    *has_opt = false;
    if (!msg_iter_init(&it, reply))
        return -1;
    while (msg_next(&it, &rr)) {
        if (rr.section != DNS_ADDITIONAL || rr.type != DNS_OPT)
            continue;
        if (*has_opt)
            return -1; /* RFC 6891 6.1.1: one at most */
        *has_opt = true;
        rcode |= (int)(rr.ttl >> EXTENDED_RCODE_SHIFT) << 4;
    }
    return it.malformed ? -1 : rcode;
}

static enum asked_verdict judge(struct bytes reply)
{
    bool has_opt;
    /* What follows in a truncated message may be cut anywhere: it is not looked at. */
    if (get_u16(reply.data + 2) & DNS_TC)
        return ASKED_TRUNCATED;
    switch (read_rcode(reply, &has_opt)) {
    case -1:
        return ASKED_GARBLED;
    case DNS_NOERROR:
    case DNS_NXDOMAIN:
        return ASKED_ANSWER;
    case DNS_FORMERR:
    case DNS_NOTIMP:
        return has_opt ? ASKED_FAILED : ASKED_NO_EDNS;
    case DNS_BADVERS:
        return ASKED_NO_EDNS;
    case DNS_REFUSED:
        return ASKED_REFUSED;
    default:
        return ASKED_FAILED;
    }
}

/* RFC 6891 7: a server that knows no EDNS may answer FORMERR or NOTIMP with a bare header. */
static bool is_bare_error(struct bytes reply)
{
    unsigned rcode = get_u16(reply.data + 2) & DNS_RCODE;
    return reply.len == DNS_HEADER && get_u16(reply.data + 4) == 0 &&
           (rcode == DNS_FORMERR || rcode == DNS_NOTIMP);
}

enum asked_verdict asked_check(const struct asked *a, uint16_t id, bool any_case, struct bytes reply)
{
    if (reply.len < DNS_HEADER)
        return ASKED_GARBLED;
    if (get_u16(reply.data) != id)
        return ASKED_WRONG_ID;
    unsigned flags = get_u16(reply.data + 2);
    if (!(flags & DNS_QR) || flags & DNS_OPCODE)
        return ASKED_GARBLED;
    if (is_bare_error(reply))
        return ASKED_NO_EDNS;
    enum asked_verdict v = check_question(a, reply);
    if (v != ASKED_ANSWER && !(v == ASKED_WRONG_CASE && any_case))
        return v;
    return judge(reply);
}

bool asked_same_case(const struct asked *a, struct bytes reply)
{
    return reply.len >= (size_t)DNS_HEADER + a->len &&
           memcmp(reply.data + DNS_HEADER, a->question, a->len) == 0;
}

void asked_restore(const struct asked *a, uint8_t *reply, size_t len)
{
    if (len >= (size_t)DNS_HEADER + a->len)
        memcpy(reply + DNS_HEADER, a->name.wire, a->name.len);
}
