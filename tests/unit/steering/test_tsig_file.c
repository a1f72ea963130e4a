/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets of TSIG keys in files: what is one, and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <unistd.h>

#include "steering/tsig_file.h"

static enum refusal_why read_of(const char *text, struct tsig_key *key)
{
    char path[] = "/tmp/polynya-tsig-XXXXXX";
    struct refusal why = {.why = REFUSAL_NONE};
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    memset(key, 0, sizeof *key);
    bool ok = tsig_file_read(path, key, &why);
    unlink(path);
    assert_int_equal(ok, why.why == REFUSAL_NONE);
    assert_int_equal(ok, key->len > 0);
    return why.why;
}

static void a_secret_is_base64_and_space_behind_it(void **state)
{
    (void)state;
    struct tsig_key key;
    assert_int_equal(read_of("c2VjcmV0", &key), REFUSAL_NONE);
    assert_int_equal(key.len, 6);
    assert_memory_equal(key.secret, "secret", 6);
    assert_int_equal(read_of("c2VjcmV0 \t\r\n\n", &key), REFUSAL_NONE);
    assert_int_equal(key.len, 6);
}

static void what_is_none_is_told(void **state)
{
    (void)state;
    struct tsig_key key;
    struct refusal why;
    char longer[1026], text[4 * TSIG_SECRET_MAX];
    memset(longer, 'A', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    memset(text, 'A', sizeof text);
    text[(TSIG_SECRET_MAX + 2) / 3 * 4 + 4] = '\0';
    assert_int_equal(read_of("", &key), REFUSAL_BAD_FIELD);
    assert_int_equal(read_of("\n", &key), REFUSAL_BAD_FIELD);
    assert_int_equal(read_of("not a secret!", &key), REFUSAL_BAD_FIELD);
    assert_int_equal(read_of(text, &key), REFUSAL_BAD_FIELD);
    assert_int_equal(read_of(longer, &key), REFUSAL_TOO_LARGE);
    assert_false(tsig_file_read("/tmp", &key, &why));
    assert_int_equal(why.why, REFUSAL_UNREADABLE);
    assert_false(tsig_file_read("/nowhere/secret", &key, &why));
    assert_int_equal(why.why, REFUSAL_UNREADABLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_base64_and_space_behind_it),
        cmocka_unit_test(what_is_none_is_told),
    };
    return cmocka_run_group_tests_name("steering tsig_file", tests, NULL, NULL);
}
