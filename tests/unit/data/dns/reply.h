/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies written by hand for the tests of data/dns: names in text, RDATA in bytes, nothing compressed. */
#ifndef POLYNYA_TEST_REPLY_H
#define POLYNYA_TEST_REPLY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "data/dns/answer.h"
#include "data/dns/edns.h"

struct reply {
    struct writer w;
    uint8_t data[DNS_MSG_MAX];
};

static inline struct dns_name name_of(const char *text)
{
    struct dns_name name;
    assert_true(name_from_text(bytes_str(text), &name));
    return name;
}

/* The EDE among an OPT's options (RFC 8914 2); false if there is none. */
static inline bool ede_in(struct bytes rdata, uint16_t *code, struct bytes *text)
{
    struct edns_option option;
    *code = 0;
    *text = BYTES_NONE;
    while (edns_next(&rdata, &option)) {
        if (option.code != EDNS_EDE || option.data.len < 2)
            continue;
        *code = get_u16(option.data.data);
        *text = bytes_of(option.data.data + 2, option.data.len - 2);
        return true;
    }
    return false;
}

static inline struct dns_query question(const char *name, uint16_t type, bool dnssec_ok)
{
    struct dns_query q = {.id = 0x1234, .flags = DNS_RD, .type = type, .class = DNS_CLASS_IN};
    q.name = name_of(name);
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = dnssec_ok, .udp_size = 1232};
    return q;
}

static inline void reply_begin(struct reply *r, const char *name, uint16_t type, uint16_t rcode)
{
    struct dns_name n = name_of(name);
    r->w = writer_of(r->data, sizeof r->data);
    writer_u16(&r->w, 0x4321);
    writer_u16(&r->w, (uint16_t)(DNS_QR | DNS_AA | DNS_RD | DNS_RA | DNS_AD | rcode));
    writer_u16(&r->w, 1);
    writer_u16(&r->w, 0);
    writer_u32(&r->w, 0);
    writer_put(&r->w, n.wire, n.len);
    writer_u16(&r->w, type);
    writer_u16(&r->w, DNS_CLASS_IN);
}

static inline void reply_count(struct reply *r, enum dns_section section)
{
    uint8_t *at = r->data + 6 + 2 * section;
    put_u16(at, (uint16_t)(get_u16(at) + 1));
}

static inline void reply_class_rr(struct reply *r, enum dns_section section, const char *owner, uint16_t type,
                                  uint16_t class, uint32_t ttl, struct bytes rdata)
{
    struct dns_name n = name_of(owner);
    writer_put(&r->w, n.wire, n.len);
    writer_u16(&r->w, type);
    writer_u16(&r->w, class);
    writer_u32(&r->w, ttl);
    writer_u16(&r->w, (uint16_t)rdata.len);
    writer_bytes(&r->w, rdata);
    reply_count(r, section);
}

static inline void reply_rr(struct reply *r, enum dns_section section, const char *owner, uint16_t type,
                            uint32_t ttl, struct bytes rdata)
{
    reply_class_rr(r, section, owner, type, DNS_CLASS_IN, ttl, rdata);
}

static inline void reply_name(struct reply *r, enum dns_section section, const char *owner, uint16_t type,
                              uint32_t ttl, const char *target)
{
    struct dns_name n = name_of(target);
    reply_rr(r, section, owner, type, ttl, bytes_of(n.wire, n.len));
}

static inline void reply_a(struct reply *r, const char *owner, uint32_t ttl, const char addr[4])
{
    reply_rr(r, DNS_ANSWER, owner, DNS_A, ttl, bytes_of(addr, 4));
}

static inline void reply_soa(struct reply *r, const char *zone, uint32_t ttl, uint32_t minimum)
{
    uint8_t rdata[64];
    struct writer w = writer_of(rdata, sizeof rdata);
    writer_put(&w, "\2ns\0\4host", 10);
    for (unsigned i = 0; i < 4; i++)
        writer_u32(&w, i + 1);
    writer_u32(&w, minimum);
    reply_rr(r, DNS_AUTHORITY, zone, DNS_SOA, ttl, writer_done(&w));
}

static inline void reply_sig(struct reply *r, enum dns_section section, const char *owner, uint16_t covers,
                             uint32_t ttl, const char *signer)
{
    struct dns_name n = name_of(signer);
    uint8_t rdata[400] = {0};
    struct writer w = writer_of(rdata, sizeof rdata);
    writer_u16(&w, covers);
    (void)writer_reserve(&w, 16);
    writer_put(&w, n.wire, n.len);
    writer_put(&w, "signature", 9);
    reply_rr(r, section, owner, DNS_RRSIG, ttl, writer_done(&w));
}

/* "A www.example.com 300, SOA ...": the RRs of a message in order, OPT left out; at most 1 KiB. */
static inline const char *summary(struct bytes message)
{
    static char text[1024];
    struct writer w = writer_of(text, sizeof text);
    struct msg_iter it;
    struct dns_rr rr;
    assert_true(msg_iter_init(&it, message));
    while (msg_next(&it, &rr)) {
        char name[DNS_NAME_TEXT_MAX], type[16];
        struct dns_name owner;
        size_t at = rr.owner;
        if (rr.type == DNS_OPT)
            continue;
        assert_true(name_read(message, &at, &owner));
        name_to_text(&owner, name);
        dns_type_format(rr.type, type);
        writer_printf(&w, "%s%s %s %u", w.len ? ", " : "", type, name, rr.ttl);
    }
    assert_false(it.malformed);
    writer_u8(&w, 0);
    assert_false(w.full);
    return text;
}

#endif
