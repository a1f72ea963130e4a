/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS towards a server: whom it believes and why it does not, what it says of itself, and sessions resumed.
 */
#include "tls_peer.h"

#include "resolver/net/tls_client.h"

static char ca_file[] = "/tmp/polynya-tls-client-XXXXXX";
static struct made ca, stranger, leaf, other, wild, partial, by_address, expired, early, alone;
static struct ca *trusted;
static struct tls_peer peer;

static EVP_PKEY *new_key(void)
{
    return EVP_EC_gen("P-256");
}

static int setup(void **state)
{
    (void)state;
    char error[256];
    const int64_t now = time(NULL), day = TLS_PEER_DAY;
    ca = make(new_key(), "CA", NULL, now - day, now + 9 * day, NULL);
    stranger = make(new_key(), "Stranger", NULL, now - day, now + 9 * day, NULL);
    leaf = make(new_key(), "a", "DNS:a.example", now - day, now + day, &ca);
    other = make(new_key(), "a", "DNS:a.example", now - day, now + day, &stranger);
    wild = make(new_key(), "a", "DNS:*.b.example,DNS:*.example", now - day, now + day, &ca);
    partial = make(new_key(), "a", "DNS:a*.b.example", now - day, now + day, &ca);
    by_address = make(new_key(), "a", "IP:127.0.0.1", now - day, now + day, &ca);
    expired = make(new_key(), "a", "DNS:a.example", now - 2 * day, now - day, &ca);
    early = make(new_key(), "a", "DNS:a.example", now + day, now + 2 * day, &ca);
    alone = make(new_key(), "nobody", "DNS:nobody.invalid", now - 9 * day, now - 8 * day, NULL);
    FILE *f = fdopen(mkstemp(ca_file), "w");
    assert_non_null(f);
    PEM_write_X509(f, ca.cert);
    fclose(f);
    trusted = ca_read(ca_file, error, sizeof error);
    assert_non_null(trusted);
    tls_peer_init(&peer);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    struct made *all[] = {&ca,      &stranger,   &leaf,    &other, &wild,
                          &partial, &by_address, &expired, &early, &alone};
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++)
        drop(all[i]);
    tls_peer_fini(&peer);
    ca_free(&trusted);
    unlink(ca_file);
    return 0;
}

static struct tls_pin pin_of(const struct made *m)
{
    struct tls_pin pin;
    unsigned char *der = NULL;
    int len = i2d_PUBKEY(m->key, &der);
    assert_true(len > 0);
    assert_int_equal(EVP_Digest(der, (size_t)len, pin.sha256, NULL, EVP_sha256(), NULL), 1);
    OPENSSL_free(der);
    return pin;
}

/* A connection, and how its handshake ended. */
struct attempt {
    struct tls_conn *conn;
    int fd;
    enum tls_status status;
    enum tls_fault fault;
};

static struct attempt shake(struct tls_client *c)
{
    union sock_addr to = tls_peer_address(&peer);
    int64_t start = clock_mono_ms();
    struct attempt a = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
    assert_int_equal(connect(a.fd, &to.sa, sock_addr_len(&to)), 0);
    tls_peer_nonblocking(a.fd);
    a.conn = tls_connect(c, a.fd);
    assert_non_null(a.conn);
    do {
        tls_peer_step(&peer);
        a.status = tls_handshake(a.conn);
    } while ((a.status == TLS_WANT_READ || a.status == TLS_WANT_WRITE) && tls_peer_wait(start));
    a.fault = tls_fault(a.conn);
    while (a.status == TLS_DONE && !peer.shaken && tls_peer_wait(start))
        tls_peer_step(&peer);
    return a;
}

static void end(struct attempt *a)
{
    tls_conn_free(&a->conn);
    close(a->fd);
    tls_peer_hang_up(&peer);
}

/* What a fresh client finds wrong with the peer. */
static enum tls_fault fault_with(const struct tls_client_options *o)
{
    struct tls_client *c = tls_client_new(o);
    assert_non_null(c);
    struct attempt a = shake(c);
    assert_int_equal(a.status == TLS_DONE && a.fault == TLS_FAULT_NONE, a.fault == TLS_FAULT_NONE);
    enum tls_fault fault = a.fault;
    end(&a);
    tls_client_free(&c);
    assert_null(c);
    return fault;
}

