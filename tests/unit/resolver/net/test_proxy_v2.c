/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PROXY protocol version 2: the headers of proxies, in any pieces, and what is none. Then connections that
 * begin with one. */
#include "rig.h"

#include "resolver/net/proxy_v2.h"

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

struct header {
    size_t len;
    uint8_t bytes[4096];
};

static struct header make(uint8_t command, uint8_t family, const void *addresses, size_t len, size_t more)
{
    struct header h;
    struct writer w = writer_of(h.bytes, sizeof h.bytes);
    writer_put(&w, SIGNATURE, 12);
    writer_u8(&w, command);
    writer_u8(&w, family);
    writer_u16(&w, (uint16_t)(len + more));
    writer_put(&w, addresses, len);
    for (size_t i = 0; i < more; i++)
        writer_u8(&w, 0x5a);
    assert_false(w.full);
    h.len = w.len;
    return h;
}

static const uint8_t v4[12] = {192, 0, 2, 1, 10, 0, 0, 1, 0x30, 0x39, 0x01, 0xbb};
static const uint8_t v6[36] = {0x20, 0x01, 0x0d, 0xb8, [15] = 7, [16] = 0x20, [35] = 1};
static const uint8_t mapped[36] = {[10] = 0xff, 0xff, 192, 0, 2, 9};
static const uint8_t paths[216] = "/run/x.sock";

/* Feeds it in pieces of `step`; returns what came of it. */
static enum proxy_status feed(struct proxy_reader *p, const struct header *h, size_t step)
{
    enum proxy_status status = PROXY_MORE;
    *p = (struct proxy_reader){0};
    size_t at = 0;
    while (status == PROXY_MORE && at < h->len) {
        size_t n = proxy_wants(p);
        assert_in_range(n, 1, PROXY_MOST);
        n = n < step ? n : step;
        n = n < h->len - at ? n : h->len - at;
        status = proxy_take(p, h->bytes + at, n);
        at += n;
    }
    if (status == PROXY_DONE) {
        assert_int_equal(at, h->len);
        assert_int_equal(proxy_wants(p), 0);
    }
    return status;
}

static void good(struct header h, bool speaks, const char *client)
{
    static const size_t steps[] = {1, 2, 15, 16, 17, 4096};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct proxy_reader p;
        struct ip ip;
        char text[IP_TEXT_MAX];
        assert_int_equal(feed(&p, &h, steps[i]), PROXY_DONE);
        assert_int_equal(proxy_client(&p, &ip), speaks);
        ip_format(&ip, text);
        assert_string_equal(text, client);
    }
}

static void reads_headers(void **state)
{
    (void)state;
    good(make(0x21, 0x11, v4, 12, 0), true, "192.0.2.1");
    good(make(0x21, 0x11, v4, 12, 1), true, "192.0.2.1");
    good(make(0x21, 0x11, v4, 12, PROXY_MOST - 28), true, "192.0.2.1");
    good(make(0x21, 0x21, v6, 36, 0), true, "2001:db8::7");
    good(make(0x21, 0x21, v6, 36, 500), true, "2001:db8::7");
    good(make(0x21, 0x21, mapped, 36, 0), true, "192.0.2.9");
    good(make(0x21, 0x31, paths, 216, 0), true, "");
    good(make(0x21, 0x00, NULL, 0, 0), true, "");
    good(make(0x21, 0x00, v4, 12, 9), true, "");
    good(make(0x20, 0x00, NULL, 0, 0), false, "");
    good(make(0x20, 0x11, v4, 12, 0), false, "");
    good(make(0x20, 0x77, NULL, 0, 3), false, "");
}

static void bad(struct header h)
{
    struct proxy_reader p;
    assert_int_equal(feed(&p, &h, 1), PROXY_BAD);
    assert_int_equal(feed(&p, &h, 4096), PROXY_BAD);
}

static struct header text(const char *s)
{
    struct header h = {.len = strlen(s)};
    memcpy(h.bytes, s, h.len);
    return h;
}

