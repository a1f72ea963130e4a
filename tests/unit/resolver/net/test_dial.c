/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Streams to a server, over loopback and in the loop: opened, refused, read, written, closed, and dead
 * without a word. */
#include "tls_peer.h"

#include <linux/filter.h>
#include <netinet/tcp.h>

#include "resolver/net/dial.h"

enum { LATER = 20 /* turns in which nothing must happen */ };

static char ca_file[] = "/tmp/polynya-dial-XXXXXX";
static struct made ca, leaf;
static struct ca *trusted;

struct fixture {
    struct ev_loop *loop;
    struct tls_peer peer;
    struct tls_client *client;
    struct dial dial;
    unsigned ready, failed;
    enum dial_end why;
    bool close_when_ready;
};

static int make_cas(void **state)
{
    (void)state;
    char error[256];
    const int64_t now = time(NULL), day = TLS_PEER_DAY;
    ca = make(EVP_EC_gen("P-256"), "CA", NULL, now - day, now + day, NULL);
    leaf = make(EVP_EC_gen("P-256"), "a", "DNS:a.example", now - day, now + day, &ca);
    FILE *f = fdopen(mkstemp(ca_file), "w");
    assert_non_null(f);
    PEM_write_X509(f, ca.cert);
    fclose(f);
    trusted = ca_read(ca_file, error, sizeof error);
    return trusted ? 0 : -1;
}

static int drop_cas(void **state)
{
    (void)state;
    drop(&ca);
    drop(&leaf);
    ca_free(&trusted);
    return unlink(ca_file);
}

static struct fixture *fixture_of(struct dial *d)
{
    return (struct fixture *)(void *)((char *)d - offsetof(struct fixture, dial));
}

static void on_ready(struct dial *d)
{
    struct fixture *f = fixture_of(d);
    f->ready++;
    assert_int_equal(d->state, DIAL_OPEN);
    if (f->close_when_ready)
        dial_close(d);
}

static void on_failed(struct dial *d, enum dial_end why)
{
    struct fixture *f = fixture_of(d);
    f->failed++;
    f->why = why;
    assert_int_equal(d->state, DIAL_SHUT);
}

static int setup(void **state)
{
    struct fixture *f = *state = calloc(1, sizeof *f);
    f->loop = ev_loop_new(EVFLAG_AUTO);
    tls_peer_init(&f->peer);
    f->dial = (struct dial){.loop = f->loop, .ready = on_ready, .failed = on_failed};
    dial_init(&f->dial);
    return f->loop ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    dial_close(&f->dial);
    tls_client_free(&f->client);
    tls_peer_fini(&f->peer);
    ev_loop_destroy(f->loop);
    free(f);
    return 0;
}

static void use_tls(struct fixture *f, const char *name)
{
    f->client = tls_client_new(&(struct tls_client_options){.name = name, .ca = trusted});
    f->dial.peer = f->client;
    tls_peer_show(&f->peer, &leaf, NULL, NULL);
    SSL_CTX_set_num_tickets(f->peer.ctx, 0); /* else there is something to read at once */
}

static void turn(struct fixture *f)
{
    tls_peer_step(&f->peer);
    ev_run(f->loop, EVRUN_NOWAIT);
}

static void begin(struct fixture *f)
{
    union sock_addr to = tls_peer_address(&f->peer);
    assert_true(dial_open(&f->dial, &to));
    assert_int_equal(f->dial.state, DIAL_CONNECTING);
}

/* Until it is open, or failed; and the peer is that far, too. */
static void settle(struct fixture *f)
{
    int64_t start = clock_mono_ms();
    while (!f->ready && !f->failed && tls_peer_wait(start))
        turn(f);
    while (!f->failed && f->ready && (f->peer.fd < 0 || (f->peer.ssl && !f->peer.shaken)) &&
           tls_peer_wait(start))
        turn(f);
    assert_true((f->ready > 0) != (f->failed > 0) && f->failed <= 1);
}

static void assert_read(struct fixture *f, const char *text)
{
    char got[64] = "";
    size_t n = 0, len = 0;
    int64_t start = clock_mono_ms();
    while (len < strlen(text) && tls_peer_wait(start))
        if (dial_read(&f->dial, got + len, sizeof got - 1 - len, &n) == TLS_DONE)
            len += n;
    assert_string_equal(got, text);
    assert_int_equal(dial_read(&f->dial, got, sizeof got, &n), TLS_WANT_READ);
}

static void assert_arrives(struct fixture *f, const char *text)
{
    char got[64] = "";
    size_t len = 0;
    int64_t start = clock_mono_ms();
    while (len < strlen(text) && tls_peer_wait(start))
        len += tls_peer_read(&f->peer, got + len, sizeof got - 1 - len);
    assert_string_equal(got, text);
}

