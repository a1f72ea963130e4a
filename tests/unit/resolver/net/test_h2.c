/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 over a socket pair against nghttp2's own client, and against frames no honest client sends. */
#include "rig.h"

#include <nghttp2/nghttp2.h>

enum { ANSWERS = 600, BODY_TEXT = 128 };

/* What came back on one stream; index is (id - 1) / 2. */
struct answer {
    char status[4];
    char length[12];
    char text[BODY_TEXT];
    size_t body;
    bool closed;
    uint32_t error;
};

struct client {
    struct rig *rig;
    nghttp2_session *session;
    struct answer answer[ANSWERS];
    const char *upload; /* of POST */
    size_t upload_len, upload_step;
    bool upload_stalls;
    int goaways;
    int32_t goaway_last;
    uint32_t goaway_error;
    bool eof;
};

static struct answer *answer_of(struct client *c, int32_t id)
{
    assert_in_range(id, 1, 2 * ANSWERS);
    return &c->answer[(id - 1) / 2];
}

static ssize_t client_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags, void *self)
{
    (void)session, (void)flags;
    struct client *c = self;
    rig_send(c->rig, data, len);
    return (ssize_t)len;
}

static int client_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                         size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self)
{
    (void)session, (void)flags;
    struct answer *a = answer_of(self, frame->hd.stream_id);
    struct bytes n = bytes_of(name, name_len);
    if (bytes_equal(n, BYTES_LIT(":status")))
        snprintf(a->status, sizeof a->status, "%.*s", (int)value_len, (const char *)value);
    if (bytes_equal(n, BYTES_LIT("content-length")))
        snprintf(a->length, sizeof a->length, "%.*s", (int)value_len, (const char *)value);
    return 0;
}

static int client_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                       void *self)
{
    (void)session, (void)flags;
    struct answer *a = answer_of(self, id);
    size_t room = a->body < BODY_TEXT - 1 ? BODY_TEXT - 1 - a->body : 0;
    memcpy(a->text + (a->body < BODY_TEXT - 1 ? a->body : BODY_TEXT - 1), data, len < room ? len : room);
    a->body += len;
    return 0;
}

static int client_close(nghttp2_session *session, int32_t id, uint32_t error, void *self)
{
    (void)session;
    struct answer *a = answer_of(self, id);
    a->closed = true;
    a->error = error;
    return 0;
}

static int client_frame(nghttp2_session *session, const nghttp2_frame *frame, void *self)
{
    (void)session;
    struct client *c = self;
    if (frame->hd.type == NGHTTP2_GOAWAY) {
        c->goaways++;
        c->goaway_last = frame->goaway.last_stream_id;
        c->goaway_error = frame->goaway.error_code;
    }
    return 0;
}

static struct client *client_new_with(double timeout, bool no_window_updates, uint32_t window)
{
    struct client *c = calloc(1, sizeof *c);
    assert_non_null(c);
    c->rig = rig_new(timeout);
    nghttp2_session_callbacks *cb;
    nghttp2_option *o;
    nghttp2_session_callbacks_new(&cb);
    nghttp2_option_new(&o);
    nghttp2_option_set_no_auto_window_update(o, no_window_updates);
    nghttp2_session_callbacks_set_send_callback(cb, client_send);
    nghttp2_session_callbacks_set_on_header_callback(cb, client_header);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, client_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(cb, client_close);
    nghttp2_session_callbacks_set_on_frame_recv_callback(cb, client_frame);
    assert_int_equal(nghttp2_session_client_new2(&c->session, cb, c, o), 0);
    nghttp2_session_callbacks_del(cb);
    nghttp2_option_del(o);
    nghttp2_settings_entry settings = {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, window};
    nghttp2_submit_settings(c->session, NGHTTP2_FLAG_NONE, &settings, 1);
    return c;
}

static struct client *client_new(void)
{
    return client_new_with(60, false, 65535);
}

static void client_read(struct client *c)
{
    static char buf[1 << 20];
    size_t n = rig_read(c->rig, buf, sizeof buf, &c->eof);
    if (n)
        assert_int_equal(nghttp2_session_mem_recv(c->session, (uint8_t *)buf, n), n);
}

