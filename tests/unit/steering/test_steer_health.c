/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What our own probes and the operator change about the decision. */
#include "sites.h"

#define UP                                                                                                   \
    {                                                                                                        \
        .state = HEALTH_UP, .last_good = HEALTH_UP, .proved = 1, .alpn = HEALTH_ALPN_H2                      \
    }
#define DOWN                                                                                                 \
    {                                                                                                        \
        .state = HEALTH_DOWN, .last_good = HEALTH_DOWN, .proved = 1                                          \
    }
#define NEVER                                                                                                \
    {                                                                                                        \
        .state = HEALTH_DOWN, .last_good = HEALTH_DOWN                                                       \
    }
#define WAS_UP                                                                                               \
    {                                                                                                        \
        .last_good = HEALTH_UP, .proved = 1                                                                  \
    }
#define WAS_DOWN                                                                                             \
    {                                                                                                        \
        .last_good = HEALTH_DOWN, .proved = 1                                                                \
    }

/* TWO has four addresses: 198.51.100.1, 2001:db8::1 and 198.51.100.9 of m1, 198.51.100.2 of m2. */
struct world {
    struct view *view;
    struct health *health;
};

static struct world world_of(const struct site *s, struct health_head head, const struct health_record *r,
                             uint32_t count)
{
    struct world w = {.view = build(s)};
    w.health = health_of(w.view, head, r, count);
    return w;
}

static void world_end(struct world *w)
{
    view_free(&w->view);
    health_free(&w->health);
}

static struct steer_decision decide_at(const struct world *w, const char *ip, const char *country,
                                       int64_t now)
{
    struct steer_decision d;
    struct dns_name n = name_of("news.example");
    struct steer_client c = client_at(ip, country);
    steer_decide(w->view, w->health, &n, DNS_A, &c, secret, now, &d);
    return d;
}

static struct steer_decision decide(const struct world *w)
{
    return decide_at(w, "192.0.2.1", "", NOW);
}

/* All addresses of the decision as text, in order. */
static void addresses_are(const struct steer_decision *d, const char *want)
{
    char all[STEER_ADDRESSES_MAX * (IP_TEXT_MAX + 1) + 1] = "", text[IP_TEXT_MAX];
    for (unsigned i = 0; i < d->address_count; i++) {
        ip_format(&d->address[i], text);
        strcat(strcat(all, i ? " " : ""), text);
    }
    assert_string_equal(all, want);
}

/* How a site with one set of records is answered. */
struct want {
    struct health_record r[4];
    struct health_head head;
    const char *policy;
    enum steer_outcome outcome;
    enum steer_why why;
    const char *addresses;
    uint32_t ttl;
};

static void is_answered(const struct want *w, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        print_message("case %zu\n", i);
        struct world world = world_of(&(struct site){.policy = w[i].policy}, w[i].head, w[i].r, 4);
        struct steer_decision d = decide(&world);
        assert_int_equal(d.outcome, w[i].outcome);
        assert_int_equal(d.why, w[i].why);
        addresses_are(&d, w[i].addresses);
        if (w[i].ttl)
            assert_int_equal(d.ttl, w[i].ttl);
        world_end(&world);
    }
}

static void only_what_is_proved_is_answered(void **state)
{
    (void)state;
    const struct want cases[] = {
        /* Another address of the family steps in; one not proved does not. */
        {{DOWN, UP, UP, DOWN}, {0}, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "198.51.100.9 2001:db8::1", 60},
        {{UP, DOWN, UP, DOWN}, {0}, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "198.51.100.1", 60},
        {{{0}, {0}, UP, DOWN}, {0}, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "198.51.100.9", 60},
        {{DOWN, UP, DOWN, NEVER}, {0}, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "2001:db8::1", 60},
        {{DOWN, DOWN, DOWN, UP}, {0}, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "198.51.100.2", 60},
        {{{0}, {0}, {0}, {0}}, {0}, "{}", STEER_TRUTH, STEER_WHY_ALL_DOWN, "", 30},
        {{NEVER, NEVER, NEVER, NEVER}, {0}, "{}", STEER_TRUTH, STEER_WHY_ALL_DOWN, "", 60},
    };
    is_answered(cases, sizeof cases / sizeof *cases);
}

static void nothing_is_proved_without_a_table(void **state)
{
    (void)state;
    struct world w = {.view = build(&(struct site){.mirrors = TWO})};
    assert_int_equal(decide(&w).outcome, STEER_TRUTH);
    world_end(&w);
}

