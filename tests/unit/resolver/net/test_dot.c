/* SPDX-License-Identifier: GPL-3.0-or-later */
/* DNS messages over a socket pair: framing, how many may be open, order, backpressure and the end. */
#include "rig.h"

#include "data/dns/msg.h"
#include "resolver/net/dot.h"

static char text[400000];

static void on_message(void *self, struct http_stream *s, struct bytes message, enum reason why)
{
    struct rig *r = self;
    assert_int_equal(why, REASON_OK);
    r->requests++;
    r->last_body = message.len;
    if (message.len < DNS_HEADER) {
        http_fail(s, REASON_HTTP_BAD_DNS, NULL);
        return;
    }
    s->user = arena_text(&s->arena, message);
    if (r->later && r->waiting_count < RIG_STREAMS)
        r->waiting[r->waiting_count++] = s;
    else
        rig_reply(r, s, s->user);
}

static void start(struct conn *c, bool h2)
{
    assert_false(h2);
    assert_true(dot_start(c));
}

static struct rig *dot_new(double timeout)
{
    struct rig *r = rig_new(timeout);
    r->set.start = start;
    r->handler = (struct http_handler){.self = r, .message = on_message};
    return r;
}

static void ask(struct rig *r, const char *message)
{
    uint8_t prefix[2];
    put_u16(prefix, (uint16_t)strlen(message));
    rig_send(r, prefix, 2);
    rig_send(r, message, strlen(message));
}

/* The answers that have come, without their lengths, one behind the other. */
static unsigned read_answers(struct rig *r, bool *eof)
{
    size_t len = rig_read(r, text, sizeof text, eof), off = 0, to = 0;
    unsigned n = 0;
    for (; len - off >= 2; n++) {
        size_t size = get_u16((uint8_t *)text + off);
        assert_true(len - off - 2 >= size);
        memmove(text + to, text + off + 2, size);
        to += size;
        off += 2 + size;
    }
    assert_int_equal(off, len);
    text[to] = 0;
    return n;
}

static void one_by_one_and_together(void **state)
{
    (void)state;
    struct rig *r = dot_new(60);
    bool eof;
    ask(r, "question one");
    rig_turn(r);
    assert_int_equal(read_answers(r, &eof), 1);
    assert_string_equal(text, "question one");
    ask(r, "question two");
    ask(r, "and question three");
    rig_turn(r);
    assert_int_equal(read_answers(r, &eof), 2);
    assert_string_equal(text, "question twoand question three");
    assert_false(eof);
    rig_free(r);
}

static void answers_in_their_own_order(void **state)
{
    (void)state;
    struct rig *r = dot_new(60);
    bool eof;
    r->later = true;
    ask(r, "question one");
    ask(r, "question two");
    rig_turn(r);
    rig_answer(r, 1);
    rig_turn(r);
    assert_int_equal(read_answers(r, &eof), 1);
    assert_string_equal(text, "question two");
    shutdown(r->fd, SHUT_WR);
    rig_turn(r);
    rig_answer(r, 0);
    rig_turn(r);
    assert_int_equal(read_answers(r, &eof), 1);
    assert_string_equal(text, "question one");
    assert_true(eof);
    rig_free(r);
}

static void no_more_than_the_limit_at_a_time(void **state)
{
    (void)state;
    struct rig *r = dot_new(60);
    bool eof;
    r->later = true;
    for (int i = 0; i < 25; i++)
        ask(r, "a question of many");
    rig_turn(r);
    assert_int_equal(r->waiting_count, 10);
    for (unsigned i = 0; i < 25; i++) {
        assert_true(r->waiting_count <= i + 10);
        rig_answer(r, i);
        rig_turn(r);
    }
    assert_int_equal(read_answers(r, &eof), 25);
    rig_free(r);
}

static void what_is_not_read_is_not_asked_for_ever(void **state)
{
    (void)state;
    struct rig *r = dot_new(60);
    bool eof;
    r->big = 60000;
    for (int i = 0; i < 100; i++)
        ask(r, "a question of many");
    rig_turn(r);
    assert_in_range(r->requests, 5, 50);
    size_t came = 0;
    for (int i = 0; i < 1000 && came < 100 * 60002; i++) {
        came += rig_read(r, text, sizeof text, &eof);
        rig_turn(r);
    }
    assert_int_equal(came, 100 * 60002);
    assert_int_equal(r->requests, 100);
    rig_free(r);
}

static void no_dns_is_the_end(void **state)
{
    (void)state;
    static const char *const bad[] = {"", "x", "eleven byte"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct rig *r = dot_new(60);
        bool eof;
        ask(r, "question one");
        ask(r, bad[i]);
        ask(r, "question two");
        rig_turn(r);
        assert_int_equal(read_answers(r, &eof), 1);
        assert_true(eof);
        assert_int_equal(r->requests, 2);
        rig_free(r);
    }
}

static void drained(void **state)
{
    (void)state;
    for (int asked = 0; asked < 2; asked++) {
        struct rig *r = dot_new(60);
        bool eof;
        if (asked)
            ask(r, "question one");
        rig_turn(r);
        conn_set_drain(&r->set, false);
        rig_turn(r);
        read_answers(r, &eof);
        assert_int_equal(eof, asked);
        if (!asked)
            ask(r, "question two");
        rig_turn(r);
        assert_int_equal(read_answers(r, &eof), !asked);
        assert_true(eof);
        rig_free(r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_by_one_and_together),
        cmocka_unit_test(answers_in_their_own_order),
        cmocka_unit_test(no_more_than_the_limit_at_a_time),
        cmocka_unit_test(what_is_not_read_is_not_asked_for_ever),
        cmocka_unit_test(no_dns_is_the_end),
        cmocka_unit_test(drained),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
