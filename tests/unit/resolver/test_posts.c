/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Posts: a generation serves when all its processes have said so, and who must wait is waited for. Forking,
 * draining and replacing are tests/wire/test_lifecycle.py's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <unistd.h>

#include "resolver/posts.h"

static struct posts posts;
static struct conf conf;
static const struct generation generation = {.number = 3, .conf = &conf};

static void nothing(void *self)
{
    (void)self;
}

static int setup(void **state)
{
    (void)state;
    conf = (struct conf){.workers = 2, .dnssec.mode = CONF_VALIDATION_OFF};
    return posts_init(&posts, shm_new(), nothing, NULL) && posts.crew.shm ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    close(posts.ready);
    close(posts.ready_in);
    shm_free(&posts.crew.shm);
    posts_fini(&posts);
    return 0;
}

static void put_child(unsigned at, enum shm_role role, unsigned index, uint32_t number)
{
    posts.crew.child[at] = (struct crew_child){.pid = getpid(),
                                               .slot = &posts.crew.shm->slot[at],
                                               .role = role,
                                               .index = index,
                                               .generation = number};
}

static void says_ready(uint8_t slot)
{
    assert_int_equal(write(posts.ready_in, &slot, 1), 1);
    posts_read(&posts);
}

static void all_must_serve(void **state)
{
    (void)state;
    put_child(1, SHM_WORKER, 0, 3);
    put_child(2, SHM_WORKER, 1, 3);
    put_child(4, SHM_WORKER, 1, 2);
    says_ready(1);
    says_ready(4);
    assert_false(posts_ready(&posts, &generation, true));
    says_ready(2);
    assert_true(posts_ready(&posts, &generation, true));
    posts.crew.child[1].leaving = true;
    assert_false(posts_ready(&posts, &generation, true));
}

static void the_prober_counts_where_it_is_wanted(void **state)
{
    (void)state;
    conf.workers = 0;
    assert_true(posts_ready(&posts, &generation, true));
    conf.steering.list_count = 1;
    put_child(1, SHM_PROBER, 0, 3);
    assert_false(posts_ready(&posts, &generation, true));
    assert_true(posts_ready(&posts, &generation, false));
    says_ready(1);
    assert_true(posts_ready(&posts, &generation, true));
}

static void who_must_wait_is_waited_for(void **state)
{
    (void)state;
    assert_int_equal(posts_due(&posts), INT64_MAX);
    posts.crew.worker[0].start_at = 500;
    posts.crew.worker[1].start_at = 300;
    assert_int_equal(posts_due(&posts), 300);
    conf.workers = 1;
    assert_true(posts_fill(&posts, &generation, true, 400));
    assert_null(crew_find(&posts.crew, SHM_WORKER, 0, 3));
    assert_int_equal(posts_due(&posts), 500);
    posts.crew.prober.start_at = 450;
    assert_int_equal(posts_due(&posts), 450);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(all_must_serve, setup, teardown),
        cmocka_unit_test_setup_teardown(the_prober_counts_where_it_is_wanted, setup, teardown),
        cmocka_unit_test_setup_teardown(who_must_wait_is_waited_for, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