static void nothing_is_proved_by_an_old_table(void **state)
{
    (void)state;
    struct world w = world_of(&(struct site){0}, (struct health_head){0}, (struct health_record[]){UP}, 1);
    assert_int_equal(decide_at(&w, NULL, "", NOW + HEALTH_KEEP - 1).why, STEER_WHY_PICKED);
    assert_int_equal(decide_at(&w, NULL, "", NOW + HEALTH_KEEP).why, STEER_WHY_ALL_DOWN);
    world_end(&w);
}

static void published_health_alone_decides_where_nothing_is_probed(void **state)
{
    (void)state;
    const struct health_head published = {.published = 1, .stored = NOW - 86400};
    struct world w = world_of(&(struct site){0}, published, NULL, 0);
    assert_int_equal(decide(&w).why, STEER_WHY_PICKED);
    world_end(&w);
    w = world_of(&(struct site){.m1 = {{"*", false}}, .m1_count = 1}, published, NULL, 0);
    struct steer_decision d = decide(&w);
    addresses_are(&d, "198.51.100.2");
    world_end(&w);
    const struct health_record down = {.forced = HEALTH_FORCED_DOWN};
    w = world_of(&(struct site){.mirrors = "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]}]",
                                .policy = "{\"all_down\":\"mirrors\"}"},
                 published, &down, 1);
    assert_int_equal(decide(&w).outcome, STEER_TRUTH);
    world_end(&w);
}

/* A list's word and our own must both be good; the operator's stands before our own, not before the list's.
 */
static void lists_and_probes_both_count(void **state)
{
    (void)state;
    const struct site s = {.m1 = {{"*", true}, {"RU", false}},
                           .m1_count = 2,
                           .blocked = {{"RU", BLOCK_IP}, {"BY", BLOCK_IP}},
                           .blocked_count = 2};
    struct health_record r[4] = {UP, UP, UP, DOWN};
    for (int forced = 0; forced < 2; forced++) {
        struct world w = world_of(&s, (struct health_head){0}, r, 4);
        assert_int_equal(decide_at(&w, NULL, "RU", NOW).why, STEER_WHY_ALL_DOWN);
        assert_int_equal(decide_at(&w, NULL, "BY", NOW).why, STEER_WHY_PICKED);
        world_end(&w);
        for (int i = 0; i < 3; i++)
            r[i].forced = HEALTH_FORCED_UP;
    }
}

static void the_operators_word_stands_before_ours(void **state)
{
    (void)state;
#define FORCED(state_, how)                                                                                  \
    {                                                                                                        \
        .state = (state_), .proved = 1, .forced = (how)                                                      \
    }
    const struct want cases[] = {
        {{UP, DOWN, DOWN, FORCED(HEALTH_UP, HEALTH_FORCED_DOWN)},
         {0},
         "{}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1",
         60},
        {{DOWN, DOWN, DOWN, FORCED(HEALTH_DOWN, HEALTH_FORCED_UP)},
         {0},
         "{}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.2",
         60},
        {{DOWN, DOWN, DOWN, {.forced = HEALTH_FORCED_UP}},
         {0},
         "{\"ttl\":200}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.2",
         200},
        {{NEVER, NEVER, NEVER, FORCED(HEALTH_UP, HEALTH_FORCED_DOWN)},
         {0},
         "{\"all_down\":\"mirrors\"}",
         STEER_TRUTH,
         STEER_WHY_ALL_DOWN,
         "",
         60},
    };
    is_answered(cases, sizeof cases / sizeof *cases);
}

static void a_dead_uplink_leaves_what_was_good(void **state)
{
    (void)state;
    const struct health_head dead = {.uplink = HEALTH_UPLINK_DEAD}, works = {.uplink = HEALTH_UPLINK_WORKS};
    const struct want cases[] = {
        {{WAS_DOWN, WAS_DOWN, WAS_UP, WAS_DOWN},
         dead,
         "{}",
         STEER_MIRRORS,
         STEER_WHY_LAST_GOOD,
         "198.51.100.9",
         30},
        {{WAS_DOWN, WAS_DOWN, WAS_UP, WAS_DOWN}, works, "{}", STEER_TRUTH, STEER_WHY_ALL_DOWN, "", 30},
        {{WAS_DOWN, WAS_DOWN, WAS_UP, WAS_DOWN}, {0}, "{}", STEER_TRUTH, STEER_WHY_ALL_DOWN, "", 30},
        /* One that is still up is better than one that was. */
        {{WAS_UP, WAS_UP, WAS_UP, UP}, dead, "{}", STEER_MIRRORS, STEER_WHY_PICKED, "198.51.100.2", 60},
        {{WAS_DOWN, DOWN, DOWN, DOWN},
         dead,
         "{\"all_down\":\"nodata\"}",
         STEER_NODATA,
         STEER_WHY_ALL_DOWN,
         "",
         30},
    };
    is_answered(cases, sizeof cases / sizeof *cases);
}

