/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a full list costs: verifying it, a worker's memory for it, and one decision by it.
 *
 *     make build/bench/decide && build/bench/decide [SITES]
 *
 * A signed list of SITES sites (10,000) with three mirrors each is made in memory, then goes the way the
 * prober and a worker take it: verified in full, compiled, opened beside a table of health, asked. */
#include "tests/unit/steering/signing.h"

#include <malloc.h>
#include <time.h>

#include "steering/steer.h"
#include "steering/trust.h"

enum { ROUNDS = 101, ASKED = 1000 };

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
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

static const char *registration_of(struct world *w, unsigned i)
{
    return arena_printf(&w->arena,
                        "{\"type\":\"polynya-registration/1\",\"domain\":\"o%u.example\",\"seq\":7,"
                        "\"issued\":\"%s\",\"expires\":\"%s\",\"names\":[\"@\",\"www\"],\"mirrors\":[%s]}",
                        i, time_text(w, NOW - HOUR), time_text(w, NOW + 20 * DAY), mirrors_of(w, i));
}

/* Blocked by address: mirrors are the answer. */
static const char *delegation_of(struct world *w, unsigned i, const struct minisign_secret *key)
{
    return arena_printf(&w->arena,
                        "{\"domain\":\"o%u.example\",\"key\":\"%s\",\"blocked\":{\"RU\":[\"ip\"]}}", i,
                        public_text(w, key));
}

static void append(char **to, struct bytes what)
{
    memcpy(*to, what.data, what.len);
    *to += what.len;
    **to = '\0';
}

/* Each site has a key of its own, as outlets have. */
static void make_sites(struct world *w, unsigned count, char *registrations, char *delegations)
{
    for (unsigned i = 0; i < count; i++) {
        struct minisign_secret outlet;
        assert_true(minisign_generate(&outlet));
        struct bytes file = SEAL(w, registration_of(w, i), &outlet);
        append(&registrations, bytes_str(i ? "," : ""));
        append(&registrations, file);
        append(&delegations, bytes_str(i ? "," : ""));
        append(&delegations, bytes_str(delegation_of(w, i, &outlet)));
    }
}

static void make_list(struct world *w, unsigned count, struct trust_input *in, struct root *root)
{
    char *registrations = arena_alloc(&w->arena, count * 1024 + 1);
    char *delegations = arena_alloc(&w->arena, count * 256 + 1);
    struct refusal why;
    struct bytes file = SEAL(w, root_text(w, 1, NOW + 300 * DAY), &w->root[0], &w->root[1]);
    assert_true(trust_pin(file, &w->arena, root, &why));
    make_sites(w, count, registrations, delegations);
    in->root = root;
    in->delegations = SEAL(w, delegations_text(w, 1, delegations), &w->maintainer);
    in->list = SEAL(w, list_text(w, 3, in->delegations, registrations), &w->publisher);
    in->guard = guard_new(NULL, 0);
    in->now = NOW;
}

/* ---- the way of a list ---- */

static struct bytes verify_and_compile(const struct trust_input *in, unsigned count)
{
    const struct hash_key key = {1, 2};
    struct arena arena;
    struct trust_result result;
    struct refusal why = {0};
    size_t len;
    arena_init(&arena, TRUST_ARENA_MAX);
    int64_t start = now_ns();
    if (!trust_list(in, &arena, &result, &why) || result.site_count != count) {
        fprintf(stderr, "refused: %s %s\n", refusal_name(why.why), why.where);
        exit(1);
    }
    int64_t verified = now_ns();
    struct view_source source = {"bench", &result.list, result.sites, result.site_count, VIEW_SIGNED};
    uint8_t *block = view_compile(&source, 1, &key, &len);
    int64_t compiled = now_ns();
    printf("list of %u sites, %.1f MB: verified in %.2f s, compiled in %.3f s\n", count,
           (double)in->list.len / 1e6, (double)(verified - start) / 1e9, (double)(compiled - verified) / 1e9);
    arena_fini(&arena);
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

int main(int argc, char **argv)
{
    unsigned sites = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 10000;
    struct world w;
    struct root root;
    struct trust_input in = {0};
    world_init(&w);
    make_list(&w, sites, &in, &root);
    struct bytes block = verify_and_compile(&in, sites);
    size_t before = heap();
    int64_t start = now_ns();
    struct view *v = view_open(memcpy(malloc(block.len), block.data, block.len), block.len);
    struct health *h = make_health(v);
    int64_t opened = now_ns() - start;
    printf("a worker's copy: %.1f MB, opened in %.3f s\n", (double)(heap() - before) / 1e6,
           (double)opened / 1e9);
    printf("a decision: %.0f ns\n", decision_ns(v, h, sites));
    return 0;
}
