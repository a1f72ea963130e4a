/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a full list costs: verifying it, a worker's memory for it, and one decision by it.
 *
 *     make build/bench/decide && build/bench/decide [SITES]
 *
 * A signed list of SITES sites (10,000) with three mirrors each is made in memory, then goes the way the
 * prober and a worker take it: verified in full, compiled, opened beside a table of health, asked. */
#include "tests/bench/full_list.h"

#include <malloc.h>
#include <time.h>

#include "steering/override.h"
#include "steering/steer.h"
#include "steering/trust.h"

enum { ROUNDS = 101, ASKED = 1000 };

static int64_t clock_ns(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static size_t heap(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* ---- the list ---- */

/* Three mirrors on global addresses. */
static const char *mirrors_of(struct world *w, unsigned i)
{
    return arena_printf(&w->arena,
                        "{\"id\":\"m1\",\"addresses\":[\"93.%u.%u.1\"]},"
                        "{\"id\":\"m2\",\"addresses\":[\"93.%u.%u.2\"],\"weight\":50},"
                        "{\"id\":\"m3\",\"addresses\":[\"2001:4860:%x::3\"]}",
                        100 + i / 256, i % 256, 100 + i / 256, i % 256, i);
}

static void make_input(struct full_list *f, struct trust_input *in, struct root *root)
{
    struct refusal why;
    full_list_make(f);
    assert_true(trust_pin(f->root, &f->world.arena, root, &why));
    in->root = root;
    in->delegations = f->delegations;
    in->list = full_list_file(f, 3);
    in->guard = guard_new(NULL, 0);
    in->now = NOW;
}

/* ---- the way of a list ---- */

static void verify(const char *what, const struct trust_input *in, unsigned count, struct arena *arena,
                   struct trust_result *result)
{
    struct refusal why = {0};
    arena_init(arena, TRUST_ARENA_MAX);
    int64_t start = now_ns(), used = clock_ns(CLOCK_PROCESS_CPUTIME_ID),
            ours = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    if (!trust_list(in, arena, result, &why) || result->site_count != count) {
        fprintf(stderr, "refused: %s %s\n", refusal_name(why.why), why.where);
        exit(1);
    }
    used = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - used;
    ours = clock_ns(CLOCK_THREAD_CPUTIME_ID) - ours;
    printf("%s of %u sites, %.1f MB: verified in %.2f s (%.2f s of CPU, the first thread's %.2f s)\n", what,
           count, (double)in->list.len / 1e6, (double)(now_ns() - start) / 1e9, (double)used / 1e9,
           (double)ours / 1e9);
}

static struct bytes verify_and_compile(const struct trust_input *in, unsigned count)
{
    const struct hash_key key = {1, 2};
    struct arena arena, next_arena;
    struct trust_result result, next;
    struct trust_input again = *in;
    size_t len;
    verify("list", in, count, &arena, &result);
    again.verified = result.verified;
    again.verified_count = result.site_count;
    verify("its next version", &again, count, &next_arena, &next);
    int64_t start = now_ns();
    struct view_source source = {"bench", &result.list, result.sites, result.site_count, VIEW_SIGNED};
    uint8_t *block = view_compile(&source, 1, &key, &len);
    printf("compiled in %.3f s\n", (double)(now_ns() - start) / 1e9);
    arena_fini(&arena);
    arena_fini(&next_arena);
    return bytes_of(block, len);
}

static struct health *make_health(const struct view *v)
{
    struct health_head head = {
        .count = view_address_count(v), .view = view_checksum(v), .stored = NOW, .interval = 30};
    struct health_record up = {
        .state = HEALTH_UP, .last_good = HEALTH_UP, .proved = 1, .alpn = HEALTH_ALPN_H2};
    size_t len = sizeof head + head.count * sizeof up;
    uint8_t *block = malloc(len);
    memcpy(block, &head, sizeof head);
    for (uint32_t i = 0; i < head.count; i++)
        memcpy(block + sizeof head + i * sizeof up, &up, sizeof up);
    health_seal(block);
    return health_open(block, len);
}

/* Median over rounds of the mean of many decisions, for other names and clients each. */
static double decision_ns(const struct view *v, const struct health *h, unsigned sites)
{
    static const uint8_t secret[32] = "a day's secret";
    static struct dns_name name[ASKED];
    int64_t took[ROUNDS];
    struct steer_decision d;
    for (unsigned i = 0; i < ASKED; i++) {
        char text[64];
        snprintf(text, sizeof text, "www.o%u.example", (i * 7919) % sites);
        assert_true(name_from_text(bytes_str(text), &name[i]));
    }
    for (unsigned r = 0; r < ROUNDS; r++) {
        int64_t start = now_ns();
        for (unsigned i = 0; i < ASKED; i++) {
            struct steer_client c = {.ip = {.len = 4, .addr = {11, (uint8_t)r, (uint8_t)i, 1}}};
            steer_decide(v, h, &name[i], DNS_A, &c, secret, NOW, &d);
            assert_int_equal(d.outcome, STEER_MIRRORS);
        }
        took[r] = now_ns() - start;
    }
    qsort(took, ROUNDS, sizeof *took, by_value);
    return (double)took[ROUNDS / 2] / ASKED;
}

/* The file of overrides at its longest, as it is applied at each change of it and with each list. */
static void override_all(const struct view *v)
{
    enum { RULES = 1000 };
    char text[RULES * 32], *to = text;
    struct override_error err;
    struct health_record *records = calloc(view_address_count(v), sizeof *records);
    for (unsigned i = 0; i < RULES; i++)
        to += snprintf(to, 32, "o%u.example/m2 => DOWN\n", i);
    struct overrides *o = override_parse(bytes_str(text), &err);
    int64_t start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    assert_int_equal(override_apply(o, v, records), RULES);
    printf("%d overrides applied in %.3f s of CPU\n", RULES,
           (double)(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start) / 1e9);
    override_free(&o);
    free(records);
}

int main(int argc, char **argv)
{
    unsigned sites = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    struct full_list f = {
        .sites = sites, .suffix = "example", .names = "\"@\",\"www\"", .mirrors = mirrors_of};
    struct root root;
    struct trust_input in = {0};
    make_input(&f, &in, &root);
    struct bytes block = verify_and_compile(&in, sites);
    size_t before = heap();
    int64_t start = now_ns();
    struct view *v = view_open(memcpy(malloc(block.len), block.data, block.len), block.len);
    struct health *h = make_health(v);
    int64_t opened = now_ns() - start;
    printf("a worker's copy: %.1f MB, opened in %.3f s\n", (double)(heap() - before) / 1e6,
           (double)opened / 1e9);
    printf("a decision: %.0f ns\n", decision_ns(v, h, sites));
    override_all(v);
    return 0;
}
