/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS: what is refused when certificates are loaded, and handshakes of OpenSSL's client with our server in
 * memory of a socket pair: protocols, names, key types, tickets. */
#include "certs.h"
#include "rig.h"

#include <openssl/err.h>
#include <openssl/rsa.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include "data/store/shm.h"
#include "resolver/net/tls.h"

static const int64_t now = 1800000000;
static char dir[] = "/tmp/polynya-tls-XXXXXX";
static char error[300];

static const char *path_of(const char *file)
{
    static char paths[8][64];
    static unsigned next;
    char *p = paths[next++ % 8];
    snprintf(p, sizeof paths[0], "%s/%s", dir, file);
    return p;
}

static void write_chain(const char *file, const struct made *a, const struct made *b)
{
    FILE *f = fopen(path_of(file), "w");
    assert_non_null(f);
    PEM_write_X509(f, a->cert);
    if (b)
        PEM_write_X509(f, b->cert);
    fclose(f);
}

static void write_key(const char *file, const struct made *m, const char *password)
{
    FILE *f = fopen(path_of(file), "w");
    assert_non_null(f);
    PEM_write_PrivateKey(f, m->key, password ? EVP_aes_128_cbc() : NULL, (const unsigned char *)password,
                         password ? (int)strlen(password) : 0, NULL, NULL);
    fclose(f);
}

