/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Transfers: what a primary may say, in how many messages, and what of it is never believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "data/dns/msg.h"
#include "steering/xfr.h"

enum { ID = 0x1234, NOW = 1700000000 };

/* A record: SOA with that serial, or A of that name and address. */
struct item {
    const char *owner; /* "": the zone */
    uint32_t soa;      /* 0: an A */
    uint8_t last;      /* of 1.1.1.x */
};
#define SOA(serial)                                                                                          \
    {                                                                                                        \
        "", serial, 0                                                                                        \
    }
#define A(owner, octet)                                                                                      \
    {                                                                                                        \
        owner ".rpz.test", 0, octet                                                                          \
    }

static struct dns_name name(const char *text)
{
    struct dns_name n;
    assert_true(name_from_text(bytes_str(text), &n));
    return n;
}

static void put_item(struct writer *w, const struct item *item)
{
    const struct dns_name owner = name(*item->owner ? item->owner : "rpz.test");
    writer_put(w, owner.wire, owner.len);
    writer_u16(w, item->soa ? DNS_SOA : DNS_A);
    writer_u16(w, DNS_CLASS_IN);
    writer_u32(w, 60);
    writer_u16(w, item->soa ? 22 : 4);
    if (item->soa) {
        writer_u16(w, 0);
        writer_u32(w, item->soa);
        for (uint32_t i = 1; i <= 4; i++)
            writer_u32(w, i * 100);
    } else {
        writer_u32(w, 0x01010100u | item->last);
    }
}

struct world {
    struct dns_name zone;
    struct records *ours;
    struct xfr x;
    uint8_t question[XFR_QUESTION_MAX];
    struct bytes asked;
};

/* The question that is due; checks that it is of that type. */
static void ask(struct world *w, uint16_t type)
{
    struct writer out = writer_of(w->question, sizeof w->question);
    assert_true(xfr_ask(&w->x, &out, ID, NOW));
    w->asked = writer_done(&out);
    assert_int_equal(get_u16(w->asked.data + DNS_HEADER + w->zone.len), type);
}

static enum xfr_state take_flags(struct world *w, uint16_t flags, bool question, const struct item *items,
                                 unsigned count)
{
    uint8_t *buffer = malloc(4096);
    struct writer out = writer_of(buffer, 4096);
    writer_u16(&out, ID);
    writer_u16(&out, flags);
    writer_u16(&out, question);
    writer_u16(&out, (uint16_t)count);
    writer_u32(&out, 0);
    if (question)
        writer_put(&out, w->asked.data + DNS_HEADER, w->zone.len + 4u);
    for (unsigned i = 0; i < count; i++)
        put_item(&out, &items[i]);
    assert_false(out.full);
    uint8_t *exact = malloc(out.len);
    memcpy(exact, buffer, out.len);
    enum xfr_state state = xfr_take(&w->x, bytes_of(exact, out.len), NOW);
    free(exact);
    free(buffer);
    return state;
}

#define TAKE(w, question, ...)                                                                               \
    take_flags(w, DNS_QR | DNS_AA, question, (const struct item[]){__VA_ARGS__},                             \
               sizeof((const struct item[]){__VA_ARGS__}) / sizeof(struct item))

static void begin(struct world *w, uint32_t serial)
{
    *w = (struct world){.zone = name("rpz.test")};
    if (serial) {
        const struct dns_name a = name("a.rpz.test"), b = name("b.rpz.test");
        w->ours = records_new();
        assert_true(records_add(w->ours, &a, DNS_A, 60, BYTES_LIT("\1\1\1\1")));
        assert_true(records_add(w->ours, &b, DNS_A, 60, BYTES_LIT("\1\1\1\2")));
    }
    xfr_init(&w->x, &w->zone, w->ours, serial, NULL);
    ask(w, DNS_SOA);
}

static void end(struct world *w)
{
    xfr_fini(&w->x);
    records_free(&w->ours);
}

