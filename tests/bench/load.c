/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A load generator for what h2load and dnsperf cannot do: questions of which each is another, a connection a
 * question, questions at a fixed rate however late the answers are, connections that do nothing.
 *
 *   load misses PORT ZONE CONNECTIONS STREAMS REQUESTS FIRST   every question another name, from number FIRST
 *   load fresh  PORT ZONE CONNECTIONS REQUESTS                 so many at a time: full handshake, one
 * question, end load open   PORT ZONE CONNECTIONS RATE SECONDS NAMES       RATE questions a second; latency
 * counts from when each was due load idle   PORT ZONE CONNECTIONS                          one question each;
 * then says so, waits for a line of input, and closes
 *
 * Over HTTP/2 with as much of it as a client needs; certificates are not checked. Prints one JSON object a
 * line; all answers must be 200, and none SERVFAIL. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum { STREAMS_MAX = 128, OPEN_MAX = 100, OUT_MAX = 1 << 16, IN_MAX = 1 << 16, EVENTS = 256, SERVFAIL = 2 };

struct client {
    SSL *ssl;
    int fd;
    bool ready, greeted;
    unsigned next; /* stream */
    unsigned open;
    struct {
        unsigned id;
        double due;
        bool good, begun;
    } stream[STREAMS_MAX];
    uint8_t out[OUT_MAX];
    size_t out_len;
    uint8_t in[IN_MAX];
    size_t in_len;
};

static SSL_CTX *ctx;
static int poll_fd;
static struct sockaddr_in server = {.sin_family = AF_INET};
static const char *zone;
static unsigned long asked, answered, failed;
static double *latency;
static void (*done)(struct client *c);
static void (*ready)(struct client *c);

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

/* Frames out */

static void put(struct client *c, const void *data, size_t n)
{
    if (c->out_len + n > OUT_MAX)
        die("output");
    memcpy(c->out + c->out_len, data, n);
    c->out_len += n;
}

static void put_frame(struct client *c, uint8_t type, uint8_t flags, uint32_t stream, const void *data,
                      size_t n)
{
    uint8_t head[9] = {
        (uint8_t)(n >> 16),      (uint8_t)(n >> 8),      (uint8_t)n,     type, flags, (uint8_t)(stream >> 24),
        (uint8_t)(stream >> 16), (uint8_t)(stream >> 8), (uint8_t)stream};
    put(c, head, 9);
    put(c, data, n);
}

static size_t base64url(const uint8_t *data, size_t n, char *out)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    size_t len = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < n; i++) {
        bits = bits << 8 | data[i];
        for (have += 8; have >= 6; have -= 6)
            out[len++] = set[bits >> (have - 6) & 63];
    }
    if (have)
        out[len++] = set[bits << (6 - have) & 63];
    return len;
}

/* As browsers ask: ID 0, RD, EDNS. */
static size_t question(unsigned long number, uint8_t *out)
{
    char name[256];
    int n = snprintf(name, sizeof name, "n%04lu.%s", number, zone);
    memcpy(out, "\0\0\1\0\0\1\0\0\0\0\0\1", 12);
    size_t at = 12;
    for (const char *p = name, *end = name + n; p < end;) {
        size_t label = strcspn(p, ".");
        out[at++] = (uint8_t)label;
        memcpy(out + at, p, label);
        at += label;
        p += label + 1;
    }
    memcpy(out + at, "\0\0\1\0\1\0\0\x29\x10\0\0\0\0\0\0\0", 16);
    return at + 16;
}

static size_t literal(uint8_t *out, uint8_t first, const char *name, const char *value)
{
    size_t at = 0, n = strlen(name), v = strlen(value);
    out[at++] = first;
    if (n) {
        out[at++] = (uint8_t)n;
        memcpy(out + at, name, n);
        at += n;
    }
    if (v < 127) {
        out[at++] = (uint8_t)v;
    } else {
        out[at++] = 127;
        for (v -= 127; v >= 128; v >>= 7)
            out[at++] = (uint8_t)(v & 127) | 128;
        out[at++] = (uint8_t)v;
        v = strlen(value);
    }
    memcpy(out + at, value, v);
    return at + v;
}