static void write_text(const char *file, const char *text)
{
    FILE *f = fopen(path_of(file), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

enum { DAY = 86400 };

static int setup(void **state)
{
    (void)state;
    assert_non_null(mkdtemp(dir));
    struct made ca = make(EVP_EC_gen("P-256"), "CA", NULL, now - DAY, now + 9 * DAY, NULL);
    struct made other = make(EVP_EC_gen("P-256"), "CA", NULL, now - DAY, now + 9 * DAY, NULL);
    struct made a = make(EVP_EC_gen("P-256"), "a", "DNS:a.example", now - DAY, now + 5 * DAY, &ca);
    struct made rsa = make(EVP_RSA_gen(2048), "a", "DNS:a.example", now - DAY, now + 3 * DAY, &ca);
    struct made b =
        make(EVP_EC_gen("P-256"), "b", "DNS:b.example,DNS:*.b.example", now - DAY, now + 7 * DAY, &ca);
    struct made old = make(EVP_EC_gen("P-256"), "o", "DNS:a.example", now - 2 * DAY, now - DAY, &ca);
    struct made young = make(EVP_EC_gen("P-256"), "y", "DNS:a.example", now + DAY, now + 2 * DAY, &ca);
    write_chain("a.pem", &a, &ca);
    write_chain("b.pem", &b, NULL);
    write_chain("rsa.pem", &rsa, NULL);
    write_chain("old.pem", &old, NULL);
    write_chain("young.pem", &young, NULL);
    write_chain("broken.pem", &a, &other);
    write_key("a.key", &a, NULL);
    write_key("b.key", &b, NULL);
    write_key("rsa.key", &rsa, NULL);
    write_key("old.key", &old, NULL);
    write_key("locked.key", &a, "secret");
    write_text("empty.pem", "");
    write_text("torn.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    struct made *all[] = {&ca, &other, &a, &rsa, &b, &old, &young};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        drop(all[i]);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    static const char *const files[] = {"a.pem",      "b.pem",     "rsa.pem", "old.pem", "young.pem",
                                        "broken.pem", "a.key",     "b.key",   "rsa.key", "old.key",
                                        "locked.key", "empty.pem", "torn.pem"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        unlink(path_of(files[i]));
    return rmdir(dir);
}

static struct tls_server *load(const char *chain, const char *key)
{
    struct tls_files f = {path_of(chain), path_of(key)};
    error[0] = 0;
    return tls_server_new(&f, 1, NULL, now, error, sizeof error);
}

static void bad_files_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *chain, *key, *blamed, *what;
    } rows[] = {
        {"none.pem", "a.key", "none.pem: ", "No such file"},
        {"a.pem", "none.key", "none.key: ", "No such file"},
        {"empty.pem", "a.key", "empty.pem: ", "no certificate"},
        {"torn.pem", "a.key", "torn.pem: ", "no certificate"},
        {"a.key", "a.key", "a.key: ", "no certificate"},
        {"a.pem", "empty.pem", "empty.pem: ", "no private key"},
        {"a.pem", "locked.key", "locked.key: ", "no private key"},
        {"a.pem", "b.key", "b.key: ", "does not belong"},
        {"old.pem", "old.key", "old.pem: ", "certificate 1 has expired"},
        {"young.pem", "a.key", "young.pem: ", "certificate 1 is not valid yet"},
        {"broken.pem", "a.key", "broken.pem: ", "certificate 1 is not signed"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_null(load(rows[i].chain, rows[i].key));
        if (!strstr(error, rows[i].blamed) || !strstr(error, rows[i].what))
            fail_msg("%s + %s: %s", rows[i].chain, rows[i].key, error);
    }
}

static void the_first_expiry_of_all_counts(void **state)
{
    (void)state;
    struct tls_files f[] = {{path_of("a.pem"), path_of("a.key")},
                            {path_of("rsa.pem"), path_of("rsa.key")},
                            {path_of("b.pem"), path_of("b.key")}};
    struct tls_server *s = tls_server_new(f, 3, NULL, now, error, sizeof error);
    assert_non_null(s);
    assert_int_equal(tls_server_expires(s), now + 3 * DAY);
    tls_server_free(&s);
    assert_null(s);
}

/* Both ends of one connection. */
struct peers {
    int fd[2];
    struct tls_conn *server;
    SSL *client;
    enum tls_status status;
    bool failed; /* as the client sees it */
};

static void shake(struct peers *l)
{
    l->status = TLS_WANT_READ;
    for (int i = 0; i < 10; i++) {
        int r = SSL_do_handshake(l->client);
        l->failed = r != 1 && SSL_get_error(l->client, r) != SSL_ERROR_WANT_READ;
        if (l->status == TLS_WANT_READ)
            l->status = tls_handshake(l->server);
    }
}

static void peers_open(struct peers *l, struct tls_server *s, SSL_CTX *ctx, const char *alpn,
                       const char *host, SSL_SESSION *session)
{
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, l->fd), 0);
    l->server = tls_accept(s, l->fd[0], TLS_FOR_HTTP);
    l->client = SSL_new(ctx);
    SSL_set_fd(l->client, l->fd[1]);
    SSL_set_connect_state(l->client);
    if (alpn)
        SSL_set_alpn_protos(l->client, (const unsigned char *)alpn, (unsigned)strlen(alpn));
    if (host)
        SSL_set_tlsext_host_name(l->client, host);
    if (session)
        SSL_set_session(l->client, session);
    shake(l);
}

static void peers_close(struct peers *l)
{
    /* OpenSSL's client does not resume a session that ended without a farewell. */
    SSL_set_shutdown(l->client, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    SSL_free(l->client);
    tls_conn_free(&l->server);
    close(l->fd[0]);
    close(l->fd[1]);
}

static void the_protocol_is_agreed_or_refused(void **state)
{
    (void)state;
    static const struct {
        const char *offer;
        enum tls_status status;
        enum tls_alpn alpn;
    } rows[] = {{"\2h2\10http/1.1", TLS_DONE, TLS_ALPN_H2},
                {"\10http/1.1\2h2", TLS_DONE, TLS_ALPN_H2},
                {"\10http/1.1", TLS_DONE, TLS_ALPN_H1},
                {NULL, TLS_DONE, TLS_ALPN_NONE},
                {"\3dot", TLS_ERROR, TLS_ALPN_NONE}};
    struct tls_server *s = load("a.pem", "a.key");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_non_null(s);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peers l;
        peers_open(&l, s, ctx, rows[i].offer, NULL, NULL);
        assert_int_equal(l.status, rows[i].status);
        assert_int_equal(l.failed, rows[i].status != TLS_DONE);
        if (l.status == TLS_DONE)
            assert_int_equal(tls_alpn(l.server), rows[i].alpn);
        peers_close(&l);
    }
    SSL_CTX_free(ctx);
    tls_server_free(&s);
}

