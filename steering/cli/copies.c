/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Asking for an apex' other records: see copies.h. c-ares asks; its answers are read by our own bounded
 * parser. A window of questions is under way at a time, and all of them end with the time given. */
#include "steering/cli/copies.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include "data/base/clock.h"
#include "data/dns/rr.h"
#include "steering/stub.h"

enum { TYPES = 3, WINDOW = 64, TRY_MS = 1000, TRIES = 2, LINES_MAX = 256 << 10 };

static const uint16_t types[TYPES] = {DNS_MX, DNS_TXT, DNS_CAA};

enum told { TOLD_NOTHING, TOLD_RECORDS, TOLD_NONE };

/* One question about one apex. */
struct question {
    struct fetch *fetch;
    struct rpz_entry *entry;
    uint16_t type;
    enum told told;
    const char *lines; /* of the records */
};

struct fetch {
    struct cli *c;
    ares_channel channel;
    struct question *question;
    size_t count, asked, ended;
    char *line; /* scratch of LINES_MAX */
};

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Sorted, so that a server that turns its records round does not make another zone. */
static const char *join(struct fetch *f, const char **line, unsigned count)
{
    struct writer w = writer_of(f->line, LINES_MAX - 1);
    qsort(line, count, sizeof *line, by_text);
    for (unsigned i = 0; i < count; i++)
        if (i == 0 || strcmp(line[i - 1], line[i]) != 0)
            writer_put(&w, line[i], strlen(line[i]));
    return w.full ? NULL : arena_text(&f->c->arena, writer_done(&w));
}

/* The line of one record; NULL if it is none that can be copied. */
static const char *line_of(struct question *q, struct bytes message, const struct dns_rr *rr)
{
    uint8_t rdata[2 + RPZ_COPY_RDATA_MAX];
    struct writer r = writer_of(rdata, sizeof rdata), w = writer_of(q->fetch->line, LINES_MAX);
    if (!rr_put_rdata(&r, NULL, message, rr) || r.full ||
        !rpz_copy(&w, q->entry->name, q->type, bytes_of(rdata + 2, r.len - 2)))
        return NULL;
    return arena_text(&q->fetch->c->arena, writer_done(&w));
}

/* All records or nothing: half a TXT set is another policy. */
static bool read_reply(struct question *q, struct bytes message)
{
    const char *line[RPZ_COPIES_MAX];
    unsigned count = 0;
    struct msg_iter it;
    struct dns_rr rr;
    if (!msg_iter_init(&it, message))
        return false;
    while (msg_next(&it, &rr)) {
        if (rr.section != DNS_ANSWER || rr.type != q->type || rr.class != DNS_CLASS_IN)
            continue;
        if (count == RPZ_COPIES_MAX || !(line[count] = line_of(q, message, &rr)))
            return false;
        count++;
    }
    if (it.malformed)
        return false;
    q->told = count ? TOLD_RECORDS : TOLD_NONE;
    q->lines = count ? join(q->fetch, line, count) : "";
    return q->lines != NULL;
}

static void on_reply(void *self, int status, int timeouts, unsigned char *reply, int len)
{
    struct question *q = self;
    (void)timeouts;
    q->fetch->ended++;
    if (status == ARES_ENODATA || status == ARES_ENOTFOUND)
        q->told = TOLD_NONE;
    else if (status != ARES_SUCCESS || !read_reply(q, bytes_of(reply, (size_t)len)))
        q->told = TOLD_NOTHING;
}

static void ask_more(struct fetch *f)
{
    while (f->asked < f->count && f->asked - f->ended < WINDOW) {
        struct question *q = &f->question[f->asked++];
        ares_query(f->channel, q->entry->name, DNS_CLASS_IN, q->type, on_reply, q);
    }
}