/* The first names what a browser sends again and again, so that it stands in the server's table. */
static size_t fields(uint8_t *out, const char *path, bool first)
{
    size_t n = 0;
    if (first) {
        memcpy(out, "\x3f\xe1\x07", 3); /* a table of 1024 bytes: no server has less */
        n = 3;
    }
    out[n++] = 0x82;
    out[n++] = 0x87;
    n += literal(out + n, 0x04, "", path);
    if (!first) {
        memcpy(out + n, "\xc1\xc0\xbf\xbe", 4);
        return n + 4;
    }
    n += literal(out + n, 0x41, "", "localhost");
    n += literal(out + n, 0x53, "", "application/dns-message");
    n += literal(out + n, 0x50, "", "gzip, deflate, br");
    return n + literal(out + n, 0x7a, "",
                       "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0");
}

static void ask(struct client *c, unsigned long number, double due)
{
    uint8_t message[512], head[1024];
    char path[1024] = "/dns-query?dns=";
    size_t n = question(number, message);
    n = base64url(message, n, path + 15);
    path[15 + n] = 0;
    unsigned i = 0;
    while (c->stream[i].id)
        i++;
    unsigned id = c->next;
    c->next += 2;
    c->stream[i].id = id;
    c->stream[i].due = due;
    c->stream[i].good = c->stream[i].begun = false;
    c->open++;
    asked++;
    put_frame(c, 1, 5, id, head, fields(head, path, id == 1));
}

static void greet(struct client *c)
{
    put(c, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
    put_frame(c, 4, 0, 0, "\0\2\0\0\0\0\0\4\x7f\xff\xff\xff", 12);
    put_frame(c, 8, 0, 0, "\x40\0\0\0", 4);
    c->next = 1;
}

static void flush(struct client *c)
{
    while (c->out_len) {
        int n = SSL_write(c->ssl, c->out, (int)c->out_len);
        if (n <= 0) {
            if (SSL_get_error(c->ssl, n) == SSL_ERROR_WANT_WRITE)
                return;
            die("write");
        }
        memmove(c->out, c->out + n, c->out_len - (size_t)n);
        c->out_len -= (size_t)n;
    }
}

/* Frames in */

static void end_stream(struct client *c, unsigned id, bool good)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        if (c->stream[i].id != id)
            continue;
        good = good && c->stream[i].good;
        if (latency)
            latency[answered + failed] = now() - c->stream[i].due;
        *(good ? &answered : &failed) += 1;
        c->stream[i].id = 0;
        c->open--;
        done(c);
        return;
    }
}

static void take_headers(struct client *c, unsigned id, const uint8_t *block, size_t n)
{
    size_t at = 0;
    while (at < n && (block[at] & 0xe0) == 0x20) { /* the size of the table, RFC 7541 6.3 */
        bool more = (block[at++] & 31) == 31;
        while (more && at < n)
            more = block[at++] & 128;
    }
    bool ok = n > at && (block[at] == 0x88 || (n > at + 4 && memmem(block, n, "200", 3)));
    for (unsigned i = 0; i < STREAMS_MAX; i++)
        if (c->stream[i].id == id)
            c->stream[i].good = ok || (n > at && block[at] >= 0xbe);
}

/* A server that fails says so with 200 all the same. */
static void take_data(struct client *c, unsigned id, const uint8_t *data, size_t n)
{
    for (unsigned i = 0; i < STREAMS_MAX; i++) {
        if (c->stream[i].id != id || c->stream[i].begun || n < 4)
            continue;
        c->stream[i].begun = true;
        if ((data[3] & 15) == SERVFAIL)
            c->stream[i].good = false;
    }
}