static void old_versions_are_refused(void **state)
{
    (void)state;
    struct tls_server *s = load("a.pem", "a.key");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct peers l;
    SSL_CTX_set_security_level(ctx, 0);
    SSL_CTX_set_min_proto_version(ctx, TLS1_VERSION);
    SSL_CTX_set_max_proto_version(ctx, TLS1_1_VERSION);
    peers_open(&l, s, ctx, NULL, NULL, NULL);
    assert_int_equal(l.status, TLS_ERROR);
    peers_close(&l);
    SSL_CTX_set_max_proto_version(ctx, TLS1_2_VERSION);
    peers_open(&l, s, ctx, NULL, NULL, NULL);
    assert_int_equal(l.status, TLS_DONE);
    peers_close(&l);
    SSL_CTX_free(ctx);
    tls_server_free(&s);
}

static bool shown(struct peers *l, const char *host)
{
    X509 *c = SSL_get1_peer_certificate(l->client);
    bool is = c && X509_check_host(c, host, 0, 0, NULL) == 1;
    X509_free(c);
    return is;
}

static void the_name_asked_for_chooses_the_certificate(void **state)
{
    (void)state;
    static const struct {
        const char *sni, *shown;
    } rows[] = {{"a.example", "a.example"}, {"b.example", "b.example"}, {"x.b.example", "b.example"},
                {"B.Example", "b.example"}, {"c.example", "a.example"}, {NULL, "a.example"}};
    struct tls_files f[] = {{path_of("a.pem"), path_of("a.key")}, {path_of("b.pem"), path_of("b.key")}};
    struct tls_server *s = tls_server_new(f, 2, NULL, now, error, sizeof error);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct peers l;
        peers_open(&l, s, ctx, "\2h2", rows[i].sni, NULL);
        assert_int_equal(l.status, TLS_DONE);
        assert_true(shown(&l, rows[i].shown));
        assert_int_equal(tls_alpn(l.server), TLS_ALPN_H2);
        peers_close(&l);
    }
    SSL_CTX_free(ctx);
    tls_server_free(&s);
}

static int key_type(struct peers *l)
{
    X509 *c = SSL_get1_peer_certificate(l->client);
    int type = EVP_PKEY_get_base_id(X509_get0_pubkey(c));
    X509_free(c);
    return type;
}

static void clients_get_the_key_type_they_can_verify(void **state)
{
    (void)state;
    struct tls_files f[] = {{path_of("a.pem"), path_of("a.key")}, {path_of("rsa.pem"), path_of("rsa.key")}};
    struct tls_server *s = tls_server_new(f, 2, NULL, now, error, sizeof error);
    assert_non_null(s);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    struct peers l;
    peers_open(&l, s, ctx, NULL, "a.example", NULL);
    assert_int_equal(key_type(&l), EVP_PKEY_EC);
    peers_close(&l);
    SSL_CTX_set1_sigalgs_list(ctx, "rsa_pss_rsae_sha256");
    peers_open(&l, s, ctx, NULL, "a.example", NULL);
    assert_int_equal(l.status, TLS_DONE);
    assert_int_equal(key_type(&l), EVP_PKEY_RSA);
    peers_close(&l);
    SSL_CTX_free(ctx);
    tls_server_free(&s);
}

/* One connection that carries a byte each way; returns the session it left. */
static SSL_SESSION *visit(struct tls_server *s, SSL_CTX *ctx, SSL_SESSION *with, bool *resumed)
{
    struct peers l;
    char byte[16];
    size_t n;
    peers_open(&l, s, ctx, NULL, "a.example", with);
    assert_int_equal(l.status, TLS_DONE);
    *resumed = tls_resumed(l.server);
    assert_int_equal(SSL_write(l.client, "x", 1), 1);
    assert_int_equal(tls_read(l.server, byte, sizeof byte, &n), TLS_DONE);
    assert_int_equal(n, 1);
    assert_int_equal(tls_write(l.server, "y", 1, &n), TLS_DONE);
    assert_int_equal(SSL_read(l.client, byte, sizeof byte), 1);
    SSL_SESSION *session = SSL_get1_session(l.client);
    peers_close(&l);
    return session;
}

