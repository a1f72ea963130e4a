/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Outgoing requests against a TLS server in a child process: what is sent, what is bounded, and that every
 * way to fail ends with its own name. */
#include "certs.h"

#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "resolver/net/fetch.h"

enum { DAY = 86400, BIG = 100000 };
/* What listens where. */
enum { GOOD, OLD, FOREIGN, SHORT, CLOSES, RESETS, GARBAGE, SILENT, SERVERS };

static struct server {
    int fd;
    unsigned port;
    SSL_CTX *tls;
} servers[SERVERS];
static pid_t child;
static char ca_file[] = "/tmp/polynya-fetch-XXXXXX";
static int64_t good_until;
static struct ev_loop *loop;

/* The server */

static void listen_on(struct server *s)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(s->fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(listen(s->fd, 16), 0);
    assert_int_equal(getsockname(s->fd, (struct sockaddr *)&a, &len), 0);
    s->port = ntohs(a.sin_port);
}

static void reset(int fd)
{
    struct linger now = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

static void say(SSL *ssl, const char *text)
{
    SSL_write(ssl, text, (int)strlen(text));
}

static void say_big(SSL *ssl, const char *head)
{
    static char big[BIG];
    memset(big, 'x', sizeof big);
    say(ssl, head);
    SSL_write(ssl, big, sizeof big);
}

static void echo(SSL *ssl, const char *request)
{
    char head[80];
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(request));
    say(ssl, head);
    say(ssl, request);
}

static void hang(SSL *ssl)
{
    char byte;
    while (SSL_read(ssl, &byte, 1) > 0)
        ;
}