static void take_frame(struct client *c, uint8_t type, uint8_t flags, unsigned id, const uint8_t *data,
                       size_t n)
{
    if (type == 4 && !(flags & 1)) {
        put_frame(c, 4, 1, 0, "", 0);
        if (!c->greeted) {
            c->greeted = true;
            ready(c);
        }
    } else if (type == 6 && !(flags & 1)) {
        put_frame(c, 6, 1, 0, data, n);
    } else if (type == 0) {
        take_data(c, id, data, n);
    } else if (type == 1) {
        take_headers(c, id, data, n);
    } else if (type == 3) {
        end_stream(c, id, false);
    } else if (type == 7) {
        fprintf(stderr, "GOAWAY %u\n", n >= 8 ? (unsigned)data[7] : 0);
    }
    if ((type == 0 || type == 1) && flags & 1)
        end_stream(c, id, true);
}

static void close_client(struct client *c);

/* False: closed. */
static bool receive(struct client *c)
{
    for (;;) {
        int n = SSL_read(c->ssl, c->in + c->in_len, (int)(IN_MAX - c->in_len));
        if (n <= 0) {
            int why = SSL_get_error(c->ssl, n);
            if (why == SSL_ERROR_WANT_READ)
                return true;
            failed += c->open;
            return false;
        }
        c->in_len += (size_t)n;
        size_t at = 0;
        while (c->in_len - at >= 9) {
            const uint8_t *f = c->in + at;
            size_t len = (size_t)f[0] << 16 | (size_t)f[1] << 8 | f[2];
            if (c->in_len - at - 9 < len)
                break;
            unsigned id = (unsigned)f[5] << 24 | (unsigned)f[6] << 16 | (unsigned)f[7] << 8 | f[8];
            take_frame(c, f[3], f[4], id & 0x7fffffff, f + 9, len);
            at += 9 + len;
        }
        memmove(c->in, c->in + at, c->in_len - at);
        c->in_len -= at;
    }
}

/* Connections */

static struct client *connect_client(struct client *c)
{
    static unsigned number;
    memset(c, 0, offsetof(struct client, out));
    c->out_len = c->in_len = 0;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    /* Ports of one address run out. */
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f020001 + number++ % 4096)};
    int on = 1;
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(c->fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(c->fd, (struct sockaddr *)&server, sizeof server) != 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->ssl = SSL_new(ctx);
    SSL_set_fd(c->ssl, c->fd);
    SSL_set_connect_state(c->ssl);
    struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, c->fd, &e);
    return c;
}

static void close_client(struct client *c)
{
    SSL_shutdown(c->ssl);
    SSL_free(c->ssl);
    close(c->fd);
    c->ssl = NULL;
}

static void handle(struct client *c)
{
    if (!c->ssl)
        return;
    if (!c->ready) {
        int n = SSL_do_handshake(c->ssl);
        if (n != 1) {
            int why = SSL_get_error(c->ssl, n);
            if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
                die("handshake");
            return;
        }
        c->ready = true;
        greet(c);
    }
    if (!receive(c)) {
        fprintf(stderr, "connection closed by the server\n");
        exit(1);
    }
    if (c->ssl)
        flush(c);
}

static void turn(int timeout)
{
    struct epoll_event events[EVENTS];
    int n = epoll_wait(poll_fd, events, EVENTS, timeout);
    for (int i = 0; i < n; i++)
        handle(events[i].data.ptr);
}

static struct client *clients(unsigned n)
{
    struct client *c = calloc(n, sizeof *c);
    if (!c)
        die("memory");
    for (unsigned i = 0; i < n; i++)
        connect_client(&c[i]);
    return c;
}

static unsigned greeted;

static void count_ready(struct client *c)
{
    (void)c;
    greeted++;
}

