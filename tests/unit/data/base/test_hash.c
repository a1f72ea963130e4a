/* SPDX-License-Identifier: GPL-3.0-or-later */
/* SipHash against its authors' vectors, and randomness within its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "data/base/hash.h"

/* The reference key 00..0f and messages 00, 01, ... of the given length. */
static void matches_the_reference(void **state)
{
    (void)state;
    static const struct {
        size_t len;
        uint64_t want;
    } vectors[] = {
        {0, 0x726fdb47dd0e0e31}, {1, 0x74f839c593dc67fd}, {8, 0x93f5f5799a932462}, {15, 0xa129ca6149be45e5}};
    const struct hash_key key = {0x0706050403020100, 0x0f0e0d0c0b0a0908};
    uint8_t message[16];
    for (unsigned i = 0; i < sizeof message; i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++)
        assert_true(hash_siphash(&key, message, vectors[i].len) == vectors[i].want);
}

static void random_stays_below(void **state)
{
    (void)state;
    unsigned seen[7] = {0};
    for (int i = 0; i < 7000; i++)
        seen[random_below(7)]++;
    for (int i = 0; i < 7; i++)
        assert_in_range(seen[i], 500, 1500);
    assert_int_equal(random_below(1), 0);
}

static void random_fills_all(void **state)
{
    (void)state;
    uint8_t a[600] = {0}, b[600] = {0};
    random_fill(a, sizeof a);
    random_fill(b, sizeof b);
    assert_memory_not_equal(a, b, sizeof a);
    assert_memory_not_equal(a + 568, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 32);
}

static void a_child_draws_its_own(void **state)
{
    (void)state;
    uint32_t ours[8], theirs[8];
    int out[2];
    random_below(1000); /* some more are drawn already */
    assert_int_equal(pipe(out), 0);
    pid_t child = fork();
    if (child == 0) {
        for (int i = 0; i < 8; i++)
            theirs[i] = random_below(UINT32_MAX);
        _exit(write(out[1], theirs, sizeof theirs) != sizeof theirs);
    }
    for (int i = 0; i < 8; i++)
        ours[i] = random_below(UINT32_MAX);
    assert_int_equal(read(out[0], theirs, sizeof theirs), sizeof theirs);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_memory_not_equal(ours, theirs, sizeof ours);
    close(out[0]);
    close(out[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_the_reference),
        cmocka_unit_test(random_stays_below),
        cmocka_unit_test(random_fills_all),
        cmocka_unit_test(a_child_draws_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