static enum tls_fault fault_by_name(const char *name, const struct made *shown)
{
    tls_peer_show(&peer, shown, NULL, NULL);
    return fault_with(&(struct tls_client_options){.name = name, .ca = trusted});
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(fault_by_name("a.example", &leaf), TLS_FAULT_NONE);
    assert_string_equal(peer.sni, "a.example");
    assert_int_equal(fault_by_name("A.Example", &leaf), TLS_FAULT_NONE);
    assert_int_equal(fault_by_name("x.b.example", &wild), TLS_FAULT_NONE);
    assert_int_equal(fault_by_name("b.example", &leaf), TLS_FAULT_NAME);
    assert_int_equal(fault_by_name("x.a.example", &leaf), TLS_FAULT_NAME);
    assert_int_equal(fault_by_name("x.y.b.example", &wild), TLS_FAULT_NAME);
    assert_int_equal(fault_by_name("b.example", &wild), TLS_FAULT_NAME);
    assert_int_equal(fault_by_name("a.example", &wild), TLS_FAULT_NAME); /* a whole TLD's */
    assert_int_equal(fault_by_name("ab.b.example", &partial), TLS_FAULT_NAME);
}

/* For an address there is no SNI (RFC 6066 3), and a name that looks alike is none. */
static void addresses(void **state)
{
    (void)state;
    assert_int_equal(fault_by_name("127.0.0.1", &by_address), TLS_FAULT_NONE);
    assert_string_equal(peer.sni, "");
    assert_int_equal(fault_by_name("127.0.0.2", &by_address), TLS_FAULT_NAME);
    assert_int_equal(fault_by_name("127.0.0.1", &leaf), TLS_FAULT_NAME);
}

static void chains(void **state)
{
    (void)state;
    assert_int_equal(fault_by_name("a.example", &other), TLS_FAULT_ISSUER);
    assert_int_equal(fault_by_name("a.example", &expired), TLS_FAULT_TIME);
    assert_int_equal(fault_by_name("a.example", &early), TLS_FAULT_TIME);
    assert_int_equal(fault_by_name("nobody.invalid", &alone), TLS_FAULT_ISSUER);
    assert_int_equal(fault_by_name("a.example", &ca), TLS_FAULT_NAME);
}