static void nothing(struct client *c)
{
    (void)c;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(double seconds)
{
    printf("{\"answered\": %lu, \"failed\": %lu, \"seconds\": %.4f", answered, failed, seconds);
    unsigned long n = answered + failed;
    if (latency && n) {
        qsort(latency, n, sizeof *latency, by_size);
        printf(", \"p50\": %.6f, \"p99\": %.6f, \"p999\": %.6f, \"max\": %.6f", latency[n / 2],
               latency[n * 99 / 100], latency[n * 999 / 1000], latency[n - 1]);
    }
    printf("}\n");
    fflush(stdout);
}

/* Kinds of load */

static unsigned long goal, first, streams, names;

static void ask_next(struct client *c)
{
    if (asked < goal)
        ask(c, first + asked, 0);
}

static void start_streams(struct client *c)
{
    for (unsigned i = 0; i < streams; i++)
        ask_next(c);
}

static void run_misses(char **args)
{
    unsigned n = (unsigned)atoi(args[0]);
    streams = strtoul(args[1], NULL, 10);
    goal = strtoul(args[2], NULL, 10);
    first = strtoul(args[3], NULL, 10);
    ready = start_streams;
    done = ask_next;
    double began = now();
    clients(n);
    while (answered + failed < goal)
        turn(1000);
    report(now() - began);
}

static void again(struct client *c)
{
    c->ready = false; /* closed when its frames are read, in run_fresh */
}

static void ask_once(struct client *c)
{
    ask(c, asked % names, 0);
}

static void run_fresh(char **args)
{
    unsigned n = (unsigned)atoi(args[0]);
    goal = strtoul(args[1], NULL, 10);
    names = 1000;
    ready = ask_once;
    done = again;
    double began = now();
    struct client *all = clients(n);
    unsigned long begun = n;
    while (answered + failed < goal) {
        struct epoll_event events[EVENTS];
        int got = epoll_wait(poll_fd, events, EVENTS, 1000);
        for (int i = 0; i < got; i++) {
            struct client *c = events[i].data.ptr;
            bool was = c->ready;
            handle(c);
            if (!c->ssl || c->ready || !c->greeted || (!was && !c->greeted))
                continue;
            close_client(c);
            if (begun++ < goal)
                connect_client(c);
        }
    }
    (void)all;
    report(now() - began);
}

static void run_open(char **args)
{
    unsigned n = (unsigned)atoi(args[0]);
    double rate = atof(args[1]), seconds = atof(args[2]);
    names = strtoul(args[3], NULL, 10);
    goal = (unsigned long)(rate * seconds);
    latency = calloc(goal, sizeof *latency);
    ready = count_ready;
    done = nothing;
    struct client *all = clients(n);
    while (greeted < n)
        turn(1000);
    double began = now();
    unsigned long due = 0;
    while (answered + failed < goal) {
        double t = now();
        for (; due < goal && began + (double)due / rate <= t; due++) {
            struct client *c = &all[due % n];
            for (unsigned tries = 1; c->open >= OPEN_MAX && tries < n; tries++)
                c = &all[(due + tries) % n];
            if (c->open >= OPEN_MAX)
                break; /* the server is behind; it counts */
            ask(c, due * 7919 % names, began + (double)due / rate);
            flush(c);
        }
        turn(0);
        if (t > began + seconds + 10)
            break;
    }
    failed += goal - answered - failed;
    report(now() - began);
}

static void run_idle(char **args)
{
    unsigned n = (unsigned)atoi(args[0]);
    names = 1000;
    ready = ask_once;
    done = nothing;
    struct client *all = calloc(n, sizeof *all);
    double began = now();
    for (unsigned i = 0; i < n; i++) {
        connect_client(&all[i]);
        while (answered + failed <= i)
            turn(1000);
    }
    report(now() - began);
    getchar();
    for (unsigned i = 0; i < n; i++)
        close_client(&all[i]);
    report(now() - began);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int args;
        void (*run)(char **args);
    } kinds[] = {
        {"misses", 4, run_misses}, {"fresh", 2, run_fresh}, {"open", 4, run_open}, {"idle", 1, run_idle}};
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    ctx = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_alpn_protos(ctx, (const uint8_t *)"\2h2", 3);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set1_groups_list(ctx, "X25519:P-256"); /* in the order, and with the key share, of all browsers */
    SSL_CTX_set_ciphersuites(ctx, "TLS_AES_128_GCM_SHA256");
    poll_fd = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; argc > 3 && i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(argv[1], kinds[i].name) == 0 && argc == 4 + kinds[i].args) {
            server.sin_port = htons((uint16_t)atoi(argv[2]));
            server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
            zone = argv[3];
            kinds[i].run(argv + 4);
            return failed ? 1 : 0;
        }
    fprintf(stderr, "usage: load misses|fresh|open|idle PORT ZONE …: see tests/bench/load.c\n");
    return 2;
}