static void refuses_others(void **state)
{
    (void)state;
    bad(make(0x21, 0x11, v4, 11, 0));
    bad(make(0x21, 0x21, v6, 35, 0));
    bad(make(0x21, 0x31, paths, 215, 0));
    bad(make(0x21, 0x12, v4, 12, 0)); /* UDP */
    bad(make(0x21, 0x22, v6, 36, 0));
    bad(make(0x21, 0x41, v6, 36, 0));
    bad(make(0x22, 0x11, v4, 12, 0));
    bad(make(0x11, 0x11, v4, 12, 0));
    bad(make(0x21, 0x11, v4, 12, PROXY_MOST - 27));
    bad(make(0x20, 0x00, NULL, 0, 4000));
    bad(text("PROXY TCP4 192.0.2.1 10.0.0.1 1 2\r\n"));
    bad(text("GET / HTTP/1.1\r\n\r\n"));
    bad(text("\x16\x03\x01"));
    struct header h = make(0x21, 0x11, v4, 12, 0);
    for (int i = 0; i < 12; i++) {
        h.bytes[i] ^= 1;
        bad(h);
        h.bytes[i] ^= 1;
    }
}

static void a_header_cut_short_is_not_whole(void **state)
{
    (void)state;
    struct header h = make(0x21, 0x21, v6, 36, 7);
    for (h.len = 1; h.len < 16 + 36 + 7; h.len++) {
        struct proxy_reader p;
        assert_int_equal(feed(&p, &h, 3), PROXY_MORE);
    }
}

/* Connections */

static struct ip last_introduced;
static bool turned_away;

static bool introduced(struct conn_set *set, const struct ip *client, void **owner)
{
    (void)set, (void)owner;
    last_introduced = *client;
    return !turned_away;
}

static struct rig *proxied(void)
{
    static struct ip_net trusted;
    assert_true(ip_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted));
    assert_true(ip_parse(BYTES_LIT("10.0.0.1"), &rig_peer));
    rig_proxies = (struct proxies){.trusted = &trusted, .trusted_count = 1};
    struct rig *r = rig_new(60);
    r->set.introduced = introduced;
    r->service.proxied = true;
    turned_away = false;
    close(r->fd);
    rig_turn(r);
    rig_connect(r);
    return r;
}

static void done(struct rig *r)
{
    rig_free(r);
    rig_peer = (struct ip){0};
    rig_proxies = (struct proxies){0};
}

static char answer[4096];

