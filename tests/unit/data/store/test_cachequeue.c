/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What waits to be written: bounded, whole, and older copies never over newer values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/store/cachequeue.h"

static char folder[] = "/tmp/polynya-queue-XXXXXX";

static bool add(struct cachequeue *q, const char *key, const char *value, bool forward)
{
    return cachequeue_add(q, bytes_str(key), bytes_str(value), forward);
}

static void refuses_what_does_not_fit(void **state)
{
    (void)state;
    static uint8_t big[600];
    struct cachequeue q = {.max = 4096};
    assert_false(cachequeue_add(&q, BYTES_NONE, BYTES_LIT("v"), false));
    assert_false(cachequeue_add(&q, bytes_of(big, 512), BYTES_LIT("v"), false));
    assert_true(cachequeue_add(&q, bytes_of(big, 511), BYTES_LIT("v"), false));
    static uint8_t huge[8192];
    assert_false(cachequeue_add(&q, BYTES_LIT("k"), bytes_of(huge, sizeof huge), false));
    assert_int_equal(q.count, 1);
    cachequeue_fini(&q);
    assert_int_equal(q.max, 4096);
}

static void copies_leave_room_for_what_is_new(void **state)
{
    (void)state;
    static uint8_t value[100];
    struct cachequeue q = {.max = 64 << 10};
    unsigned copies = 0, fresh = 0;
    while (cachequeue_add(&q, BYTES_LIT("copy"), bytes_of(value, sizeof value), true))
        copies++;
    assert_true(q.len <= q.max / 2);
    while (cachequeue_add(&q, BYTES_LIT("new"), bytes_of(value, sizeof value), false))
        fresh++;
    assert_true(q.len <= q.max && fresh + 1 >= copies);
    cachequeue_clear(&q);
    assert_int_equal(q.len + q.count, 0);
    assert_true(add(&q, "again", "v", true));
    cachequeue_fini(&q);
}

static void expect(struct store *s, const char *key, const char *value)
{
    struct store_txn *t;
    struct bytes found;
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_get(t, bytes_str(key), &found), STORE_OK);
    assert_true(bytes_equal(found, bytes_str(value)));
    store_abort(t);
}

static void writes_in_order(void **state)
{
    (void)state;
    char path[64];
    struct store *s;
    struct cachequeue q = {.max = 64 << 10};
    snprintf(path, sizeof path, "%s/store.mdb", folder);
    assert_int_equal(store_open(path, &(struct store_options){.size = 1 << 20}, &s), STORE_OK);
    assert_true(add(&q, "a", "old", true) && add(&q, "a", "new", false) && add(&q, "a", "old", true));
    assert_true(add(&q, "b", "first", false) && add(&q, "b", "second", false));
    assert_true(add(&q, "c", "copy", true));
    for (int i = 0; i < 2; i++) {
        assert_int_equal(cachequeue_write(&q, s), STORE_OK);
        expect(s, "a", "new");
        expect(s, "b", "second");
        expect(s, "c", "copy");
    }
    cachequeue_fini(&q);
    store_close(&s);
}

static int setup(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", folder);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_does_not_fit),
        cmocka_unit_test(copies_leave_room_for_what_is_new),
        cmocka_unit_test(writes_in_order),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
