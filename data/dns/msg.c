/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages: see msg.h. query_parse is on the path of every question: one pass, no RR list, no copies but
 * the name. */
#include "data/dns/msg.h"

#include <stdio.h>

#include "data/dns/edns.h"

enum { RR_FIXED = 10, QUERY_RRS_MAX = 8, DNS_SIG = 24 };

/* An RR at *offset; false if it is cut off or its owner is malformed. */
static bool rr_read(struct bytes message, size_t *offset, struct dns_rr *rr)
{
    rr->owner = *offset;
    if (!name_skip(message, offset) || message.len - *offset < RR_FIXED)
        return false;
    const uint8_t *fixed = message.data + *offset;
    size_t len = get_u16(fixed + 8);
    rr->type = get_u16(fixed);
    rr->class = get_u16(fixed + 2);
    rr->ttl = get_u32(fixed + 4);
    rr->ttl_at = *offset + 4;
    *offset += RR_FIXED;
    if (message.len - *offset < len)
        return false;
    rr->rdata = bytes_of(message.data + *offset, len);
    *offset += len;
    return true;
}

/* The one question. Its name comes first in the message, so it has nothing to point to. False if it cannot be
 * read. */
static bool question_read(struct bytes message, size_t *offset, struct dns_query *out)
{
    size_t at = DNS_HEADER, label;
    do {
        if (at >= message.len)
            return false;
        label = message.data[at];
        if (label > DNS_LABEL_MAX)
            return false;
        at += label + 1;
    } while (label);
    size_t len = at - DNS_HEADER;
    if (len > DNS_NAME_MAX || at + 4 > message.len)
        return false;
    out->name.len = (uint8_t)len;
    name_lower_copy(out->name.wire, message.data + DNS_HEADER, len);
    out->type = get_u16(message.data + at);
    out->class = get_u16(message.data + at + 2);
    out->question = bytes_of(message.data + DNS_HEADER, len + 4);
    *offset = at + 4;
    return true;
}

/* The additional section: at most one OPT, owned by the root (RFC 6891 6.1.1). Signed questions (TSIG,
 * SIG(0)) are refused, for nothing here could check them; what else may stand there is skipped. */
static bool additional_read(struct bytes message, size_t offset, unsigned count, struct dns_query *out)
{
    struct dns_rr rr;
    if (count > QUERY_RRS_MAX)
        return false;
    while (count--) {
        if (!rr_read(message, &offset, &rr) || rr.type == DNS_TSIG || rr.type == DNS_SIG)
            return false;
        if (rr.type != DNS_OPT)
            continue;
        if (out->edns.present || message.data[rr.owner] != 0)
            return false;
        if (!edns_read(rr.class, rr.ttl, rr.rdata, &out->edns))
            return false;
    }
    return offset == message.len;
}

static bool sections_read(struct bytes message, struct dns_query *out)
{
    const uint8_t *counts = message.data + 4;
    size_t offset;
    if (get_u16(counts) != 1 || !question_read(message, &offset, out))
        return false;
    if (get_u32(counts + 2) != 0)
        return false;
    return additional_read(message, offset, get_u16(counts + 6), out);
}

/* Meta types and those that ask for a transfer; of the QTYPEs only ANY is a question here (RFC 6895 3.1). */
static bool type_served(uint16_t type)
{
    return type != 0 && type != DNS_OPT && (type < 128 || type >= DNS_ANY);
}

enum reason query_parse(struct bytes message, struct dns_query *out)
{
    out->question = BYTES_NONE;
    out->edns = (struct dns_edns){.present = false};
    out->id = out->flags = out->type = out->class = 0;
    out->name.len = 1;
    out->name.wire[0] = 0;
    if (message.len < DNS_HEADER)
        return REASON_HTTP_BAD_DNS;
    out->id = get_u16(message.data);
    out->flags = get_u16(message.data + 2);
    if (out->flags & DNS_QR)
        return REASON_HTTP_BAD_DNS;
    bool formed = sections_read(message, out);
    if (out->flags & DNS_OPCODE)
        return REASON_NOTIMP;
    if (!formed)
        return REASON_FORMERR;
    if (out->edns.version != 0)
        return REASON_BADVERS;
    if (out->class != DNS_CLASS_IN)
        return REASON_REFUSED_CLASS;
    return type_served(out->type) ? REASON_OK : REASON_REFUSED_TYPE;
}

void query_write(struct writer *w, uint16_t id, uint16_t flags, const struct dns_name *name, uint16_t type,
                 uint16_t udp_size, bool dnssec_ok)
{
    writer_u16(w, id);
    writer_u16(w, flags);
    writer_u16(w, 1);
    writer_u32(w, 0);
    writer_u16(w, udp_size ? 1 : 0);
    writer_put(w, name->wire, name->len);
    writer_u16(w, type);
    writer_u16(w, DNS_CLASS_IN);
    if (udp_size)
        edns_write(w, &(struct edns_reply){.udp_size = udp_size, .dnssec_ok = dnssec_ok, .ede = -1});
}

bool msg_iter_init(struct msg_iter *it, struct bytes message)
{
    *it = (struct msg_iter){.message = message, .offset = DNS_HEADER, .malformed = true};
    if (message.len < DNS_HEADER)
        return false;
    for (unsigned questions = get_u16(message.data + 4); questions; questions--) {
        if (!name_skip(message, &it->offset) || message.len - it->offset < 4)
            return false;
        it->offset += 4;
    }
    for (unsigned i = 0; i < 3; i++)
        it->left[i] = get_u16(message.data + 6 + 2 * i);
    it->malformed = false;
    return true;
}

bool msg_next(struct msg_iter *it, struct dns_rr *rr)
{
    unsigned section = DNS_ANSWER;
    while (section <= DNS_ADDITIONAL && it->left[section] == 0)
        section++;
    if (it->malformed)
        return false;
    if (section > DNS_ADDITIONAL) {
        it->malformed = it->offset != it->message.len;
        return false;
    }
    it->left[section]--;
    rr->section = (enum dns_section)section;
    it->malformed = !rr_read(it->message, &it->offset, rr);
    return !it->malformed;
}

void msg_age(uint8_t *message, size_t len, uint32_t seconds)
{
    struct msg_iter it;
    struct dns_rr rr;
    if (!msg_iter_init(&it, bytes_of(message, len)))
        return;
    while (msg_next(&it, &rr))
        if (rr.type != DNS_OPT)
            put_u32(message + rr.ttl_at, rr.ttl > seconds && rr.ttl <= INT32_MAX ? rr.ttl - seconds : 0);
}

bool msg_find_opt(struct bytes message, struct dns_rr *opt)
{
    struct msg_iter it;
    struct dns_rr rr;
    bool found = false;
    if (!msg_iter_init(&it, message))
        return false;
    while (msg_next(&it, &rr)) {
        if (found || rr.section != DNS_ADDITIONAL || rr.type != DNS_OPT)
            continue;
        *opt = rr;
        found = true;
    }
    return found && !it.malformed;
}

void dns_rcode_format(unsigned rcode, char out[16])
{
    static const char *const names[] = {
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",  "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",  "DSOTYPENI", NULL,      NULL,      NULL,       NULL,
        "BADVERS", "BADKEY",  "BADTIME",  "BADMODE",   "BADNAME", "BADALG",  "BADTRUNC", "BADCOOKIE"};
    if (rcode < sizeof names / sizeof *names && names[rcode])
        snprintf(out, 16, "%s", names[rcode]);
    else
        snprintf(out, 16, "RCODE%u", rcode);
}