/* Lets both sides say all they have to say. */
static void client_turn(struct client *c)
{
    for (int i = 0; i < 6; i++) {
        nghttp2_session_send(c->session);
        rig_turn(c->rig);
        client_read(c);
    }
}

static void client_free(struct client *c)
{
    nghttp2_session_del(c->session);
    rig_free(c->rig);
    free(c);
}

static nghttp2_nv nv(const char *name, const char *value)
{
    return (nghttp2_nv){(uint8_t *)(uintptr_t)name, (uint8_t *)(uintptr_t)value, strlen(name), strlen(value),
                        NGHTTP2_NV_FLAG_NONE};
}

static ssize_t give_upload(nghttp2_session *session, int32_t id, uint8_t *buf, size_t cap, uint32_t *flags,
                           nghttp2_data_source *source, void *self)
{
    (void)session, (void)id;
    struct client *c = self;
    size_t *given = source->ptr;
    size_t n = c->upload_len - *given;
    if (n > cap)
        n = cap;
    if (c->upload_step && n > c->upload_step)
        n = c->upload_step;
    memcpy(buf, c->upload + *given, n);
    *given += n;
    if (*given == c->upload_len && c->upload_stalls && n == 0)
        return NGHTTP2_ERR_DEFERRED;
    if (*given == c->upload_len && !c->upload_stalls)
        *flags |= NGHTTP2_DATA_FLAG_EOF;
    return (ssize_t)n;
}

static int32_t ask(struct client *c, const char *method, const char *path)
{
    nghttp2_nv fields[] = {nv(":method", method), nv(":scheme", "https"), nv(":authority", "x.example"),
                           nv(":path", path), nv("content-type", "t/u")};
    static size_t given[8];
    static unsigned uploads;
    size_t *mine = &given[uploads++ % 8];
    *mine = 0;
    nghttp2_data_provider body = {.source.ptr = mine, .read_callback = give_upload};
    return nghttp2_submit_request(c->session, NULL, fields, 5, c->upload ? &body : NULL, NULL);
}

static void get_head_and_post_are_answered(void **state)
{
    (void)state;
    struct client *c = client_new();
    int32_t get = ask(c, "GET", "/a?b=c"), head = ask(c, "HEAD", "/abc"), put = ask(c, "DELETE", "/x");
    c->upload = "hello";
    c->upload_len = 5;
    int32_t post = ask(c, "POST", "/p");
    client_turn(c);
    assert_string_equal(answer_of(c, get)->status, "200");
    assert_string_equal(answer_of(c, get)->text, "GET /a?b=c type=t/u body=");
    assert_string_equal(answer_of(c, head)->length, "25");
    assert_int_equal(answer_of(c, head)->body, 0);
    assert_string_equal(answer_of(c, post)->text, "POST /p? type=t/u body=hello");
    assert_string_equal(answer_of(c, put)->status, "405");
    assert_int_equal(answer_of(c, put)->error, 0);
    client_free(c);
}

static int32_t ask_for(struct client *c, const char *name, const char *value)
{
    nghttp2_nv fields[] = {nv(":method", "GET"), nv(":scheme", "https"), nv(":authority", "x.example"),
                           nv(":path", "/"),     nv(name, "6.6.6.6"),    nv(name, value)};
    return nghttp2_submit_request(c->session, NULL, fields, 6, NULL, NULL);
}