static void tickets_resume_until_their_key_is_gone(void **state)
{
    (void)state;
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++) {
        struct ticket_ring ring = {0};
        ticket_rotate(&ring);
        struct tls_files f = {path_of("a.pem"), path_of("a.key")};
        struct tls_server *s = tls_server_new(&f, 1, &ring, now, error, sizeof error);
        SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_max_proto_version(ctx, versions[i]);
        bool resumed;
        SSL_SESSION *first = visit(s, ctx, NULL, &resumed);
        assert_false(resumed);
        ticket_rotate(&ring);
        SSL_SESSION *second = visit(s, ctx, first, &resumed);
        assert_true(resumed);
        for (int k = 0; k < TICKET_KEYS - 1; k++)
            ticket_rotate(&ring);
        /* The first ticket's key has left the ring; the renewed one's has not. */
        SSL_SESSION_free(visit(s, ctx, second, &resumed));
        assert_true(resumed);
        SSL_SESSION_free(visit(s, ctx, first, &resumed));
        assert_false(resumed);
        SSL_SESSION_free(first);
        SSL_SESSION_free(second);
        SSL_CTX_free(ctx);
        tls_server_free(&s);
    }
}

static void without_a_ring_nothing_resumes(void **state)
{
    (void)state;
    struct tls_server *s = load("a.pem", "a.key");
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    bool resumed;
    SSL_SESSION *first = visit(s, ctx, NULL, &resumed);
    SSL_SESSION_free(visit(s, ctx, first, &resumed));
    assert_false(resumed);
    SSL_SESSION_free(first);
    SSL_CTX_free(ctx);
    tls_server_free(&s);
}