static void wait_and_process(struct fetch *f, int64_t until)
{
    ares_socket_t socket[ARES_GETSOCK_MAXNUM];
    struct pollfd fds[ARES_GETSOCK_MAXNUM];
    struct timeval limit = {.tv_sec = 1}, buffer;
    // The low half of the bits are the sockets to read, the high half those to write; c-ares' own macros
    // shift a signed 1 into the sign.
    unsigned bits = (unsigned)ares_getsock(f->channel, socket, ARES_GETSOCK_MAXNUM);
    int n = 0;
    for (int i = 0; i < ARES_GETSOCK_MAXNUM; i++) {
        short events =
            (short)((bits >> i & 1U ? POLLIN : 0) | (bits >> (ARES_GETSOCK_MAXNUM + i) & 1U ? POLLOUT : 0));
        if (events)
            fds[n++] = (struct pollfd){.fd = socket[i], .events = events};
    }
    struct timeval *next = ares_timeout(f->channel, &limit, &buffer);
    int64_t left = until - clock_mono_ms(), ms = next->tv_sec * 1000 + next->tv_usec / 1000 + 1;
    int ready = poll(fds, (nfds_t)n, (int)(ms < left ? ms : left > 0 ? left : 0));
    if (ready <= 0)
        ares_process_fd(f->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
    for (int i = 0; ready > 0 && i < n; i++)
        if (fds[i].revents)
            ares_process_fd(f->channel, fds[i].revents & ~POLLOUT ? fds[i].fd : ARES_SOCKET_BAD,
                            fds[i].revents & POLLOUT ? fds[i].fd : ARES_SOCKET_BAD);
}

static bool open_channel(struct fetch *f, const struct copies *how)
{
    struct stub_options o = {
        .try_ms = TRY_MS, .tries = TRIES, .servers = how->server, .server_count = how->count};
    int status = stub_open(&o, &f->channel);
    return status == ARES_SUCCESS || (cli_fail("cannot ask a resolver: %s", ares_strerror(status)), false);
}

static bool make_questions(struct fetch *f, struct rpz_zone *zone)
{
    f->question = arena_array(&f->c->arena, zone->count * TYPES + 1, sizeof *f->question);
    f->line = arena_alloc(&f->c->arena, LINES_MAX);
    for (size_t i = 0; f->question && i < zone->count; i++)
        for (int t = 0; zone->entry[i].apex && t < TYPES; t++)
            f->question[f->count++] = (struct question){f, &zone->entry[i], types[t], TOLD_NOTHING, ""};
    return f->question && f->line;
}

static void run_loop(struct fetch *f, const struct copies *how)
{
    int64_t until = clock_mono_ms() + (int64_t)how->timeout_ms;
    for (ask_more(f); f->ended < f->count && clock_mono_ms() < until; ask_more(f))
        wait_and_process(f, until);
    ares_destroy(f->channel); /* ends what is still under way */
}

/* Puts the three answers together; what was not told is as it was. Returns how many were not. */
static unsigned settle(struct fetch *f, const struct question *q, struct rpz_old *old)
{
    unsigned missing = 0;
    const char *all = "";
    for (int t = 0; t < TYPES && all; t++) {
        struct bytes lines = bytes_str(q[t].lines);
        missing += q[t].told == TOLD_NOTHING;
        if (q[t].told == TOLD_NOTHING)
            lines = old ? rpz_old_copies(old, q->entry->name, q[t].type) : BYTES_NONE;
        if (lines.len)
            all = arena_printf(&f->c->arena, "%s%.*s", all, (int)lines.len, (const char *)lines.data);
    }
    q->entry->copies = all && all[0] ? all : NULL;
    return missing;
}

bool copies_fetch(struct cli *c, const struct copies *how, struct rpz_zone *zone, struct rpz_old *old)
{
    struct fetch f = {.c = c};
    unsigned missing = 0;
    if (!make_questions(&f, zone))
        return cli_fail("out of memory"), false;
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS || !open_channel(&f, how))
        return false;
    run_loop(&f, how);
    ares_library_cleanup();
    for (size_t i = 0; i < f.count; i += TYPES)
        missing += settle(&f, &f.question[i], old);
    if (missing)
        fprintf(stderr, "polynya: no answer to %u of %zu questions for MX, TXT and CAA: %s\n", missing,
                f.count, old ? "kept as they were in the zone before" : "left out");
    return true;
}