/* Past the SOA question, where the primary has serial 9. */
static void begin_transfer(struct world *w, uint32_t serial)
{
    begin(w, serial);
    assert_int_equal(TAKE(w, true, SOA(9)), XFR_ASK);
    ask(w, serial ? DNS_IXFR : DNS_AXFR);
}

static void assert_zone(const struct world *w, const char *names)
{
    size_t count = 0;
    for (const char *p = names; *p; p++, count++) {
        const struct dns_name n = name((const char[]){*p, '.', 'r', 'p', 'z', '.', 't', 'e', 's', 't', 0});
        const uint8_t address[] = {1, 1, 1, (uint8_t)(*p - 'a' + 1)};
        assert_true(records_have(w->x.records, &n, DNS_A, bytes_of(address, 4)));
    }
    assert_int_equal(records_count(w->x.records), count);
    assert_int_equal(w->x.soa.serial, 9);
    assert_int_equal(w->x.soa.expire, 300);
}

static void assert_failed(struct world *w, enum xfr_state state, enum refusal_why why)
{
    assert_int_equal(state, XFR_FAILED);
    assert_int_equal(w->x.why.why, why);
    end(w);
}

static void all_of_it_comes_in_one_message_or_many(void **state)
{
    (void)state;
    struct world w;
    begin_transfer(&w, 0);
    assert_int_equal(TAKE(&w, true, SOA(9), A("a", 1), A("b", 2), SOA(9)), XFR_DONE);
    assert_zone(&w, "ab");
    end(&w);
    begin_transfer(&w, 0);
    assert_int_equal(TAKE(&w, true, SOA(9)), XFR_MORE);
    assert_int_equal(TAKE(&w, false, A("A", 1)), XFR_MORE);
    assert_int_equal(TAKE(&w, true, A("c", 3), SOA(9)), XFR_DONE);
    assert_zone(&w, "ac");
    end(&w);
    begin_transfer(&w, 0);
    assert_int_equal(TAKE(&w, true, SOA(9), SOA(9)), XFR_DONE);
    assert_zone(&w, "");
    end(&w);
}

static void the_difference_is_applied(void **state)
{
    (void)state;
    struct world w;
    begin_transfer(&w, 7);
    assert_int_equal(
        TAKE(&w, true, SOA(9), SOA(7), A("a", 1), SOA(8), A("c", 3), SOA(8), A("c", 3), SOA(9), A("d", 4)),
        XFR_MORE);
    assert_int_equal(TAKE(&w, false, SOA(9)), XFR_DONE);
    assert_zone(&w, "bd");
    assert_int_equal(records_count(w.ours), 2);
    end(&w);
    /* One step to the end, as most primaries tell it. */
    begin_transfer(&w, 7);
    assert_int_equal(TAKE(&w, true, SOA(9), SOA(7), SOA(9), A("c", 3), SOA(9)), XFR_DONE);
    assert_zone(&w, "abc");
    end(&w);
}

static void a_difference_may_be_all_of_it(void **state)
{
    (void)state;
    struct world w;
    begin_transfer(&w, 7);
    assert_int_equal(TAKE(&w, true, SOA(9), A("d", 4), SOA(9)), XFR_DONE);
    assert_zone(&w, "d");
    end(&w);
    begin_transfer(&w, 7);
    assert_int_equal(take_flags(&w, DNS_QR | DNS_NOTIMP, true, NULL, 0), XFR_ASK);
    ask(&w, DNS_AXFR);
    assert_int_equal(TAKE(&w, true, SOA(9), A("d", 4), SOA(9)), XFR_DONE);
    assert_zone(&w, "d");
    end(&w);
    begin(&w, 7);
    w.x.whole = true;
    assert_int_equal(TAKE(&w, true, SOA(9)), XFR_ASK);
    ask(&w, DNS_AXFR);
    end(&w);
}