static void a_stream_comes_from_whom_the_proxy_says(void **state)
{
    (void)state;
    static struct ip_net trusted;
    static const char *const clients[] = {"192.0.2.1", "2001:db8::1", "unknown", "192.0.2.1"};
    assert_true(ip_net_parse(BYTES_LIT("2001:db8:1::/48"), &trusted));
    assert_true(ip_parse(BYTES_LIT("2001:db8:1::9"), &rig_peer));
    rig_proxies = (struct proxies){.trusted = &trusted, .trusted_count = 1};
    struct client *c = client_new();
    for (int i = 0; i < 4; i++) {
        ask_for(c, "x-forwarded-for", clients[i]);
        client_turn(c);
        assert_string_equal(c->rig->last_client, i == 2 ? "" : clients[i]);
    }
    ask_for(c, "forwarded", "for=192.0.2.1");
    client_turn(c);
    assert_string_equal(c->rig->last_client, "");
    assert_int_equal(c->rig->requests, 5);
    client_free(c);
    rig_peer = (struct ip){0};
    rig_proxies = (struct proxies){0};
}

static void bodies_may_come_in_any_pieces(void **state)
{
    (void)state;
    static char body[65536];
    static const size_t steps[] = {1, 7, 16384};
    for (size_t i = 0; i < 3; i++) {
        struct client *c = client_new();
        c->upload = body;
        c->upload_step = steps[i];
        c->upload_len = i == 0 ? 3000 : 65535;
        c->rig->big = 100;
        int32_t a = ask(c, "POST", "/"), b = ask(c, "POST", "/"); /* interleaved */
        while (!answer_of(c, b)->closed)
            client_turn(c);
        assert_string_equal(answer_of(c, a)->status, "200");
        assert_string_equal(answer_of(c, b)->status, "200");
        assert_int_equal(c->rig->last_body, c->upload_len);
        client_free(c);
    }
}

static void a_body_too_long_is_413_before_its_end(void **state)
{
    (void)state;
    static char body[100000];
    struct client *c = client_new();
    c->upload = body;
    c->upload_len = sizeof body;
    int32_t id = ask(c, "POST", "/");
    for (int i = 0; i < 20; i++)
        client_turn(c);
    assert_string_equal(answer_of(c, id)->status, "413");
    assert_int_equal(answer_of(c, id)->body, strlen("Message longer than 65535 bytes"));
    assert_true(answer_of(c, id)->closed);
    assert_int_equal(answer_of(c, id)->error, NGHTTP2_NO_ERROR);
    assert_int_equal(c->rig->requests, 0);
    c->upload = NULL;
    id = ask(c, "GET", "/next");
    client_turn(c);
    assert_string_equal(answer_of(c, id)->status, "200");
    client_free(c);
}

static void heads_are_bounded(void **state)
{
    (void)state;
    static char path[HTTP_TARGET_MAX + 2], value[5000];
    struct client *c = client_new();
    memset(path, 'a', sizeof path - 1);
    path[0] = '/';
    int32_t too_long = ask(c, "GET", path);
    client_turn(c);
    assert_string_equal(answer_of(c, too_long)->status, "414");
    path[HTTP_TARGET_MAX] = 0;
    c->rig->big = 100;
    int32_t longest = ask(c, "GET", path);
    client_turn(c);
    assert_string_equal(answer_of(c, longest)->status, "200");
    memset(value, 'v', sizeof value - 1);
    nghttp2_nv fields[] = {nv(":method", "GET"), nv(":scheme", "https"), nv(":authority", "x"),
                           nv(":path", "/"), nv("x", value)};
    int32_t fat = nghttp2_submit_request(c->session, NULL, fields, 5, NULL, NULL);
    nghttp2_nv many[120];
    memcpy(many, fields, 4 * sizeof *fields);
    for (int i = 4; i < 120; i++)
        many[i] = nv("y", "");
    int32_t crowded = nghttp2_submit_request(c->session, NULL, many, 120, NULL, NULL);
    int32_t fine = ask(c, "GET", "/ok");
    client_turn(c);
    assert_string_equal(answer_of(c, fat)->status, "431");
    assert_string_equal(answer_of(c, crowded)->status, "431");
    assert_string_equal(answer_of(c, fine)->status, "200");
    assert_int_equal(c->rig->requests, 2);
    client_free(c);
}