static void all_down_mirrors_are_those_ever_proved(void **state)
{
    (void)state;
    const struct want cases[] = {
        {{NEVER, DOWN, NEVER, NEVER},
         {0},
         "{\"all_down\":\"mirrors\"}",
         STEER_MIRRORS,
         STEER_WHY_ALL_DOWN,
         "2001:db8::1",
         60},
        {{NEVER, NEVER, {0}, WAS_DOWN},
         {0},
         "{\"all_down\":\"mirrors\"}",
         STEER_MIRRORS,
         STEER_WHY_ALL_DOWN,
         "198.51.100.2",
         30},
        {{NEVER, NEVER, {0}, NEVER},
         {0},
         "{\"all_down\":\"mirrors\"}",
         STEER_TRUTH,
         STEER_WHY_ALL_DOWN,
         "",
         30},
    };
    is_answered(cases, sizeof cases / sizeof *cases);
}

static void ttl_ends_where_a_picked_address_may_fail(void **state)
{
    (void)state;
#define UP_BUT(n)                                                                                            \
    {                                                                                                        \
        .state = HEALTH_UP, .failures = (n), .proved = 1                                                     \
    }
    const struct want cases[] = {
        {{UP, UP, UP, DOWN},
         {.interval = 30},
         "{\"ttl\":300}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         90},
        {{UP, UP_BUT(2), UP, DOWN},
         {.interval = 30},
         "{\"ttl\":300}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         30},
        /* What is not picked does not count. */
        {{UP, UP, UP_BUT(2), DOWN},
         {.interval = 30},
         "{\"ttl\":300}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         90},
        {{UP, UP, UP, DOWN},
         {.interval = 30},
         "{\"ttl\":20}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         20},
        {{UP_BUT(2), UP, UP, DOWN},
         {.interval = 1},
         "{\"ttl\":20}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         5},
        {{UP, UP, UP, DOWN},
         {.interval = 3600},
         "{\"ttl\":3600}",
         STEER_MIRRORS,
         STEER_WHY_PICKED,
         "198.51.100.1 2001:db8::1",
         300},
    };
    is_answered(cases, sizeof cases / sizeof *cases);
}

/* ---- answers ---- */

struct shown {
    struct dns_rr rr[4];
    unsigned count;
    uint8_t block[4096];
};

static void ask(const struct world *w, const char *ip, uint16_t type, struct shown *out)
{
    uint8_t message[DNS_HEADER + DNS_QUESTION_MAX + 16];
    struct writer writer = writer_of(message, sizeof message);
    struct dns_name n = name_of("news.example");
    struct steer_client c = client_at(ip, "");
    struct steer_decision d;
    struct dns_query q;
    struct answer a;
    struct msg_iter it;
    struct dns_rr rr;
    query_write(&writer, 1, DNS_RD, &n, type, 0, false);
    assert_int_equal(query_parse(writer_done(&writer), &q), REASON_OK);
    steer_decide(w->view, w->health, &n, type, &c, secret, NOW, &d);
    out->count = 0;
    if (d.outcome == STEER_TRUTH)
        return;
    size_t len = steer_answer(&d, &q, NOW, out->block, sizeof out->block);
    assert_true(len > 0 && answer_open(bytes_of(out->block, len), true, &a) && msg_iter_init(&it, a.wire));
    while (msg_next(&it, &rr))
        if (rr.section == DNS_ANSWER)
            out->rr[out->count++] = rr;
}

static void https_is(const char *mirrors, const char *policy, const struct health_record *r, uint32_t count,
                     struct bytes rdata)
{
    struct shown s;
    struct world w =
        world_of(&(struct site){.mirrors = mirrors, .policy = policy}, (struct health_head){0}, r, count);
    ask(&w, "192.0.2.1", DNS_HTTPS, &s);
    assert_int_equal(s.count, 1);
    assert_int_equal(s.rr[0].rdata.len, rdata.len);
    assert_memory_equal(s.rr[0].rdata.data, rdata.data, rdata.len);
    world_end(&w);
}

static void alpn_is_as_registered_or_as_negotiated(void **state)
{
    (void)state;
#define SPEAKS(what)                                                                                         \
    {                                                                                                        \
        .state = HEALTH_UP, .proved = 1, .alpn = (what)                                                      \
    }
#define ONE "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]}]"
#define BOTH                                                                                                 \
    "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"]},{\"id\":\"m2\",\"addresses\":[\"198.51.100.1\"],"     \
    "\"alpn\":[\"h3\",\"h2\"]}]"
    const struct health_record h2 = SPEAKS(HEALTH_ALPN_H2), h1 = SPEAKS(HEALTH_ALPN_HTTP11);
    const struct bytes with = BYTES_LIT("\0\1\0\0\1\0\3\2h2\0\4\0\4\xc6\x33\x64\1");
    const struct bytes without = BYTES_LIT("\0\1\0\0\4\0\4\xc6\x33\x64\1");
    https_is(ONE, "{}", &h2, 1, with);
    https_is(ONE, "{}", &h1, 1, without);
    https_is("[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"],\"alpn\":[\"h2\"]}]", "{}", &h1, 1, with);
    https_is(BOTH, "{\"answers\":2}", (struct health_record[]){h2, h1}, 2,
             BYTES_LIT("\0\1\0\0\1\0\3\2h2\0\4\0\x08\xc6\x33\x64\1\xc6\x33\x64\1"));
    https_is(BOTH, "{\"answers\":2}", (struct health_record[]){h1, h1}, 2,
             BYTES_LIT("\0\1\0\0\4\0\x08\xc6\x33\x64\1\xc6\x33\x64\1"));
}

static struct health_record random_record(void)
{
    struct health_record r = {.state = (uint8_t)random_below(3),
                              .last_good = (uint8_t)random_below(3),
                              .alpn = (uint8_t)random_below(4),
                              .proved = 1};
    if (random_below(8) == 0)
        r.forced = (uint8_t)random_below(3);
    return r;
}

/* The hint of that key in an HTTPS record; none if it is not there. */
static struct bytes hint(const struct shown *https, uint16_t key)
{
    for (size_t at = 3; https->count && at + 4 <= https->rr[0].rdata.len;) {
        const uint8_t *p = https->rr[0].rdata.data + at;
        size_t len = (size_t)p[2] << 8 | p[3];
        if ((p[0] << 8 | p[1]) == key)
            return bytes_of(p + 4, len);
        at += 4 + len;
    }
    return bytes_of(NULL, 0);
}

static void same_addresses(const struct shown *a, struct bytes hints, size_t len)
{
    assert_int_equal(hints.len, a->count * len);
    for (unsigned i = 0; i < a->count; i++)
        assert_memory_equal(a->rr[i].rdata.data, hints.data + i * len, len);
}

/* Every address answered may be answered. */
static void only_usable_ones(const struct world *w, const struct shown *a)
{
    struct dns_name n = name_of("news.example");
    const struct view_site *s = view_find(w->view, &n);
    bool dead = health_head(w->health)->uplink == HEALTH_UPLINK_DEAD;
    for (unsigned k = 0; k < a->count; k++) {
        bool good = false;
        for (unsigned i = 0; i < s->mirror_count; i++) {
            const struct view_mirror *m = &view_site_mirrors(s)[i];
            for (unsigned j = 0; j < m->address_count; j++) {
                const struct health_record *r = health_at(w->health, m->address_first + j);
                if (a->rr[k].rdata.len == view_mirror_addresses(m)[j].len &&
                    memcmp(a->rr[k].rdata.data, view_mirror_addresses(m)[j].addr, a->rr[k].rdata.len) == 0)
                    good |= health_usable(r, false) || (dead && health_usable(r, true));
            }
        }
        assert_true(good);
    }
}

#define MANY                                                                                                 \
    "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"2001:db8::1\",\"198.51.100.2\"]},"                    \
    "{\"id\":\"m2\",\"addresses\":[\"2001:db8::3\",\"2001:db8::4\"],\"weight\":300},"                        \
    "{\"id\":\"m3\",\"addresses\":[\"198.51.100.5\"]},"                                                      \
    "{\"id\":\"m4\",\"addresses\":[\"198.51.100.6\",\"2001:db8::6\"]}]"

/* Whatever the health: A, AAAA and HTTPS of one client speak of the same addresses, all of them usable. */
static void a_aaaa_and_https_always_agree(void **state)
{
    (void)state;
    enum { ADDRESSES = 8 };
    unsigned steered = 0;
    for (int round = 0; round < 2000; round++) {
        struct health_record r[ADDRESSES];
        char ip[16];
        struct shown a, aaaa, https;
        for (int i = 0; i < ADDRESSES; i++)
            r[i] = random_record();
        struct world w =
            world_of(&(struct site){.mirrors = MANY,
                                    .policy = round % 2 ? "{\"answers\":2}" : "{\"all_down\":\"nodata\"}"},
                     (struct health_head){.uplink = (uint8_t)random_below(3)}, r, ADDRESSES);
        snprintf(ip, sizeof ip, "192.%u.%u.1", random_below(256), random_below(256));
        ask(&w, ip, DNS_A, &a);
        ask(&w, ip, DNS_AAAA, &aaaa);
        ask(&w, ip, DNS_HTTPS, &https);
        same_addresses(&a, hint(&https, 4), 4);
        same_addresses(&aaaa, hint(&https, 6), 16);
        only_usable_ones(&w, &a);
        only_usable_ones(&w, &aaaa);
        steered += https.count;
        world_end(&w);
    }
    assert_true(steered > 1000);
}

/* ---- shares ---- */

enum { CLIENTS = 100000 };
#define WEIGHTED                                                                                             \
    "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\"],\"weight\":1},"                                        \
    "{\"id\":\"m2\",\"addresses\":[\"198.51.100.2\"],\"weight\":2},"                                         \
    "{\"id\":\"m3\",\"addresses\":[\"198.51.100.3\"],\"weight\":5}]"

/* Which mirror each client network gets, 0 for m1; and how many got each. */
static void pick_for_all(const struct world *w, uint8_t *who, int got[3])
{
    struct dns_name n = name_of("news.example");
    struct steer_decision d;
    memset(got, 0, 3 * sizeof *got);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct steer_client c = {
            .ip = {.len = 4, .addr = {(uint8_t)(11 + (i >> 16)), (uint8_t)(i >> 8), (uint8_t)i, 1}}};
        steer_decide(w->view, w->health, &n, DNS_A, &c, secret, NOW, &d);
        assert_int_equal(d.outcome, STEER_MIRRORS);
        who[i] = (uint8_t)(d.mirror[0]->id[1] - '1');
        got[who[i]]++;
    }
}

static void in_share(int got, double ideal)
{
    if (got < ideal * CLIENTS - CLIENTS / 100 || got > ideal * CLIENTS + CLIENTS / 100)
        fail_msg("%d of %d, ideally %.0f", got, CLIENTS, ideal * CLIENTS);
}

/* Weights 1, 2, 5: each has its share, and one that goes down moves its own clients only, to the others by
 * their weights. */
static void one_down_moves_only_its_clients(void **state)
{
    (void)state;
    static uint8_t before[CLIENTS], after[CLIENTS];
    const int weight[3] = {1, 2, 5};
    const struct site s = {.mirrors = WEIGHTED};
    int got[3];
    struct world w = world_of(&s, (struct health_head){0}, (struct health_record[]){UP, UP, UP}, 3);
    pick_for_all(&w, before, got);
    world_end(&w);
    for (int m = 0; m < 3; m++)
        in_share(got[m], weight[m] / 8.0);
    for (int gone = 0; gone < 3; gone++) {
        struct health_record r[3] = {UP, UP, UP};
        r[gone].state = HEALTH_DOWN;
        w = world_of(&s, (struct health_head){0}, r, 3);
        pick_for_all(&w, after, got);
        world_end(&w);
        for (uint32_t i = 0; i < CLIENTS; i++)
            assert_true(before[i] == gone ? after[i] != gone : after[i] == before[i]);
        for (int m = 0; m < 3; m++)
            in_share(got[m], m == gone ? 0 : weight[m] / (double)(8 - weight[gone]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_is_proved_is_answered),
        cmocka_unit_test(nothing_is_proved_without_a_table),
        cmocka_unit_test(nothing_is_proved_by_an_old_table),
        cmocka_unit_test(published_health_alone_decides_where_nothing_is_probed),
        cmocka_unit_test(lists_and_probes_both_count),
        cmocka_unit_test(the_operators_word_stands_before_ours),
        cmocka_unit_test(a_dead_uplink_leaves_what_was_good),
        cmocka_unit_test(all_down_mirrors_are_those_ever_proved),
        cmocka_unit_test(ttl_ends_where_a_picked_address_may_fail),
        cmocka_unit_test(alpn_is_as_registered_or_as_negotiated),
        cmocka_unit_test(a_aaaa_and_https_always_agree),
        cmocka_unit_test(one_down_moves_only_its_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