static void serials_are_compared_on_a_circle(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 9);
    assert_int_equal(TAKE(&w, true, SOA(9)), XFR_UNCHANGED);
    end(&w);
    begin(&w, 10);
    assert_failed(&w, TAKE(&w, true, SOA(9)), REFUSAL_ROLLED_BACK);
    begin(&w, 0xffffff00);
    assert_int_equal(TAKE(&w, true, SOA(9)), XFR_ASK);
    end(&w);
    /* The primary was newer a moment ago. */
    begin_transfer(&w, 7);
    assert_failed(&w, TAKE(&w, true, SOA(6), A("a", 1), SOA(6)), REFUSAL_ROLLED_BACK);
}

static void a_primary_may_say_no(void **state)
{
    (void)state;
    struct world w;
    begin(&w, 0);
    assert_failed(&w, take_flags(&w, DNS_QR | DNS_REFUSED, true, NULL, 0), REFUSAL_TRANSFER_REFUSED);
    begin_transfer(&w, 0);
    assert_failed(&w, take_flags(&w, DNS_QR | DNS_NOTIMP, true, NULL, 0), REFUSAL_TRANSFER_REFUSED);
}

static void what_makes_no_sense_is_refused(void **state)
{
    (void)state;
    struct world w;
    begin_transfer(&w, 0);
    assert_failed(&w, TAKE(&w, true, SOA(9), A("a", 1), SOA(8)), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, TAKE(&w, true, A("a", 1), SOA(9)), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, TAKE(&w, true, SOA(9), SOA(9), A("a", 1)), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, TAKE(&w, true, SOA(9), {"a.example", 0, 1}, SOA(9)), REFUSAL_BAD_ZONE);
    begin_transfer(&w, 0);
    assert_failed(&w, TAKE(&w, false, SOA(9), SOA(9)), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, take_flags(&w, DNS_QR, true, NULL, 0), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, take_flags(&w, 0, true, (const struct item[]){SOA(9)}, 1), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 0);
    assert_failed(&w, take_flags(&w, DNS_QR | DNS_TC, true, (const struct item[]){SOA(9)}, 1),
                  REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 7);
    assert_failed(&w, TAKE(&w, true, SOA(9), SOA(7), A("z", 1), SOA(9), SOA(9)), REFUSAL_BAD_TRANSFER);
    begin_transfer(&w, 7);
    assert_failed(&w, TAKE(&w, true, SOA(9), SOA(7), SOA(8), SOA(6)), REFUSAL_BAD_TRANSFER);
    begin(&w, 0);
    w.x.bytes = XFR_BYTES_MAX - 10;
    assert_failed(&w, TAKE(&w, true, SOA(9)), REFUSAL_TOO_LARGE);
    begin(&w, 0);
    assert_failed(&w, xfr_take(&w.x, BYTES_LIT("\x12\x34"), NOW), REFUSAL_BAD_TRANSFER);
}

static void nothing_is_believed_without_tsig_where_it_is_wanted(void **state)
{
    (void)state;
    struct world w;
    struct tsig_key key = {.name = name("key.test"), .len = 1};
    struct tsig tsig;
    tsig_init(&tsig, &key);
    begin(&w, 0);
    w.x.tsig = &tsig;
    ask(&w, DNS_SOA);
    assert_int_equal(get_u16(w.asked.data + 10), 1);
    assert_failed(&w, TAKE(&w, true, SOA(9)), REFUSAL_TSIG_MISSING);
    begin(&w, 0);
    w.x.tsig = &tsig;
    ask(&w, DNS_SOA);
    assert_failed(&w, take_flags(&w, DNS_QR | DNS_REFUSED, true, NULL, 0), REFUSAL_TRANSFER_REFUSED);
    tsig_fini(&tsig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_of_it_comes_in_one_message_or_many),
        cmocka_unit_test(the_difference_is_applied),
        cmocka_unit_test(a_difference_may_be_all_of_it),
        cmocka_unit_test(serials_are_compared_on_a_circle),
        cmocka_unit_test(a_primary_may_say_no),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(nothing_is_believed_without_tsig_where_it_is_wanted),
    };
    return cmocka_run_group_tests_name("steering xfr", tests, NULL, NULL);
}
