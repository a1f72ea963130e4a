/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages from zone file lines, through ldns, for the tests of the validator. */
#ifndef POLYNYA_TEST_ZONE_TEXT_H
#define POLYNYA_TEST_ZONE_TEXT_H

#include <ldns/ldns.h>

#include "tests/unit/data/dns/reply.h"

/* ldns lower-cases nothing, and compresses nothing in a single RR. */
static inline void reply_line(struct reply *r, enum dns_section section, const char *line)
{
    ldns_rr *rr = NULL;
    uint8_t *wire = NULL;
    size_t len = 0;
    assert_int_equal(ldns_rr_new_frm_str(&rr, line, 3600, NULL, NULL), LDNS_STATUS_OK);
    assert_int_equal(
        ldns_rr2wire(&wire, rr, section == DNS_ANSWER ? LDNS_SECTION_ANSWER : LDNS_SECTION_AUTHORITY, &len),
        LDNS_STATUS_OK);
    writer_put(&r->w, wire, len);
    reply_count(r, section);
    free(wire);
    ldns_rr_free(rr);
}

/* The RDATA of a line, borrowed from static memory until the eighth call from now. */
static inline struct bytes rdata_of(const char *line)
{
    static struct reply ring[8];
    static unsigned at;
    struct reply *r = &ring[at++ % 8];
    struct msg_iter it;
    struct dns_rr rr;
    reply_begin(r, ".", DNS_A, 0);
    reply_line(r, DNS_ANSWER, line);
    assert_true(msg_iter_init(&it, writer_done(&r->w)));
    assert_true(msg_next(&it, &rr));
    return rr.rdata;
}

#endif