static void answers_may_come_late_and_in_any_order(void **state)
{
    (void)state;
    struct client *c = client_new();
    c->rig->later = true;
    int32_t id[5];
    for (int i = 0; i < 5; i++)
        id[i] = ask(c, "GET", "/");
    client_turn(c);
    for (unsigned i = 5; i-- > 0;) {
        assert_false(answer_of(c, id[i])->closed);
        rig_answer(c->rig, i);
        client_turn(c);
        assert_string_equal(answer_of(c, id[i])->status, "200");
        assert_true(answer_of(c, id[i])->closed);
    }
    client_free(c);
}

static void long_answers_share_the_connection(void **state)
{
    (void)state;
    struct client *c = client_new();
    c->rig->big = 150000;
    int32_t a = ask(c, "GET", "/"), b = ask(c, "GET", "/");
    for (int i = 0; i < 20; i++)
        client_turn(c);
    assert_int_equal(answer_of(c, a)->body, 150000);
    assert_int_equal(answer_of(c, b)->body, 150000);
    assert_true(answer_of(c, b)->closed);
    client_free(c);
}

static void a_reset_stream_counts_until_it_is_answered(void **state)
{
    (void)state;
    struct client *c = client_new(); /* ten streams */
    c->rig->later = true;
    for (int i = 0; i < 10; i++)
        nghttp2_submit_rst_stream(c->session, 0, ask(c, "GET", "/"), NGHTTP2_CANCEL);
    client_turn(c);
    for (int i = 0; i < 10; i++) { /* nghttp2's client drops requests it resets before sending them */
        int32_t id = ask(c, "GET", "/");
        client_turn(c);
        nghttp2_submit_rst_stream(c->session, 0, id, NGHTTP2_CANCEL);
        client_turn(c);
    }
    assert_int_equal(c->rig->waiting_count, 10);
    int32_t refused = ask(c, "GET", "/");
    client_turn(c);
    assert_true(answer_of(c, refused)->closed);
    assert_int_equal(answer_of(c, refused)->error, NGHTTP2_REFUSED_STREAM);
    rig_answer(c->rig, 3);
    int32_t taken = ask(c, "GET", "/");
    client_turn(c);
    assert_false(answer_of(c, taken)->closed);
    assert_int_equal(c->rig->waiting_count, 11);
    client_free(c);
}

static void answers_without_their_connection_are_thrown_away(void **state)
{
    (void)state;
    struct client *c = client_new();
    c->rig->later = true;
    ask(c, "GET", "/");
    ask(c, "GET", "/");
    client_turn(c);
    c->upload = "abc";
    c->upload_len = 3;
    c->upload_stalls = true;
    ask(c, "POST", "/");
    client_turn(c);
    close(c->rig->fd);
    c->rig->fd = -1;
    rig_turn(c->rig);
    assert_int_equal(c->rig->ended, 1);
    assert_int_equal(metric_page->value[METRIC_STREAMS_OPEN], 2);
    client_free(c);
}

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";

/* Sends frames of that type until the server has had enough: at most `most` bytes. */
static void flood(uint8_t type, const char *payload, uint8_t len, size_t most)
{
    struct rig *r = rig_new(60);
    static char got[1 << 20];
    uint64_t before = metric_page->value[METRIC_CONN_ABUSE];
    uint8_t frame[64] = {0, 0, len, type, 0, 0, 0, 0, type == 2};
    memcpy(frame + 9, payload, len);
    rig_send(r, preface, sizeof preface - 1);
    bool eof = false;
    for (size_t sent = 0; sent < most && !eof; sent += 20 * (9u + len)) {
        for (int i = 0; i < 20; i++)
            send(r->fd, frame, 9u + len, MSG_NOSIGNAL);
        rig_turn(r);
        rig_read(r, got, sizeof got, &eof);
    }
    if (!eof || metric_page->value[METRIC_CONN_ABUSE] != before + 1)
        fail_msg("frames of type %u are not paid for", type);
    rig_free(r);
}