/* Both ways, and `ready` when there is something to read. */
static void talk(struct fixture *f)
{
    size_t n = 0;
    int64_t start = clock_mono_ms();
    assert_int_equal(dial_write(&f->dial, "question", 8, &n), TLS_DONE);
    assert_int_equal(n, 8);
    assert_arrives(f, "question");
    unsigned before = f->ready;
    tls_peer_write(&f->peer, "answer", 6);
    while (f->ready == before && tls_peer_wait(start))
        turn(f);
    assert_read(f, "answer");
}

static void plain(void **state)
{
    struct fixture *f = *state;
    begin(f);
    settle(f);
    assert_int_equal(f->ready, 1);
    talk(f);
    int one = 0;
    socklen_t len = sizeof one;
    assert_int_equal(getsockopt(f->dial.io.fd, IPPROTO_TCP, TCP_NODELAY, &one, &len), 0);
    assert_true(one);
    assert_true(fcntl(f->dial.io.fd, F_GETFD) & FD_CLOEXEC);
}

static void over_tls(void **state)
{
    struct fixture *f = *state;
    use_tls(f, "a.example");
    begin(f);
    settle(f);
    assert_int_equal(f->ready, 1);
    talk(f);
}

/* Nothing listens there. */
static void refused(void **state)
{
    struct fixture *f = *state;
    union sock_addr to = tls_peer_address(&f->peer);
    close(f->peer.listener);
    f->peer.listener = socket(AF_INET, SOCK_STREAM, 0); /* bound to nothing */
    if (dial_open(&f->dial, &to)) {
        int64_t start = clock_mono_ms();
        while (!f->failed && tls_peer_wait(start))
            ev_run(f->loop, EVRUN_NOWAIT);
        assert_int_equal(f->why, DIAL_END_UNREACHABLE);
    }
    assert_int_equal(f->ready, 0);
    assert_int_equal(f->dial.state, DIAL_SHUT);
}

/* What cannot even be begun is told by the result alone. */
static void no_way_there(void **state)
{
    struct fixture *f = *state;
    union sock_addr to;
    struct ip broadcast = {.len = 4, .addr = {255, 255, 255, 255}};
    sock_addr_of(&broadcast, 53, &to);
    assert_false(dial_open(&f->dial, &to));
    assert_int_equal(f->dial.state, DIAL_SHUT);
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(f->ready + f->failed, 0);
}

/* Not a byte of ours goes to a server that is another. */
static void another_name(void **state)
{
    struct fixture *f = *state;
    char got[16];
    use_tls(f, "b.example");
    begin(f);
    settle(f);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->why, DIAL_END_NAME);
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(tls_peer_read(&f->peer, got, sizeof got), 0);
    assert_false(f->peer.shaken);
}

static void no_tls_there(struct fixture *f, const char *said, enum dial_end why)
{
    int64_t start = clock_mono_ms();
    use_tls(f, "a.example");
    SSL_CTX_free(f->peer.ctx);
    f->peer.ctx = NULL;
    begin(f);
    while (f->peer.fd < 0 && tls_peer_wait(start))
        turn(f);
    if (*said)
        tls_peer_write(&f->peer, said, strlen(said));
    shutdown(f->peer.fd, SHUT_WR);
    settle(f);
    assert_int_equal(f->failed, 1);
    assert_int_equal(f->why, why);
}

static void other_words(void **state)
{
    no_tls_there(*state, "HTTP/1.0 400 Bad Request\r\n\r\n", DIAL_END_HANDSHAKE);
}

static void cut_off_in_the_handshake(void **state)
{
    no_tls_there(*state, "", DIAL_END_CLOSED);
}

static void room_to_write(void **state)
{
    struct fixture *f = *state;
    static const char block[65536];
    size_t n;
    begin(f);
    settle(f);
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(f->ready, 1); /* nobody asked */
    dial_want_write(&f->dial, true);
    turn(f);
    assert_int_equal(f->ready, 2);
    while (dial_write(&f->dial, block, sizeof block, &n) == TLS_DONE)
        continue;
    assert_int_equal(dial_write(&f->dial, block, sizeof block, &n), TLS_WANT_WRITE);
    unsigned full = f->ready;
    static char drain[65536];
    int64_t start = clock_mono_ms();
    while (f->ready == full && tls_peer_wait(start)) {
        (void)tls_peer_read(&f->peer, drain, sizeof drain);
        turn(f);
    }
    assert_true(f->ready > full);
    dial_want_write(&f->dial, false);
    full = f->ready;
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(f->ready, full);
}