static const char *ask(struct rig *r, const char *extra)
{
    char request[256];
    bool eof;
    int n = snprintf(request, sizeof request, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", extra);
    snprintf(r->last_client, sizeof r->last_client, "nobody");
    rig_send(r, request, (size_t)n);
    rig_turn(r);
    rig_read(r, answer, sizeof answer, &eof);
    return r->last_client;
}

static void send_slowly(struct rig *r, struct header h)
{
    for (size_t i = 0; i < h.len; i++) {
        rig_send(r, h.bytes + i, 1);
        rig_turn(r);
    }
}

static void a_connection_is_its_clients(void **state)
{
    (void)state;
    struct rig *r = proxied();
    send_slowly(r, make(0x21, 0x21, v6, 36, 20));
    assert_string_equal(ask(r, ""), "2001:db8::7");
    /* He is no proxy: his header is not believed. */
    assert_string_equal(ask(r, "X-Forwarded-For: 192.0.2.1\r\n"), "2001:db8::7");
    done(r);
}

/* The whole of it and the first requests in one segment. */
static void what_follows_the_header_is_read_as_what_it_is(void **state)
{
    (void)state;
    struct rig *r = proxied();
    struct header h = make(0x21, 0x11, v4, 12, 0);
    rig_send(r, h.bytes, h.len);
    assert_string_equal(ask(r, ""), "192.0.2.1");
    assert_non_null(strstr(answer, "200 OK"));
    done(r);
}

static void a_client_that_is_a_proxy_speaks_for_others(void **state)
{
    (void)state;
    static const uint8_t chained[12] = {10, 9, 9, 9};
    struct rig *r = proxied();
    send_slowly(r, make(0x21, 0x11, chained, 12, 0));
    assert_string_equal(ask(r, "X-Forwarded-For: 192.0.2.1\r\n"), "192.0.2.1");
    assert_string_equal(ask(r, ""), "");
    done(r);
}

static void a_proxy_may_ask_for_itself(void **state)
{
    (void)state;
    struct rig *r = proxied();
    send_slowly(r, make(0x20, 0, NULL, 0, 0));
    assert_string_equal(ask(r, ""), "");
    done(r);
}

static void an_unknown_client_is_not_believed(void **state)
{
    (void)state;
    struct rig *r = proxied();
    send_slowly(r, make(0x21, 0, NULL, 0, 0));
    assert_string_equal(ask(r, "X-Forwarded-For: 192.0.2.1\r\n"), "");
    done(r);
}

static bool closed(struct rig *r)
{
    bool eof;
    rig_turn(r);
    rig_read(r, answer, sizeof answer, &eof);
    return eof && answer[0] == 0;
}

static void garbage_ends_a_connection_without_a_word(void **state)
{
    (void)state;
    static const char *const texts[] = {"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY UNKNOWN\r\n",
                                        "\r\n\r\nx"};
    for (size_t i = 0; i < 3; i++) {
        uint64_t before = metric_page->value[METRIC_PROXY_HEADER];
        struct rig *r = proxied();
        rig_send(r, texts[i], strlen(texts[i]));
        assert_true(closed(r));
        assert_int_equal(r->set.count, 0);
        assert_int_equal(r->requests, 0);
        assert_int_equal(metric_page->value[METRIC_PROXY_HEADER], before + 1);
        done(r);
    }
}

static void a_header_that_ends_early_counts_and_silence_does_not(void **state)
{
    (void)state;
    uint64_t before = metric_page->value[METRIC_PROXY_HEADER];
    struct rig *r = proxied();
    shutdown(r->fd, SHUT_WR);
    assert_true(closed(r));
    assert_int_equal(metric_page->value[METRIC_PROXY_HEADER], before);
    done(r);
    r = proxied();
    rig_send(r, "\r\n", 2);
    shutdown(r->fd, SHUT_WR);
    assert_true(closed(r));
    assert_int_equal(metric_page->value[METRIC_PROXY_HEADER], before + 1);
    done(r);
}

static void whoever_is_turned_away_is_closed(void **state)
{
    (void)state;
    struct rig *r = proxied();
    struct header h = make(0x21, 0x11, v4, 12, 0);
    turned_away = true;
    rig_send(r, h.bytes, h.len);
    assert_true(closed(r));
    assert_int_equal(last_introduced.len, 4);
    done(r);
}

/* The header's time is the handshake's. */
static void a_header_that_does_not_come_times_out(void **state)
{
    (void)state;
    struct rig *r = proxied();
    rig_send(r, "\r\n\r", 3);
    rig_turn(r);
    assert_int_equal(r->set.count, 1);
    assert_non_null(deadlines_oldest(&r->set.timer[CONN_READ]));
    done(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_headers),
        cmocka_unit_test(refuses_others),
        cmocka_unit_test(a_header_cut_short_is_not_whole),
        cmocka_unit_test(a_connection_is_its_clients),
        cmocka_unit_test(what_follows_the_header_is_read_as_what_it_is),
        cmocka_unit_test(a_client_that_is_a_proxy_speaks_for_others),
        cmocka_unit_test(a_proxy_may_ask_for_itself),
        cmocka_unit_test(an_unknown_client_is_not_believed),
        cmocka_unit_test(garbage_ends_a_connection_without_a_word),
        cmocka_unit_test(a_header_that_ends_early_counts_and_silence_does_not),
        cmocka_unit_test(whoever_is_turned_away_is_closed),
        cmocka_unit_test(a_header_that_does_not_come_times_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