/* Without a name nothing counts but the leaf's key: no CA, no time. */
static void pins_alone(void **state)
{
    (void)state;
    struct tls_pin pins[] = {pin_of(&stranger), pin_of(&alone)};
    const struct tls_client_options o = {.pins = pins, .pin_count = 2};
    tls_peer_show(&peer, &alone, NULL, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    assert_string_equal(peer.sni, "");
    tls_peer_show(&peer, &leaf, NULL, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_PIN);
    /* Anybody can show a pinned certificate behind his own. */
    tls_peer_show(&peer, &leaf, &alone, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_PIN);
}

/* With a name both must hold, for any key of the chain that was verified. */
static void pins_and_a_name(void **state)
{
    (void)state;
    struct tls_pin of_leaf = pin_of(&leaf), of_ca = pin_of(&ca), of_other = pin_of(&other);
    struct tls_client_options o = {.name = "a.example", .ca = trusted, .pins = &of_leaf, .pin_count = 1};
    tls_peer_show(&peer, &leaf, NULL, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    o.pins = &of_ca;
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    o.pins = &of_other;
    assert_int_equal(fault_with(&o), TLS_FAULT_PIN);
    tls_peer_show(&peer, &leaf, &other, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_PIN);
    tls_peer_show(&peer, &other, NULL, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_ISSUER);
}

static void protocols(void **state)
{
    (void)state;
    struct tls_client_options o = {.name = "a.example", .ca = trusted};
    tls_peer_show(&peer, &leaf, NULL, "\2h2");
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    o.h2 = true;
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    tls_peer_show(&peer, &leaf, NULL, "\3dot");
    assert_int_equal(fault_with(&o), TLS_FAULT_HANDSHAKE);
    tls_peer_show(&peer, &leaf, NULL, NULL);
    assert_int_equal(fault_with(&o), TLS_FAULT_HANDSHAKE);
    o.h2 = false;
    SSL_CTX_set_max_proto_version(peer.ctx, TLS1_2_VERSION);
    assert_int_equal(fault_with(&o), TLS_FAULT_NONE);
    /* OpenSSL 3 has TLS 1.1 at security level 0 alone. */
    SSL_CTX_set_security_level(peer.ctx, 0);
    SSL_CTX_set_min_proto_version(peer.ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(peer.ctx, TLS1_1_VERSION);
    assert_int_equal(fault_with(&o), TLS_FAULT_HANDSHAKE);
}

/* A peer without TLS: what it says instead is a fault of its, that it says nothing is none. */
static void no_tls(void **state)
{
    (void)state;
    static const char *const said[] = {"220 ready\r\n", "HTTP/1.0 400 Bad Request\r\n\r\n", ""};
    SSL_CTX_free(peer.ctx);
    peer.ctx = NULL;
    for (unsigned i = 0; i < sizeof said / sizeof *said; i++) {
        struct tls_client *c =
            tls_client_new(&(struct tls_client_options){.name = "a.example", .ca = trusted});
        union sock_addr to = tls_peer_address(&peer);
        struct attempt a = {.fd = socket(AF_INET, SOCK_STREAM, 0)};
        int64_t start = clock_mono_ms();
        assert_int_equal(connect(a.fd, &to.sa, sock_addr_len(&to)), 0);
        tls_peer_nonblocking(a.fd);
        a.conn = tls_connect(c, a.fd);
        assert_int_equal(tls_handshake(a.conn), TLS_WANT_READ);
        while (peer.fd < 0 && tls_peer_wait(start))
            tls_peer_step(&peer);
        if (*said[i])
            tls_peer_write(&peer, said[i], strlen(said[i]));
        shutdown(peer.fd, SHUT_WR);
        do
            a.status = tls_handshake(a.conn);
        while (a.status == TLS_WANT_READ && tls_peer_wait(start));
        assert_int_equal(a.status, *said[i] ? TLS_ERROR : TLS_CLOSED);
        if (*said[i])
            assert_int_equal(tls_fault(a.conn), TLS_FAULT_HANDSHAKE);
        end(&a);
        tls_client_free(&c);
    }
}

/* One byte, so that what the server sends after the handshake was read. */
static void exchange(struct attempt *a)
{
    char c = 0;
    size_t n = 0;
    int64_t start = clock_mono_ms();
    tls_peer_write(&peer, "x", 1);
    while (tls_read(a->conn, &c, 1, &n) == TLS_WANT_READ && tls_peer_wait(start))
        continue;
    assert_int_equal(c, 'x');
}

static bool resumes(struct tls_client *c, bool read)
{
    struct attempt a = shake(c);
    assert_int_equal(a.status, TLS_DONE);
    assert_int_equal(a.fault, TLS_FAULT_NONE);
    bool resumed = tls_resumed(a.conn);
    if (read)
        exchange(&a);
    end(&a);
    return resumed;
}

/* RFC 8446 C.4: a ticket of TLS 1.3 is used once. Connections that are cut off leave their session good. */
static void sessions(void **state)
{
    (void)state;
    struct tls_client *c = tls_client_new(&(struct tls_client_options){.name = "a.example", .ca = trusted});
    tls_peer_show(&peer, &leaf, NULL, NULL);
    assert_false(resumes(c, true));
    assert_true(resumes(c, true));
    assert_true(resumes(c, false));
    assert_false(resumes(c, false));
    tls_client_free(&c);
}

static void sessions_of_tls12(void **state)
{
    (void)state;
    struct tls_client *c = tls_client_new(&(struct tls_client_options){.name = "a.example", .ca = trusted});
    tls_peer_show(&peer, &leaf, NULL, NULL);
    SSL_CTX_set_max_proto_version(peer.ctx, TLS1_2_VERSION);
    assert_false(resumes(c, false));
    assert_true(resumes(c, false));
    assert_true(resumes(c, false));
    tls_client_free(&c);
}

/* A session is one client's: another, who may expect another name or pin, begins anew. */
static void sessions_are_not_shared(void **state)
{
    (void)state;
    struct tls_client *one = tls_client_new(&(struct tls_client_options){.name = "a.example", .ca = trusted});
    struct tls_client *two = tls_client_new(&(struct tls_client_options){.name = "b.example", .ca = trusted});
    tls_peer_show(&peer, &leaf, NULL, NULL);
    assert_false(resumes(one, true));
    struct attempt a = shake(two);
    assert_int_equal(a.fault, TLS_FAULT_NAME);
    end(&a);
    assert_true(resumes(one, true));
    tls_client_free(&one);
    tls_client_free(&two);
}

/* SSL_read would go on for as long as they come. */
static void tickets_alone_end_a_connection(void **state)
{
    (void)state;
    struct tls_client *c = tls_client_new(&(struct tls_client_options){.name = "a.example", .ca = trusted});
    enum tls_status status = TLS_WANT_READ;
    char buf[64];
    size_t n;
    tls_peer_show(&peer, &leaf, NULL, NULL);
    struct attempt a = shake(c);
    for (int i = 1; i <= 1000 && status == TLS_WANT_READ; i++) {
        assert_int_equal(SSL_new_session_ticket(peer.ssl), 1);
        assert_int_equal(SSL_do_handshake(peer.ssl), 1);
        if (i % 10 == 0)
            status = tls_read(a.conn, buf, sizeof buf, &n);
    }
    assert_int_equal(status, TLS_ERROR);
    end(&a);
    tls_client_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(addresses),
        cmocka_unit_test(chains),
        cmocka_unit_test(pins_alone),
        cmocka_unit_test(pins_and_a_name),
        cmocka_unit_test(protocols),
        cmocka_unit_test(no_tls),
        cmocka_unit_test(sessions),
        cmocka_unit_test(sessions_of_tls12),
        cmocka_unit_test(sessions_are_not_shared),
        cmocka_unit_test(tickets_alone_end_a_connection),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
