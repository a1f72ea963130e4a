/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: everything that DNSSEC brings in from outside. The first byte says what:
 *
 *   0  a question, the answer to it, and the replies to what the chain of trust asks for: judged from a fixed
 *      root key. A reply is taken for the first question that it has, the second reply to one for another
 *      server's.
 *   1  records of denial as a zone with good keys would have signed them, and a name to deny.
 *   2  a file of trust anchors, and the file of followed ones.
 *
 * The corpus's answers were recorded from the world of tests/wire/lib/world.py, signed with the key here. */
#include <stdint.h>
#include <stdlib.h>

#include "data/dns/answer.h"
#include "resolver/validator/rollover.h"
#include "resolver/validator/validator.h"
#include "tests/fuzz/validator_key.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGES_MAX = 64, ASKS_MAX = 256 };

struct asked {
    struct dns_query q;
    chain_reply *reply;
    void *token;
    unsigned turn; /* 0 for the first server, 1 for the second */
    bool live;
};

static struct {
    struct bytes message[MESSAGES_MAX];
    unsigned messages, asks, done;
    struct asked asked[ASKS_MAX];
    uint32_t now;
} world;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void *ask(void *self, const struct dns_query *q, struct hearing *hearing, chain_reply *reply,
                 void *token)
{
    (void)self;
    if (world.asks == ASKS_MAX || hearing->heard == 3)
        return NULL;
    *hearing = (struct hearing){hearing->heard << 1 | 1, hearing->heard}; /* of two servers */
    world.asked[world.asks] = (struct asked){*q, reply, token, hearing->heard == 3, true};
    return &world.asked[world.asks++];
}

static void cancel(void *self, void *asked)
{
    (void)self;
    ((struct asked *)asked)->live = false;
}

static uint32_t now(void *self)
{
    (void)self;
    return world.now;
}

static bool is_about(struct bytes message, const struct dns_query *q)
{
    struct dns_name name;
    size_t at = DNS_HEADER;
    return message.len > DNS_HEADER && name_read(message, &at, &name) && at + 4 <= message.len &&
           name_equal(&name, &q->name) && get_u16(message.data + at) == q->type;
}

/* The second server says the second thing there is about it; if there is none, the same. */
static struct bytes reply_to(const struct dns_query *q, unsigned turn)
{
    struct bytes reply = BYTES_NONE;
    for (unsigned i = 0; i < world.messages; i++)
        if (is_about(world.message[i], q)) {
            reply = world.message[i];
            if (turn-- == 0)
                break;
        }
    return reply;
}

static void deliver(void)
{
    for (unsigned i = 0; i < world.asks; i++) {
        struct asked *a = &world.asked[i];
        struct bytes reply = reply_to(&a->q, a->turn);
        if (!a->live)
            continue;
        a->live = false;
        a->reply(a->token, reply.len ? REASON_OK : REASON_UPSTREAM_TIMEOUT, reply);
    }
}

static void check_verdict(const struct verdict *v)
{
    /* What may be asked and computed is bounded, whatever comes. */
    check(v->budget.checks_done <= VERIFY_CHECKS * (1 + world.asks));
    check(v->budget.hash_work <= VERIFY_HASHES * (1 + world.asks));
    check(v->kind != VERDICT_BOGUS || v->why != REASON_OK);
    check(v->kind != VERDICT_SECURE || v->name_is_signed);
}

static void on_done(void *self, const struct verdict *verdict, uint8_t *block, size_t len)
{
    struct answer a;
    (void)self;
    world.done++;
    check_verdict(verdict);
    answer_mark(block, len, ANSWER_CHECKED, 0, verdict->ttl_max);
    check(answer_open(bytes_of(block, len), true, &a));
}

