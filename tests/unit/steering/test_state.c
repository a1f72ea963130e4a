/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The snapshot and its health come out of steering.mdb together, or the snapshot alone. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "steering/state.h"

static char dir[] = "/tmp/polynya-state-XXXXXX";

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    char path[sizeof dir + 32];
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/prober/steering.mdb%s", dir, i ? "-lock" : "");
        unlink(path);
    }
    snprintf(path, sizeof path, "%s/prober", dir);
    rmdir(path);
    return rmdir(dir);
}

/* Stores an empty snapshot and health that says to be of the one with that checksum plus `off`, cut by `cut`.
 */
static void put(uint64_t off, size_t cut)
{
    const struct hash_key key = {1, 2};
    struct health_head head = {.interval = 30};
    struct store *s;
    struct store_txn *t;
    size_t len;
    uint8_t *view = view_compile(NULL, 0, &key, &len);
    assert_non_null(view);
    memcpy(&head.view, view, sizeof head.view);
    head.view += off;
    health_seal((uint8_t *)&head);
    assert_int_equal(state_open(dir, false, &s), STORE_OK);
    assert_int_equal(store_write(s, &t), STORE_OK);
    assert_int_equal(state_put_view(t, bytes_of(view, len)), STORE_OK);
    assert_int_equal(state_put_health(t, bytes_of(&head, sizeof head - cut)), STORE_OK);
    assert_int_equal(store_commit(t), STORE_OK);
    store_close(&s);
    free(view);
}

/* Is there health beside the snapshot that is loaded? */
static bool load(void)
{
    struct store *s;
    struct view *v;
    struct health *h;
    assert_int_equal(state_open(dir, true, &s), STORE_OK);
    assert_int_equal(state_load_snapshot(s, &v, &h), STORE_OK);
    assert_non_null(v);
    bool any = h;
    if (any)
        assert_int_equal(health_head(h)->interval, 30);
    view_free(&v);
    health_free(&h);
    store_close(&s);
    return any;
}

static void health_comes_with_its_snapshot(void **state)
{
    (void)state;
    struct store *s;
    struct view *v;
    struct health *h;
    assert_int_equal(state_open(dir, false, &s), STORE_OK);
    assert_int_equal(state_load_snapshot(s, &v, &h), STORE_NOT_FOUND);
    assert_true(!v && !h);
    store_close(&s);
    put(0, 0);
    assert_true(load());
    put(1, 0); /* another snapshot's */
    assert_false(load());
    put(0, 1); /* damaged */
    assert_false(load());
}

/* Health changes every few seconds, the snapshot seldom: it is not copied again for that. */
static void a_snapshot_is_kept_while_it_is_the_stored_one(void **state)
{
    (void)state;
    struct store *s;
    struct view *v = NULL;
    struct health *h = NULL;
    put(0, 0);
    for (int round = 0; round < 3; round++) {
        const struct view *before = v;
        assert_int_equal(state_open(dir, true, &s), STORE_OK);
        assert_int_equal(state_renew_snapshot(s, &v, &h), STORE_OK);
        store_close(&s);
        assert_true(v && (round == 0 || v == before));
        assert_true(!h == (round == 2));
        put(round, 0); /* the same again, then health of another */
    }
    view_free(&v);
    health_free(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(health_comes_with_its_snapshot),
                                       cmocka_unit_test(a_snapshot_is_kept_while_it_is_the_stored_one)};
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
