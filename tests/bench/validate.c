/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What validating adds to a miss when the zones' keys are known.
 *
 *     make build/bench/validate && build/bench/validate tests/fuzz/corpus/validator/world-*
 *
 * The answers are those of the fuzz target's corpus: real ones, signed, with all that the chain of trust asks
 * for. Each is judged ROUNDS times, each time by a validator that just found the keys out: median
 * microseconds of processor time from the upstream's reply to the answer for a client that wants no
 * signatures, less those of a reply that is not validated. Once with no signature of the answer ever seen,
 * and once with all but the last remembered, as it is with a zone's SOA and the NSEC3s of its apex and
 * wildcard. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "data/dns/answer.h"
#include "data/dns/rr.h"
#include "resolver/validator/validator.h"
#include "tests/fuzz/validator_key.h"

enum { ROUNDS = 301, MESSAGES_MAX = 64, ASKS_MAX = 64, FILE_MAX = 1 << 20 };

static struct {
    struct bytes message[MESSAGES_MAX];
    unsigned messages, asks;
    struct dns_query q;
    uint32_t now;
    struct asked {
        struct dns_query q;
        chain_reply *reply; /* NULL: nobody waits */
        void *token;
    } asked[ASKS_MAX];
} world;

static const struct answer_limits limits = {86400, 0, 3600};
static uint8_t block[ANSWER_BLOCK_MAX], plain[ANSWER_BLOCK_MAX];

static void *ask(void *self, const struct dns_query *q, struct hearing *hearing, chain_reply *reply,
                 void *token)
{
    (void)self;
    if (world.asks == ASKS_MAX || hearing->heard)
        return NULL;
    hearing->heard = 1; /* the only server */
    world.asked[world.asks].q = *q;
    world.asked[world.asks].reply = reply;
    world.asked[world.asks].token = token;
    return &world.asked[world.asks++];
}

static void cancel(void *self, void *asked)
{
    (void)self;
    ((struct asked *)asked)->reply = NULL;
}

static uint32_t now(void *self)
{
    (void)self;
    return world.now;
}

static struct bytes reply_to(const struct dns_query *q)
{
    for (unsigned i = 0; i < world.messages; i++) {
        struct dns_name name;
        size_t at = DNS_HEADER;
        if (name_read(world.message[i], &at, &name) && name_equal(&name, &q->name) &&
            get_u16(world.message[i].data + at) == q->type)
            return world.message[i];
    }
    return BYTES_NONE;
}

static void on_done(void *self, const struct verdict *verdict, uint8_t *block_, size_t len)
{
    (void)self, (void)verdict, (void)block_, (void)len;
}

static double cpu_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Time, type, name; messages: see fuzz_validator.c. */
static bool load(const char *path)
{
    static uint8_t file[FILE_MAX];
    FILE *f = fopen(path, "rb");
    size_t size = f ? fread(file, 1, sizeof file, f) : 0, at = 7;
    if (f)
        fclose(f);
    if (size < 8 || file[0] != 0 || !name_read(bytes_of(file, size), &at, &world.q.name))
        return false;
    world.now = get_u32(file + 1);
    world.q.type = get_u16(file + 5);
    world.q.class = DNS_CLASS_IN;
    world.q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    for (world.messages = world.asks = 0; at + 2 <= size && world.messages < MESSAGES_MAX;) {
        size_t len = get_u16(file + at);
        world.message[world.messages++] = bytes_of(file + at + 2, len);
        at += 2 + len;
    }
    return true;
}

static void answer_validated(struct validator *v, struct bytes reply, struct verdict *verdict)
{
    struct dns_query client = world.q;
    struct answer a;
    client.edns = (struct dns_edns){0};
    size_t n = answer_build(&world.q, reply, world.now, &limits, block);
    if (validator_check(v, &world.q, block, n, verdict, on_done, NULL))
        return;
    answer_mark(block, n, ANSWER_CHECKED, 0, verdict->ttl_max);
    if (answer_open(bytes_of(block, n), false, &a))
        (void)answer_build(&client, a.wire, world.now, &limits, plain);
}

static void answer_plain(struct bytes reply)
{
    struct dns_query client = world.q;
    client.edns = (struct dns_edns){0};
    (void)answer_build(&client, reply, world.now, &limits, plain);
}

/* The reply with broken signatures, all of them or the last that is no SOA's: what it is good for is to have
 * the chain of trust asked for, and the other signatures remembered. */
static struct bytes spoiled(struct bytes reply, bool all)
{
    static uint8_t copy[FILE_MAX];
    struct msg_iter it;
    struct dns_rr rr;
    size_t last = 0;
    memcpy(copy, reply.data, reply.len);
    for (bool more = msg_iter_init(&it, reply); more && msg_next(&it, &rr);) {
        if (rr.type != DNS_RRSIG || rr.section == DNS_ADDITIONAL)
            continue;
        size_t end = (size_t)(rr.rdata.data - reply.data) + rr.rdata.len - 1;
        copy[end] ^= all;
        last = rr_covers(&rr) == DNS_SOA ? last : end;
    }
    copy[last] ^= last && !all;
    return bytes_of(copy, reply.len);
}

static struct validator *primed(const struct anchors *anchors, struct bytes first)
{
    struct verdict verdict;
    struct validator *v =
        validator_new(&(struct chain_options){.anchors = anchors, .ask = ask, .cancel = cancel, .now = now});
    world.asks = 0;
    answer_validated(v, first, &verdict);
    for (unsigned i = 0; i < world.asks; i++) {
        struct asked *a = &world.asked[i];
        struct bytes r = reply_to(&a->q);
        if (a->reply)
            a->reply(a->token, r.len ? REASON_OK : REASON_UPSTREAM_TIMEOUT, r);
    }
    return v;
}

/* The median of what validating adds, each time by a validator that has seen `first`. */
static double cost_after(const struct anchors *anchors, struct bytes first, struct bytes reply,
                         struct verdict *verdict)
{
    static double cost[ROUNDS];
    for (unsigned i = 0; i < ROUNDS; i++) {
        struct validator *v = primed(anchors, first);
        double start = cpu_us();
        answer_plain(reply);
        double between = cpu_us();
        answer_validated(v, reply, verdict);
        cost[i] = cpu_us() - between - (between - start);
        validator_free(&v);
    }
    qsort(cost, ROUNDS, sizeof *cost, by_value);
    return cost[ROUNDS / 2];
}

static void measure(const char *path)
{
    static const char *const words[] = {"secure", "insecure", "bogus", "failed"};
    char error[256], name[DNS_NAME_TEXT_MAX];
    struct verdict verdict, second;
    if (!load(path))
        return;
    struct anchors *anchors = anchors_parse("key", bytes_str(ROOT_KEY), NULL, 0, error, sizeof error);
    struct bytes reply = reply_to(&world.q);
    double all_new = cost_after(anchors, spoiled(reply, true), reply, &verdict);
    double last_new = cost_after(anchors, spoiled(reply, false), reply, &second);
    name_to_text(&world.q.name, name);
    printf("%-16s type %-3u %-9s %2u signatures %3u hashes %8.1f us, %8.1f with %u new\n", name, world.q.type,
           words[verdict.kind], verdict.budget.checks_done, verdict.budget.hash_work, all_new, last_new,
           second.budget.checks_done);
    anchors_free(&anchors);
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        measure(argv[i]);
    return argc < 2;
}