static void judge_world(struct dns_query *q)
{
    static uint8_t block[ANSWER_BLOCK_MAX];
    static const struct answer_limits limits = {86400, 0, 3600};
    char error[256];
    struct verdict verdict;
    struct anchors *anchors = anchors_parse("key", bytes_str(ROOT_KEY), NULL, 0, error, sizeof error);
    struct validator *v = validator_new(
        &(struct chain_options){.anchors = anchors, .ask = ask, .cancel = cancel, .now = now, .self = NULL});
    check(anchors && v);
    for (int round = 0; round < 2; round++) { /* the second finds all that is known */
        struct bytes reply = reply_to(q, 0);
        size_t n = reply.len ? answer_build(q, reply, world.now, &limits, block) : 0;
        if (!n)
            break;
        world.asks = world.done = 0;
        struct validation *x = validator_check(v, q, block, n, &verdict, on_done, NULL);
        if (!x)
            check_verdict(&verdict);
        deliver();
        check(!x || world.done <= 1);
        if (x && !world.done)
            validation_cancel(&x);
    }
    validator_free(&v);
    anchors_free(&anchors);
}

static struct bytes take(struct bytes *in, size_t n)
{
    struct bytes out = bytes_of(in->data, n < in->len ? n : in->len);
    *in = bytes_of(in->data + out.len, in->len - out.len);
    return out;
}

static struct bytes take_counted(struct bytes *in)
{
    struct bytes head = take(in, 2);
    return head.len == 2 ? take(in, get_u16(head.data)) : BYTES_NONE;
}

/* Time, type, name; messages. */
static void fuzz_world(struct bytes in)
{
    struct dns_query q = {.flags = DNS_RD | DNS_CD, .class = DNS_CLASS_IN};
    size_t at = 6;
    if (in.len < 7 || !name_read(in, &at, &q.name))
        return;
    world.now = get_u32(in.data);
    q.type = get_u16(in.data + 4);
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    name_lower(&q.name);
    (void)take(&in, at);
    for (world.messages = 0; in.len && world.messages < MESSAGES_MAX;)
        world.message[world.messages++] = take_counted(&in);
    judge_world(&q);
}

static void fuzz_denial(struct bytes in)
{
    static struct proofs p;
    struct crypto crypto;
    struct budget budget = BUDGET_FULL;
    struct dns_name zone, name, owner;
    size_t at = 2;
    if (in.len < 4 || !name_read(in, &at, &zone) || !name_read(in, &at, &name) || !name_within(&name, &zone))
        return;
    uint16_t type = get_u16(in.data);
    name_lower(&zone);
    name_lower(&name);
    (void)take(&in, at);
    check(crypto_init(&crypto));
    proofs_init(&p, &zone, &crypto, &budget);
    while (in.len > 2) {
        uint16_t kind = take(&in, 1).data[0] & 1 ? DNS_NSEC3 : DNS_NSEC;
        at = 0;
        if (!name_read(in, &at, &owner))
            break;
        name_lower(&owner);
        (void)take(&in, at);
        proofs_add(&p, kind, &owner, take_counted(&in));
    }
    (void)denial_name(&p, &name);
    (void)denial_type(&p, &name, type);
    (void)denial_closer(&p, &name, name_labels(&name) ? name_labels(&name) - 1 : 0);
    (void)denial_delegation(&p, &name);
    check(budget.hash_work <= VERIFY_HASHES);
    crypto_fini(&crypto);
}

static void fuzz_anchors(struct bytes in)
{
    static struct rollover r, again;
    static char text[ROLLOVER_TEXT_MAX];
    char error[256];
    struct bytes file = take_counted(&in);
    struct anchors *a = anchors_parse("file", file, NULL, 0, error, sizeof error);
    if (a && rollover_read(&r, a, in)) {
        size_t n = rollover_write(&r, text, sizeof text);
        check(n && rollover_read(&again, a, bytes_of(text, n)) && again.count == r.count);
        check(rollover_apply(&r, a) || anchors_get(a, ANCHORS_MAX - 1));
    }
    anchors_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    struct bytes in = bytes_of(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        fuzz_world(in);
        break;
    case 1:
        fuzz_denial(in);
        break;
    default:
        fuzz_anchors(in);
    }
    return 0;
}