static void frames_that_ask_nothing_are_paid_for(void **state)
{
    (void)state;
    static const char padding[40];
    flood(6, "12345678", 8, 65536);       /* PING */
    flood(4, "\0\3\0\0\0\144", 6, 65536); /* SETTINGS */
    flood(8, "\0\0\0\1", 4, 65536);       /* WINDOW_UPDATE */
    flood(2, "\0\0\0\0\20", 5, 65536);    /* PRIORITY */
    flood(0xee, padding, 40, 2 << 20);    /* unknown: nghttp2 does not tell of them, so their bytes count */
}

static void empty_data_is_paid_for(void **state)
{
    (void)state;
    struct client *c = client_new();
    c->upload = "";
    c->upload_stalls = true;
    ask(c, "POST", "/");
    client_turn(c);
    static const uint8_t empty[9] = {0, 0, 0, 0, 0, 0, 0, 0, 1};
    for (int i = 0; i < 4000 && !c->eof; i++) {
        send(c->rig->fd, empty, 9, MSG_NOSIGNAL);
        rig_turn(c->rig);
        client_read(c);
    }
    assert_true(c->eof);
    assert_int_equal(c->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    client_free(c);
}

/* MadeYouReset: the client makes us reset streams that are being worked on. */
static void streams_we_must_reset_are_paid_for(void **state)
{
    (void)state;
    struct client *c = client_new();
    for (int i = 0; i < ANSWERS - 1 && !c->eof; i++) {
        c->rig->later = true;
        int32_t id = ask(c, "GET", "/");
        nghttp2_session_send(c->session);
        uint8_t overflow[13] = {0, 0, 4, 8, 0, 0, 0, (uint8_t)(id >> 8), (uint8_t)id, 0x7f, 0xff, 0xff, 0xff};
        send(c->rig->fd, overflow, sizeof overflow, MSG_NOSIGNAL);
        rig_turn(c->rig);
        client_read(c);
        if (c->rig->waiting_count) {
            rig_answer(c->rig, 0);
            c->rig->waiting_count = 0;
        }
    }
    assert_true(c->eof);
    assert_int_equal(c->goaway_error, NGHTTP2_ENHANCE_YOUR_CALM);
    client_free(c);
}

static void honest_clients_never_run_out(void **state)
{
    (void)state;
    struct client *c = client_new();
    for (int i = 0; i < ANSWERS - 1; i++) {
        int32_t id = ask(c, "GET", "/");
        nghttp2_submit_ping(c->session, 0, NULL);
        nghttp2_submit_window_update(c->session, 0, 0, 1);
        nghttp2_session_send(c->session);
        rig_turn(c->rig);
        client_read(c);
        assert_true(answer_of(c, id)->closed);
    }
    assert_false(c->eof);
    client_free(c);
}

static void rubbish_ends_the_connection(void **state)
{
    (void)state;
    static char got[1000];
    struct rig *r = rig_new(60);
    bool eof;
    rig_send(r, preface, sizeof preface - 1);
    rig_send(r, "\0\0\1\1\4\0\0\0\1\xff\xff\xff\xff\xff\xff", 15); /* a header block that is none */
    rig_turn(r);
    rig_read(r, got, sizeof got, &eof);
    rig_turn(r);
    assert_true(eof);
    assert_int_equal(r->requests, 0);
    rig_free(r);
    r = rig_new(60);
    rig_send(r, "PRI * HTTP/9.0\r\n\r\nSM\r\n\r\n", 24);
    rig_turn(r);
    rig_read(r, got, sizeof got, &eof);
    assert_true(eof);
    rig_free(r);
}

static void until_closed(struct client *c)
{
    while (!c->eof) {
        ev_run(c->rig->loop, EVRUN_ONCE);
        client_read(c);
    }
}

static void half_a_request_times_out_with_408(void **state)
{
    (void)state;
    struct client *c = client_new_with(0.05, false, 65535);
    uint64_t before = metric_page->value[METRIC_CONN_TIMEOUT_READ];
    c->upload = "abc";
    c->upload_len = 3;
    c->upload_stalls = true;
    int32_t id = ask(c, "POST", "/");
    client_turn(c);
    until_closed(c);
    assert_string_equal(answer_of(c, id)->status, "408");
    assert_int_equal(c->goaways, 1);
    assert_int_equal(metric_page->value[METRIC_CONN_TIMEOUT_READ], before + 1);
    client_free(c);
}

static void an_idle_connection_gets_a_goaway(void **state)
{
    (void)state;
    struct client *c = client_new_with(0.05, false, 65535);
    int32_t id = ask(c, "GET", "/");
    client_turn(c);
    assert_string_equal(answer_of(c, id)->status, "200");
    until_closed(c);
    assert_int_equal(c->goaways, 1);
    assert_int_equal(c->goaway_error, NGHTTP2_NO_ERROR);
    client_free(c);
}

static void a_window_that_never_opens_ends_the_connection(void **state)
{
    (void)state;
    struct client *c = client_new_with(0.05, true, 10);
    uint64_t before = metric_page->value[METRIC_CONN_TIMEOUT_WRITE];
    int32_t id = ask(c, "GET", "/");
    client_turn(c);
    assert_int_equal(answer_of(c, id)->body, 10);
    until_closed(c);
    assert_int_equal(metric_page->value[METRIC_CONN_TIMEOUT_WRITE], before + 1);
    client_free(c);
}

static void draining_loses_no_request(void **state)
{
    (void)state;
    struct client *c = client_new();
    c->rig->later = true;
    int32_t before = ask(c, "GET", "/");
    client_turn(c);
    /* The notice is on its way and the client, not knowing, asks once more. */
    conn_set_drain(&c->rig->set, false);
    int32_t crossing = ask(c, "GET", "/");
    nghttp2_session_send(c->session);
    rig_turn(c->rig);
    client_turn(c); /* answers the PING */
    assert_int_equal(c->goaways, 2);
    assert_int_equal(c->goaway_last, crossing);
    assert_false(c->eof);
    assert_int_equal(c->rig->waiting_count, 2);
    rig_answer(c->rig, 0);
    rig_answer(c->rig, 1);
    client_turn(c);
    assert_string_equal(answer_of(c, before)->status, "200");
    assert_string_equal(answer_of(c, crossing)->status, "200");
    assert_true(c->eof);
    client_free(c);
}

static void a_drained_client_that_is_silent_hears_the_last_call(void **state)
{
    (void)state;
    struct client *c = client_new();
    int32_t id = ask(c, "GET", "/");
    client_turn(c);
    assert_true(answer_of(c, id)->closed);
    conn_set_drain(&c->rig->set, false);
    rig_turn(c->rig);
    conn_set_drain(&c->rig->set, true);
    rig_turn(c->rig);
    client_read(c);
    assert_int_equal(c->goaways, 2);
    assert_int_equal(c->goaway_last, id);
    assert_true(c->eof);
    client_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(get_head_and_post_are_answered),
        cmocka_unit_test(a_stream_comes_from_whom_the_proxy_says),
        cmocka_unit_test(bodies_may_come_in_any_pieces),
        cmocka_unit_test(a_body_too_long_is_413_before_its_end),
        cmocka_unit_test(heads_are_bounded),
        cmocka_unit_test(answers_may_come_late_and_in_any_order),
        cmocka_unit_test(long_answers_share_the_connection),
        cmocka_unit_test(a_reset_stream_counts_until_it_is_answered),
        cmocka_unit_test(answers_without_their_connection_are_thrown_away),
        cmocka_unit_test(frames_that_ask_nothing_are_paid_for),
        cmocka_unit_test(empty_data_is_paid_for),
        cmocka_unit_test(streams_we_must_reset_are_paid_for),
        cmocka_unit_test(honest_clients_never_run_out),
        cmocka_unit_test(rubbish_ends_the_connection),
        cmocka_unit_test(half_a_request_times_out_with_408),
        cmocka_unit_test(an_idle_connection_gets_a_goaway),
        cmocka_unit_test(a_window_that_never_opens_ends_the_connection),
        cmocka_unit_test(draining_loses_no_request),
        cmocka_unit_test(a_drained_client_that_is_silent_hears_the_last_call),
    };
    return cmocka_run_group_tests_name("h2", tests, NULL, NULL);
}
