/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rendezvous hashing: shares, stickiness, and what a mirror's coming and going moves. */
#include "steering/pick.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

enum { CLIENTS = 100000 };

static const uint8_t secret[32] = "the secret of one day";
static const char *const ids[] = {"m1", "m2", "m3", "m4"};

/* Client i: a /24 of its own. */
static struct ip client_of(uint32_t i)
{
    struct ip ip = {.len = 4};
    put_u32(ip.addr, i << 8 | 7);
    return ip;
}

/* The index of the best mirror; those with weight 0 are not there. */
static int best_of(const struct ip *ip, const uint32_t *weight, int count)
{
    struct hash_key seed;
    struct pick p;
    pick_seed(secret, ip,
              BYTES_LIT("\x04news\x07"
                        "example"),
              &seed);
    pick_init(&p, 1);
    for (int i = 0; i < count; i++)
        pick_offer(&p, &ids[i], pick_score(&seed, bytes_str(ids[i]), weight[i]));
    return p.count ? (int)((const char *const *)p.best[0].what - ids) : -1;
}

static void hmac_is_rfc2104(void **state)
{
    (void)state;
    for (size_t len = 0; len < 300; len += 37) {
        uint8_t message[300], mine[32], theirs[32];
        unsigned n = 0;
        random_fill(message, sizeof message);
        pick_hmac(secret, bytes_of(message, len), mine);
        HMAC(EVP_sha256(), secret, 32, message, len, theirs, &n);
        assert_int_equal(n, 32);
        assert_memory_equal(mine, theirs, 32);
    }
}

/* Weights 1, 2, 5: each share within 1 % of the clients of its ideal. */
static void shares_follow_weights(void **state)
{
    (void)state;
    const uint32_t weight[] = {1, 2, 5};
    int got[3] = {0};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct ip ip = client_of(i);
        got[best_of(&ip, weight, 3)]++;
    }
    for (int m = 0; m < 3; m++)
        assert_in_range(got[m], CLIENTS * weight[m] / 8 - CLIENTS / 100,
                        CLIENTS * weight[m] / 8 + CLIENTS / 100);
}

static void one_gone_moves_only_its_clients(void **state)
{
    (void)state;
    const uint32_t all[] = {3, 1, 2, 2}, without[] = {3, 1, 0, 2};
    int moved = 0, to[4] = {0};
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct ip ip = client_of(i);
        int before = best_of(&ip, all, 4), after = best_of(&ip, without, 4);
        assert_int_not_equal(after, 2);
        if (before != 2) {
            assert_int_equal(after, before);
            continue;
        }
        moved++;
        to[after]++;
    }
    assert_in_range(moved, CLIENTS / 4 - CLIENTS / 100, CLIENTS / 4 + CLIENTS / 100);
    /* And they spread over the rest by weight: 3, 1, 2 of 6. */
    assert_in_range(to[0], moved / 2 - CLIENTS / 100, moved / 2 + CLIENTS / 100);
    assert_in_range(to[1], moved / 6 - CLIENTS / 100, moved / 6 + CLIENTS / 100);
}

/* A mirror that becomes heavier takes clients, and loses none. */
static void more_weight_only_takes(void **state)
{
    (void)state;
    const uint32_t before[] = {1, 1, 1}, after[] = {1, 2, 1};
    for (uint32_t i = 0; i < 10000; i++) {
        struct ip ip = client_of(i);
        int was = best_of(&ip, before, 3), is = best_of(&ip, after, 3);
        assert_true(is == was || is == 1);
    }
}

static void a_network_is_one_client(void **state)
{
    (void)state;
    const struct {
        const char *a, *b;
        bool same;
    } pairs[] = {{"192.0.2.1", "192.0.2.254", true},
                 {"192.0.2.1", "192.0.3.1", false},
                 {"2001:db8:1:200::1", "2001:db8:1:2ff:ffff::1", true},
                 {"2001:db8:1:200::1", "2001:db8:1:300::1", false},
                 {"4.0.0.1", "400::", false}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        struct ip a, b;
        struct hash_key x, y;
        assert_true(ip_parse(bytes_str(pairs[i].a), &a) && ip_parse(bytes_str(pairs[i].b), &b));
        pick_seed(secret, &a, BYTES_LIT("d"), &x);
        pick_seed(secret, &b, BYTES_LIT("d"), &y);
        assert_int_equal(x.k0 == y.k0 && x.k1 == y.k1, pairs[i].same);
    }
}

static void domain_and_secret_make_the_seed(void **state)
{
    (void)state;
    const uint8_t other[32] = "the secret of the next day";
    struct ip nobody = {0}, somebody = client_of(1);
    struct hash_key seed[4];
    pick_seed(secret, &somebody, BYTES_LIT("a"), &seed[0]);
    pick_seed(secret, &somebody, BYTES_LIT("b"), &seed[1]);
    pick_seed(other, &somebody, BYTES_LIT("a"), &seed[2]);
    pick_seed(secret, &nobody, BYTES_LIT("a"), &seed[3]);
    for (int i = 0; i < 4; i++)
        for (int j = 0; j < i; j++)
            assert_true(seed[i].k0 != seed[j].k0);
    /* A domain longer than any name is cut, not read past. */
    uint8_t huge[300] = {0};
    struct hash_key a, b;
    pick_seed(secret, &somebody, bytes_of(huge, 255), &a);
    pick_seed(secret, &somebody, bytes_of(huge, 300), &b);
    assert_true(a.k0 == b.k0 && a.k1 == b.k1);
}

static void best_first_whatever_the_order(void **state)
{
    (void)state;
    const double score[] = {1, 5, 3, 4};
    const int orders[][4] = {{0, 1, 2, 3}, {3, 2, 1, 0}, {1, 3, 0, 2}, {2, 0, 3, 1}};
    for (size_t o = 0; o < 4; o++) {
        struct pick p;
        pick_init(&p, 2);
        for (int i = 0; i < 4; i++)
            pick_offer(&p, &score[orders[o][i]], score[orders[o][i]]);
        assert_int_equal(p.count, 2);
        assert_ptr_equal(p.best[0].what, &score[1]);
        assert_ptr_equal(p.best[1].what, &score[3]);
    }
}

static void weight_zero_is_never_picked(void **state)
{
    (void)state;
    struct ip ip = client_of(1);
    const uint32_t none[] = {0, 0};
    assert_int_equal(best_of(&ip, none, 2), -1);
}

static void wanted_is_bounded(void **state)
{
    (void)state;
    struct pick p;
    pick_init(&p, 9);
    for (int i = 0; i < 4; i++)
        pick_offer(&p, &ids[i], 1 + i);
    assert_int_equal(p.count, PICK_MAX);
    pick_init(&p, 0);
    for (int i = 0; i < 4; i++)
        pick_offer(&p, &ids[i], 1 + i);
    assert_int_equal(p.count, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hmac_is_rfc2104),
        cmocka_unit_test(shares_follow_weights),
        cmocka_unit_test(one_gone_moves_only_its_clients),
        cmocka_unit_test(more_weight_only_takes),
        cmocka_unit_test(a_network_is_one_client),
        cmocka_unit_test(domain_and_secret_make_the_seed),
        cmocka_unit_test(best_first_whatever_the_order),
        cmocka_unit_test(weight_zero_is_never_picked),
        cmocka_unit_test(wanted_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
