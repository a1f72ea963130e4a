/* SPDX-License-Identifier: GPL-3.0-or-later */
/* CNAMEs' targets: what a reply says of one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "data/dns/msg.h"
#include "steering/targets.h"

struct rr {
    const char *owner;
    uint16_t type;
    const char *data; /* an address, or a name */
    uint32_t ttl;
};

static struct dns_name name(const char *text)
{
    struct dns_name n;
    assert_true(name_from_text(bytes_str(text), &n));
    return n;
}

static void put_rr(struct writer *w, const struct rr *rr)
{
    struct ip ip;
    const struct dns_name owner = name(rr->owner);
    writer_put(w, owner.wire, owner.len);
    writer_u16(w, rr->type);
    writer_u16(w, DNS_CLASS_IN);
    writer_u32(w, rr->ttl);
    if (rr->type == DNS_CNAME) {
        const struct dns_name target = name(rr->data);
        writer_u16(w, target.len);
        writer_put(w, target.wire, target.len);
        return;
    }
    assert_true(ip_parse(bytes_str(rr->data), &ip));
    writer_u16(w, ip.len);
    writer_put(w, ip.addr, ip.len);
}

static int read_reply(const struct rr *rr, unsigned count, uint16_t type, struct ip *out, uint32_t *ttl)
{
    uint8_t buffer[4096];
    struct writer w = writer_of(buffer, sizeof buffer);
    const struct dns_name asked = name("mirror.example");
    query_write(&w, 1, DNS_QR, &asked, type, 0, false);
    put_u16(buffer + 6, (uint16_t)count);
    for (unsigned i = 0; i < count; i++)
        put_rr(&w, &rr[i]);
    *ttl = TARGET_AGAIN_MAX;
    return target_addresses(writer_done(&w), &asked, type, out, ttl);
}

static void addresses_are_read_behind_cnames(void **state)
{
    (void)state;
    struct ip ip[TARGET_FAMILY_MAX];
    uint32_t ttl;
    const struct rr chain[] = {{"cdn.example", DNS_A, "1.1.1.1", 300},
                               {"mirror.example", DNS_CNAME, "a.example", 90},
                               {"A.example", DNS_CNAME, "cdn.example", 200},
                               {"stranger.example", DNS_A, "9.9.9.9", 1},
                               {"cdn.example", DNS_A, "1.0.0.1", 300}};
    assert_int_equal(read_reply(chain, 5, DNS_A, ip, &ttl), 2);
    assert_int_equal(ttl, 90);
    assert_memory_equal(ip[0].addr, "\1\1\1\1", 4);
    assert_memory_equal(ip[1].addr, "\1\0\0\1", 4);
    assert_int_equal(read_reply(chain, 5, DNS_AAAA, ip, &ttl), 0);
}

static void what_leads_nowhere_has_no_addresses(void **state)
{
    (void)state;
    struct ip ip[TARGET_FAMILY_MAX];
    uint32_t ttl;
    const struct rr loop[] = {{"mirror.example", DNS_CNAME, "a.example", 90},
                              {"a.example", DNS_CNAME, "mirror.example", 90}};
    assert_int_equal(read_reply(loop, 2, DNS_A, ip, &ttl), 0);
    assert_int_equal(read_reply(loop, 0, DNS_A, ip, &ttl), 0);
    const struct dns_name asked = name("mirror.example");
    assert_int_equal(target_addresses(BYTES_LIT("\0\1"), &asked, DNS_A, ip, &ttl), -1);
}

static void no_more_than_a_few_are_taken(void **state)
{
    (void)state;
    struct rr many[40];
    char text[40][16];
    struct ip ip[TARGET_FAMILY_MAX];
    uint32_t ttl;
    for (unsigned i = 0; i < 40; i++) {
        snprintf(text[i], sizeof text[i], "1.1.1.%u", i);
        many[i] = (struct rr){"mirror.example", DNS_A, text[i], 60};
    }
    assert_int_equal(read_reply(many, 40, DNS_A, ip, &ttl), TARGET_FAMILY_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_read_behind_cnames),
        cmocka_unit_test(what_leads_nowhere_has_no_addresses),
        cmocka_unit_test(no_more_than_a_few_are_taken),
    };
    return cmocka_run_group_tests_name("steering targets", tests, NULL, NULL);
}