static void rubbish_fails_and_an_end_is_an_end(void **state)
{
    (void)state;
    struct tls_server *s = load("a.pem", "a.key");
    int fd[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
    struct tls_conn *c = tls_accept(s, fd[0], TLS_FOR_HTTP);
    assert_int_equal(send(fd[1], "GET / HTTP/1.1\r\n\r\n", 18, 0), 18);
    assert_int_equal(tls_handshake(c), TLS_ERROR);
    tls_shutdown(c);
    tls_conn_free(&c);
    c = tls_accept(s, fd[0], TLS_FOR_HTTP);
    assert_int_equal(tls_handshake(c), TLS_WANT_READ);
    close(fd[1]);
    assert_int_equal(tls_handshake(c), TLS_CLOSED);
    tls_conn_free(&c);
    close(fd[0]);
    tls_server_free(&s);
}

/* A connection that has nothing special, and its server. */
struct plain {
    struct tls_server *server;
    SSL_CTX *ctx;
    struct peers l;
};

static void plain_open(struct plain *p)
{
    p->server = load("a.pem", "a.key");
    p->ctx = SSL_CTX_new(TLS_client_method());
    peers_open(&p->l, p->server, p->ctx, NULL, NULL, NULL);
}

static void plain_close(struct plain *p)
{
    peers_close(&p->l);
    SSL_CTX_free(p->ctx);
    tls_server_free(&p->server);
}

static void a_record_in_pieces_is_read_when_it_is_whole(void **state)
{
    (void)state;
    struct plain p;
    char buf[64], cipher[1000];
    size_t n;
    plain_open(&p);
    /* Catch what the client sends, and pass it on in pieces. */
    BIO *memory = BIO_new(BIO_s_mem());
    SSL_set0_wbio(p.l.client, memory);
    assert_int_equal(SSL_write(p.l.client, "one", 3), 3);
    assert_int_equal(SSL_write(p.l.client, "two", 3), 3);
    int len = BIO_read(memory, cipher, sizeof cipher);
    int half = len / 2 + 3;
    assert_int_equal(send(p.l.fd[1], cipher, (size_t)half, 0), half);
    assert_int_equal(tls_read(p.l.server, buf, sizeof buf, &n), TLS_DONE);
    assert_memory_equal(buf, "one", 3);
    assert_true(tls_pending(p.l.server));
    assert_int_equal(tls_read(p.l.server, buf, sizeof buf, &n), TLS_WANT_READ);
    assert_int_equal(send(p.l.fd[1], cipher + half, (size_t)(len - half), 0), len - half);
    assert_int_equal(tls_read(p.l.server, buf, sizeof buf, &n), TLS_DONE);
    assert_memory_equal(buf, "two", 3);
    assert_false(tls_pending(p.l.server));
    plain_close(&p);
}

static void update_key(struct peers *l)
{
    assert_int_equal(SSL_key_update(l->client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(l->client), 1);
}

/* SSL_read would go on for as long as they come. */
static void key_updates_alone_end_a_connection(void **state)
{
    (void)state;
    struct plain p;
    char buf[64];
    size_t n;
    enum tls_status status = TLS_WANT_READ;
    plain_open(&p);
    for (int i = 1; i <= 5000 && status == TLS_WANT_READ; i++) {
        update_key(&p.l);
        if (i % 100 == 0)
            status = tls_read(p.l.server, buf, sizeof buf, &n);
    }
    assert_int_equal(status, TLS_ERROR);
    plain_close(&p);
}

static void key_updates_between_data_do_not(void **state)
{
    (void)state;
    struct plain p;
    char buf[64];
    size_t n;
    plain_open(&p);
    for (int i = 0; i < 1000; i++) {
        for (int k = 0; k < 3; k++)
            update_key(&p.l);
        assert_int_equal(SSL_write(p.l.client, "x", 1), 1);
        assert_int_equal(tls_read(p.l.server, buf, sizeof buf, &n), TLS_DONE);
        assert_int_equal(n, 1);
        assert_true(tls_taken(p.l.server) > 100);
        assert_int_equal(tls_taken(p.l.server), 0);
    }
    plain_close(&p);
}

static void fill_socket(int fd)
{
    static const char much[4096];
    while (send(fd, much, sizeof much, MSG_DONTWAIT) > 0) {
    }
}

/* OpenSSL has one queue of errors for all that it is asked to do. */
static void errors_of_others_are_not_its_own(void **state)
{
    (void)state;
    struct plain p;
    char buf[64];
    size_t n;
    plain_open(&p);
    ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
    assert_int_equal(tls_read(p.l.server, buf, sizeof buf, &n), TLS_WANT_READ);
    fill_socket(p.l.fd[0]);
    ERR_raise(ERR_LIB_X509, X509_R_KEY_TYPE_MISMATCH);
    assert_int_equal(tls_write(p.l.server, "x", 1, &n), TLS_WANT_WRITE);
    plain_close(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_files_are_named),
        cmocka_unit_test(the_first_expiry_of_all_counts),
        cmocka_unit_test(the_protocol_is_agreed_or_refused),
        cmocka_unit_test(old_versions_are_refused),
        cmocka_unit_test(the_name_asked_for_chooses_the_certificate),
        cmocka_unit_test(clients_get_the_key_type_they_can_verify),
        cmocka_unit_test(tickets_resume_until_their_key_is_gone),
        cmocka_unit_test(without_a_ring_nothing_resumes),
        cmocka_unit_test(rubbish_fails_and_an_end_is_an_end),
        cmocka_unit_test(a_record_in_pieces_is_read_when_it_is_whole),
        cmocka_unit_test(key_updates_alone_end_a_connection),
        cmocka_unit_test(key_updates_between_data_do_not),
        cmocka_unit_test(errors_of_others_are_not_its_own),
    };
    return cmocka_run_group_tests_name("tls", tests, setup, teardown);
}