static void answer(SSL *ssl, int fd, const char *request)
{
    if (strstr(request, "GET /echo "))
        echo(ssl, request);
    else if (strstr(request, "If-None-Match: \"one\"\r\n"))
        say(ssl, "HTTP/1.1 304 Not Modified\r\nETag: \"one\"\r\n\r\n");
    else if (strstr(request, "GET /etag "))
        say(ssl, "HTTP/1.1 200 OK\r\nETag: \"one\"\r\nContent-Length: 5\r\n\r\nhello");
    else if (strstr(request, "GET /moved "))
        say(ssl, "HTTP/1.1 302 Found\r\nLocation: /etag\r\nContent-Length: 0\r\n\r\n");
    else if (strstr(request, "GET /gzip "))
        say(ssl, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain");
    else if (strstr(request, "GET /big "))
        say_big(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
    else if (strstr(request, "GET /endless "))
        say_big(ssl, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n");
    else if (strstr(request, "GET /cut "))
        say(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
    else if (strstr(request, "GET /slow ")) {
        say(ssl, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello");
        hang(ssl);
    } else if (strstr(request, "GET /reset "))
        reset(fd);
    else if (strstr(request, "GET /hang "))
        hang(ssl);
}

static void serve_tls(SSL_CTX *tls, int fd)
{
    char request[4096];
    int len = 0, n = 0;
    SSL *ssl = SSL_new(tls);
    SSL_set_fd(ssl, fd);
    if (SSL_accept(ssl) == 1)
        do {
            request[len] = 0;
            n = SSL_read(ssl, request + len, (int)sizeof request - 1 - len);
            len += n > 0 ? n : 0;
            request[len] = 0;
        } while (n > 0 && !strstr(request, "\r\n\r\n"));
    if (n > 0)
        answer(ssl, fd, request);
    SSL_free(ssl);
}

/* Connections that have said all they will are waited for: a reset must not overtake what was said. */
static void serve(unsigned kind, int fd)
{
    char hello[2048];
    if (servers[kind].tls)
        serve_tls(servers[kind].tls, fd);
    else if (recv(fd, hello, sizeof hello, 0) > 0 && kind == GARBAGE)
        send(fd, "SSH-2.0-nothing\r\n", 17, MSG_NOSIGNAL);
    else if (kind == RESETS)
        reset(fd);
    close(fd);
}

static void run_servers(void)
{
    struct pollfd fds[SERVERS];
    for (unsigned i = 0; i < SERVERS; i++)
        fds[i] = (struct pollfd){.fd = i == SILENT ? -1 : servers[i].fd, .events = POLLIN};
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    while (poll(fds, SERVERS, -1) > 0)
        for (unsigned i = 0; i < SERVERS; i++)
            if (fds[i].revents)
                serve(i, accept(servers[i].fd, NULL, NULL));
}

static SSL_CTX *context(const char *names, int64_t from, int64_t until, const struct made *ca)
{
    struct made m = make(EVP_EC_gen("P-256"), "leaf", names, from, until, ca);
    SSL_CTX *tls = SSL_CTX_new(TLS_server_method());
    assert_int_equal(SSL_CTX_use_certificate(tls, m.cert), 1);
    assert_int_equal(SSL_CTX_use_PrivateKey(tls, m.key), 1);
    drop(&m);
    return tls;
}

static void write_ca(const struct made *ca)
{
    int fd = mkstemp(ca_file);
    FILE *f = fdopen(fd, "w");
    assert_non_null(f);
    PEM_write_X509(f, ca->cert);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    int64_t now = time(NULL);
    good_until = now + 30 * DAY;
    struct made ca = make(EVP_EC_gen("P-256"), "CA", NULL, now - DAY, now + 90 * DAY, NULL);
    struct made other = make(EVP_EC_gen("P-256"), "Other CA", NULL, now - DAY, now + 90 * DAY, NULL);
    write_ca(&ca);
    for (unsigned i = 0; i < SERVERS; i++)
        listen_on(&servers[i]);
    const char *names = "DNS:outlet.example";
    servers[GOOD].tls = context(names, now - DAY, good_until, &ca);
    servers[OLD].tls = context(names, now - 2 * DAY, now - DAY, &ca);
    servers[FOREIGN].tls = context(names, now - DAY, good_until, &other);
    servers[SHORT].tls = context(names, now - DAY, now + DAY, &ca);
    drop(&ca);
    drop(&other);
    child = fork();
    if (child == 0) {
        run_servers();
        _exit(1);
    }
    loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    return loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    unlink(ca_file);
    ev_loop_destroy(loop);
    for (unsigned i = 0; i < SERVERS; i++) {
        close(servers[i].fd);
        SSL_CTX_free(servers[i].tls);
    }
    return 0;
}

/* The client */

struct told {
    unsigned times;
    struct fetch_result r;
    char body[4096];
    char etag[64];
    struct fetcher **free; /* in done */
};

static void on_done(void *self, const struct fetch_result *r)
{
    struct told *t = self;
    t->times++;
    t->r = *r;
    snprintf(t->body, sizeof t->body, "%.*s", (int)r->body.len, (const char *)r->body.data);
    snprintf(t->etag, sizeof t->etag, "%.*s", (int)r->etag.len, (const char *)r->etag.data);
    if (t->free)
        fetcher_free(t->free);
    ev_break(loop, EVBREAK_ALL);
}

static const struct ip loopback = {4, {127, 0, 0, 1}};

static struct fetch_request request(const char *url, struct told *t)
{
    return (struct fetch_request){
        .url = url, .address = &loopback, .body_max = 1000, .timeout = 20000, .done = on_done, .self = t};
}

static const char *url_of(unsigned server, const char *path)
{
    static char url[100];
    snprintf(url, sizeof url, "https://outlet.example:%u%s", servers[server].port, path);
    return url;
}

static struct fetcher *fetcher_with(const char *ca, const char *proxy)
{
    struct fetcher *f = fetcher_new(loop, &(struct fetcher_options){.ca_file = ca, .proxy = proxy});
    assert_non_null(f);
    return f;
}

static struct told run(struct fetcher *f, struct fetch_request q)
{
    struct told t = {0};
    q.self = &t;
    assert_non_null(fetch_start(f, &q));
    assert_int_equal(t.times, 0);
    ev_run(loop, 0);
    assert_int_equal(t.times, 1);
    return t;
}

static struct told get(unsigned server, const char *path)
{
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct told t = run(f, request(url_of(server, path), NULL));
    fetcher_free(&f);
    return t;
}

static void assert_end(enum fetch_end got, enum fetch_end wanted)
{
    assert_string_equal(fetch_end_name(got), fetch_end_name(wanted));
}

static void test_asks_the_pinned_address_for_the_urls_host(void **state)
{
    (void)state;
    char host[64];
    struct told t = get(GOOD, "/echo");
    assert_end(t.r.end, FETCH_OK);
    assert_int_equal(t.r.status, 200);
    assert_false(t.r.h2);
    snprintf(host, sizeof host, "\r\nHost: outlet.example:%u\r\n", servers[GOOD].port);
    assert_non_null(strstr(t.body, host));
    assert_null(strstr(t.body, "Accept-Encoding"));
    assert_null(strstr(t.body, "Cookie"));
    assert_null(strstr(t.body, "Referer"));
}

static void test_tells_the_certificates_end(void **state)
{
    (void)state;
    assert_int_equal(get(GOOD, "/etag").r.certificate_ends, good_until);
    assert_int_equal(get(FOREIGN, "/etag").r.certificate_ends, 0);
}

static void test_asks_again_by_etag(void **state)
{
    (void)state;
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct fetch_request q = request(url_of(GOOD, "/etag"), NULL);
    struct told t = run(f, q);
    assert_string_equal(t.etag, "\"one\"");
    assert_string_equal(t.body, "hello");
    q.etag = t.etag;
    t = run(f, q);
    assert_int_equal(t.r.status, 304);
    assert_int_equal(t.r.body.len, 0);
    fetcher_free(&f);
}

static void test_neither_follows_nor_decodes(void **state)
{
    (void)state;
    struct told t = get(GOOD, "/moved");
    assert_end(t.r.end, FETCH_OK);
    assert_int_equal(t.r.status, 302);
    t = get(GOOD, "/gzip");
    assert_end(t.r.end, FETCH_OK);
    assert_string_equal(t.body, "plain");
}

static void test_bounds_the_body(void **state)
{
    (void)state;
    assert_end(get(GOOD, "/big").r.end, FETCH_TOO_LARGE);
    assert_end(get(GOOD, "/endless").r.end, FETCH_TOO_LARGE);
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct fetch_request q = request(url_of(GOOD, "/big"), NULL);
    q.truncate = true;
    struct told t = run(f, q);
    assert_end(t.r.end, FETCH_OK);
    assert_true(t.r.truncated);
    assert_int_equal(t.r.body.len, 1000);
    q.body_max = BIG;
    t = run(f, q);
    assert_false(t.r.truncated);
    assert_int_equal(t.r.body.len, BIG);
    fetcher_free(&f);
}

static void test_ends_by_time(void **state)
{
    (void)state;
    static const struct {
        unsigned server;
        const char *path;
    } slow[] = {{GOOD, "/hang"}, {GOOD, "/slow"}, {SILENT, "/"}};
    struct fetcher *f = fetcher_with(ca_file, NULL);
    for (unsigned i = 0; i < sizeof slow / sizeof *slow; i++) {
        struct fetch_request q = request(url_of(slow[i].server, slow[i].path), NULL);
        q.timeout = 300;
        assert_end(run(f, q).r.end, FETCH_TIMEOUT);
    }
    fetcher_free(&f);
}

static void test_names_what_is_wrong_with_a_certificate(void **state)
{
    (void)state;
    char url[64];
    struct fetcher *f = fetcher_with(ca_file, NULL);
    assert_end(run(f, request(url_of(OLD, "/"), NULL)).r.end, FETCH_SSL_CERTIFICATE);
    assert_end(run(f, request(url_of(FOREIGN, "/"), NULL)).r.end, FETCH_SSL_ISSUER);
    snprintf(url, sizeof url, "https://other.example:%u/", servers[GOOD].port);
    assert_end(run(f, request(url, NULL)).r.end, FETCH_SSL_NAME);
    struct fetch_request q = request(url_of(SHORT, "/etag"), NULL);
    assert_end(run(f, q).r.end, FETCH_OK);
    q.certificate_life = 3 * DAY;
    assert_end(run(f, q).r.end, FETCH_SSL_EXPIRES_SOON);
    fetcher_free(&f);
    f = fetcher_with(NULL, NULL);
    assert_end(run(f, request(url_of(GOOD, "/"), NULL)).r.end, FETCH_SSL_ISSUER);
    fetcher_free(&f);
}

static void test_names_how_a_connection_failed(void **state)
{
    (void)state;
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct fetch_request q = request("https://outlet.example:1/", NULL);
    assert_end(run(f, q).r.end, FETCH_REFUSED);
    assert_end(run(f, request(url_of(CLOSES, "/"), NULL)).r.end, FETCH_EOF);
    assert_end(run(f, request(url_of(RESETS, "/"), NULL)).r.end, FETCH_RESET);
    assert_end(run(f, request(url_of(GARBAGE, "/"), NULL)).r.end, FETCH_SSL_HANDSHAKE);
    assert_end(run(f, request(url_of(GOOD, "/reset"), NULL)).r.end, FETCH_RESET);
    assert_end(run(f, request(url_of(GOOD, "/cut"), NULL)).r.end, FETCH_EOF);
    assert_end(run(f, request(url_of(GOOD, "/nothing"), NULL)).r.end, FETCH_EOF);
    q.url = "https://name.invalid/";
    q.address = NULL;
    assert_end(run(f, q).r.end, FETCH_NAME);
    fetcher_free(&f);
}

static void test_uses_the_proxy_it_was_given_and_no_other(void **state)
{
    (void)state;
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    setenv("no_proxy", "*", 1);
    char url[64];
    snprintf(url, sizeof url, "https://localhost:%u/", servers[GOOD].port);
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct fetch_request q = request(url, NULL);
    q.address = NULL;
    assert_end(run(f, q).r.end, FETCH_SSL_NAME);
    fetcher_free(&f);
    f = fetcher_with(ca_file, "http://127.0.0.1:1");
    assert_end(run(f, q).r.end, FETCH_PROXY);
    q.address = &loopback;
    assert_end(run(f, q).r.end, FETCH_SSL_NAME);
    fetcher_free(&f);
    unsetenv("https_proxy");
    unsetenv("no_proxy");
}

static void test_starts_nothing_that_is_not_https(void **state)
{
    (void)state;
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct told t = {0};
    struct fetch_request q = request("http://outlet.example/", &t);
    assert_null(fetch_start(f, &q));
    q.url = "file:///etc/passwd";
    assert_null(fetch_start(f, &q));
    q.url = "https";
    assert_null(fetch_start(f, &q));
    fetcher_free(&f);
    assert_null(fetcher_new(loop, &(struct fetcher_options){.ca_file = "/nonexistent/ca.pem"}));
}

static void test_cancelled_requests_are_not_told(void **state)
{
    (void)state;
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct told hung = {0}, done = {0};
    struct fetch_request q = request(url_of(SILENT, "/"), &hung);
    struct fetch *one = fetch_start(f, &q);
    struct fetch *other = fetch_start(f, &q);
    assert_non_null(one);
    assert_non_null(other);
    fetch_cancel(&one);
    assert_null(one);
    q = request(url_of(GOOD, "/etag"), &done);
    assert_non_null(fetch_start(f, &q));
    ev_run(loop, 0);
    assert_int_equal(done.times, 1);
    fetcher_free(&f);
    assert_int_equal(hung.times, 0);
}

static void test_many_at_once_and_freed_by_who_is_told(void **state)
{
    (void)state;
    enum { MANY = 20 };
    struct fetcher *f = fetcher_with(ca_file, NULL);
    struct told told[MANY] = {0}, last = {.free = &f};
    struct fetch_request q = request(url_of(GOOD, "/etag"), NULL);
    for (unsigned i = 0; i < MANY; i++) {
        q.self = &told[i];
        assert_non_null(fetch_start(f, &q));
    }
    for (unsigned i = 0; i < MANY; i++)
        while (!told[i].times)
            ev_run(loop, 0);
    for (unsigned i = 0; i < MANY; i++)
        assert_string_equal(told[i].body, "hello");
    struct told rest = {0};
    q.self = &last;
    assert_non_null(fetch_start(f, &q));
    q = request(url_of(SILENT, "/"), &rest);
    assert_non_null(fetch_start(f, &q));
    ev_run(loop, 0);
    assert_int_equal(last.times, 1);
    assert_int_equal(rest.times, 0);
    assert_null(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_asks_the_pinned_address_for_the_urls_host),
        cmocka_unit_test(test_tells_the_certificates_end),
        cmocka_unit_test(test_asks_again_by_etag),
        cmocka_unit_test(test_neither_follows_nor_decodes),
        cmocka_unit_test(test_bounds_the_body),
        cmocka_unit_test(test_ends_by_time),
        cmocka_unit_test(test_names_what_is_wrong_with_a_certificate),
        cmocka_unit_test(test_names_how_a_connection_failed),
        cmocka_unit_test(test_uses_the_proxy_it_was_given_and_no_other),
        cmocka_unit_test(test_starts_nothing_that_is_not_https),
        cmocka_unit_test(test_cancelled_requests_are_not_told),
        cmocka_unit_test(test_many_at_once_and_freed_by_who_is_told),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