/* Asked for before it is open, it counts from then on. */
static void room_wanted_early(void **state)
{
    struct fixture *f = *state;
    use_tls(f, "a.example");
    begin(f);
    dial_want_write(&f->dial, true);
    settle(f);
    turn(f);
    assert_true(f->ready >= 2);
}

static void fed(void **state)
{
    struct fixture *f = *state;
    dial_feed(&f->dial); /* shut: nothing */
    begin(f);
    settle(f);
    dial_feed(&f->dial);
    turn(f);
    assert_int_equal(f->ready, 2);
}

/* After it was closed nothing is called any more, whatever was about to be. */
static void closed(void **state)
{
    struct fixture *f = *state;
    begin(f);
    settle(f);
    dial_feed(&f->dial);
    dial_close(&f->dial);
    dial_close(&f->dial);
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(f->ready, 1);
    /* and it can be opened again, and closed in the callback */
    tls_peer_hang_up(&f->peer);
    f->ready = 0;
    f->close_when_ready = true;
    begin(f);
    settle(f);
    for (int i = 0; i < LATER; i++)
        turn(f);
    assert_int_equal(f->ready, 1);
    assert_int_equal(f->failed, 0);
}

/* A server that ends well is told apart from nothing at all. */
static void ended_by_the_server(void **state)
{
    struct fixture *f = *state;
    char got[16];
    size_t n;
    use_tls(f, "a.example");
    begin(f);
    settle(f);
    int64_t start = clock_mono_ms();
    tls_peer_hang_up(&f->peer);
    while (f->ready < 2 && tls_peer_wait(start))
        ev_run(f->loop, EVRUN_NOWAIT);
    enum tls_status s = dial_read(&f->dial, got, sizeof got, &n);
    while (s == TLS_WANT_READ && tls_peer_wait(start))
        s = dial_read(&f->dial, got, sizeof got, &n);
    assert_int_equal(s, TLS_CLOSED);
}

/* From now on no segment reaches fd, and none is confirmed. */
static void make_deaf(int fd)
{
    struct sock_filter drop_all = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {1, &drop_all};
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program), 0);
}

static void unconfirmed(void **state)
{
    struct fixture *f = *state;
    char got[16];
    size_t n;
    assert_false(dial_unconfirmed(&f->dial));
    begin(f);
    assert_false(dial_unconfirmed(&f->dial));
    settle(f);
    assert_false(dial_unconfirmed(&f->dial));
    /* arrived, and not answered for longer than one that is unheard may be */
    assert_int_equal(dial_write(&f->dial, "a", 1, &n), TLS_DONE);
    assert_arrives(f, "a");
    for (int64_t start = clock_mono_ms(); clock_mono_ms() - start < DIAL_UNHEARD + 200;) {
        poll(NULL, 0, 10);
        assert_false(dial_unconfirmed(&f->dial));
    }
    make_deaf(f->peer.fd);
    assert_int_equal(dial_write(&f->dial, "b", 1, &n), TLS_DONE);
    assert_false(dial_unconfirmed(&f->dial));
    int64_t start = clock_mono_ms();
    while (!dial_unconfirmed(&f->dial) && tls_peer_wait(start))
        continue;
    assert_true(dial_unconfirmed(&f->dial));
    assert_true(clock_mono_ms() - start >= DIAL_UNHEARD / 2);
    /* and in the end the kernel gives up */
    f->ready = 0;
    while (!f->ready && tls_peer_wait(start))
        turn(f);
    assert_int_equal(dial_read(&f->dial, got, sizeof got, &n), TLS_ERROR);
}

static void ends_have_names(void **state)
{
    (void)state;
    for (enum dial_end e = 0; e < DIAL_ENDS; e++) {
        assert_true(strlen(dial_end_name(e)) > 0 && strlen(dial_end_text(e)) > 0);
        bool tls = e != DIAL_END_CLOSED && e != DIAL_END_UNREACHABLE && e != DIAL_END_STALLED;
        assert_int_equal(dial_end_is_tls(e), tls);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(plain),
        TEST(over_tls),
        TEST(refused),
        TEST(no_way_there),
        TEST(another_name),
        TEST(other_words),
        TEST(cut_off_in_the_handshake),
        TEST(room_to_write),
        TEST(room_wanted_early),
        TEST(fed),
        TEST(closed),
        TEST(ended_by_the_server),
        TEST(unconfirmed),
        cmocka_unit_test(ends_have_names),
    };
    return cmocka_run_group_tests(tests, make_cas, drop_cas);
}
