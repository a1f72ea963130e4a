/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply's list: what is found in it, whatever is said beside it, and that it is bounded. */
#include "tests/unit/data/dns/reply.h"

#include "data/dns/reply_list.h"

static struct reply r;
static struct reply_list list;

static bool listed(bool signatures)
{
    return reply_list_init(&list, writer_done(&r.w), signatures);
}

static unsigned matching(enum dns_section section, const char *owner, uint16_t type)
{
    struct dns_name name = name_of(owner);
    struct reply_want want = reply_want_of(section, &name, type);
    unsigned n = 0;
    for (unsigned i = 0; i < list.count; i++)
        n += reply_matches(&list, &list.item[i], &want);
    return n;
}

static void finds_by_owner_and_type(void **state)
{
    (void)state;
    struct dns_name name = name_of("WWW.example.com");
    unsigned count;
    reply_begin(&r, "www.example.com", DNS_A, DNS_NOERROR);
    reply_a(&r, "www.example.net", 1, "\1\1\1\1");
    reply_a(&r, "www.example.com", 1, "\2\2\2\2");
    reply_a(&r, "wWw.example.com", 1, "\3\3\3\3");
    reply_sig(&r, DNS_ANSWER, "www.example.com", DNS_A, 1, "example.com");
    reply_class_rr(&r, DNS_ANSWER, "www.example.com", DNS_A, 3, 1, BYTES_LIT("\4\4\4\4"));
    reply_soa(&r, "example.com", 1, 1);
    assert_true(listed(true));
    assert_int_equal(list.count, 5);
    struct reply_want want = reply_want_of(DNS_ANSWER, &name, DNS_A);
    assert_ptr_equal(reply_find(&list, &want, &count), &list.item[1]);
    assert_int_equal(count, 2);
    assert_int_equal(matching(DNS_ANSWER, "www.example.com", DNS_A), 3);
    assert_int_equal(matching(DNS_ANSWER, "www.example.com", DNS_ANY), 3);
    assert_int_equal(matching(DNS_AUTHORITY, "www.example.com", DNS_A), 0);
    assert_int_equal(matching(DNS_AUTHORITY, "example.com", DNS_SOA), 1);
    assert_true(listed(false));
    assert_int_equal(matching(DNS_ANSWER, "www.example.com", DNS_A), 2);
}

static void names_stay_within_their_rdata(void **state)
{
    (void)state;
    struct dns_name target;
    reply_begin(&r, "a.example", DNS_CNAME, DNS_NOERROR);
    reply_name(&r, DNS_ANSWER, "a.example", DNS_CNAME, 1, "b.example");
    reply_rr(&r, DNS_ANSWER, "c.example", DNS_CNAME, 1, BYTES_LIT("\1x"));
    reply_rr(&r, DNS_ANSWER, "d.example", DNS_CNAME, 1, BYTES_NONE);
    assert_true(listed(false));
    assert_true(reply_name_in(&list, &list.item[0].rr, 0, &target));
    struct dns_name b = name_of("b.example");
    assert_true(name_equal(&target, &b));
    assert_false(reply_name_in(&list, &list.item[1].rr, 0, &target));
    assert_false(reply_name_in(&list, &list.item[2].rr, 0, &target));
}

static void takes_so_many_and_whole_ones_only(void **state)
{
    (void)state;
    for (unsigned count = ANSWER_RRS_MAX; count <= ANSWER_RRS_MAX + 1; count++) {
        reply_begin(&r, "a", DNS_A, DNS_NOERROR);
        for (unsigned i = 0; i < count; i++)
            reply_a(&r, "a", 1, "\1\2\3\4");
        assert_int_equal(listed(false), count == ANSWER_RRS_MAX);
    }
    reply_begin(&r, "a", DNS_A, DNS_NOERROR);
    reply_a(&r, "a", 1, "\1\2\3\4");
    assert_false(reply_list_init(&list, bytes_of(r.data, r.w.len - 1), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_by_owner_and_type),
        cmocka_unit_test(names_stay_within_their_rdata),
        cmocka_unit_test(takes_so_many_and_whole_ones_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
