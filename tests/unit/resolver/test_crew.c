/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Children: what they counted survives them, the unexpectedly dead wait longer each time, and a crash loop is
 * noticed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/crew.h"

static struct crew crew;
static const struct conf conf = {.log_level = LOG_LEVEL_ERROR};

static int setup(void **state)
{
    (void)state;
    log_setup("test", LOG_LEVEL_ERROR);
    crew = (struct crew){.shm = shm_new()};
    return crew.shm ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    shm_free(&crew.shm);
    return 0;
}

/* A worker that counts one miss, waits for a signal, and is reaped at `now`. */
static void live_and_die(unsigned index, int with, int64_t started, int64_t now, bool told,
                         struct crew_child *was, bool *unexpected)
{
    struct shm_slot *slot;
    int ready[2], status;
    char byte;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = crew_fork(&crew, SHM_WORKER, index, 1, &conf, started, &slot);
    if (pid == 0) {
        metric_count(METRIC_CACHE_MISS);
        if (write(ready[1], "", 1) == 1)
            for (;;)
                pause();
        _exit(9);
    }
    assert_true(pid > 0);
    assert_int_equal(slot->pid, pid);
    assert_int_equal(read(ready[0], &byte, 1), 1);
    assert_non_null(crew_find(&crew, SHM_WORKER, index, 1));
    if (told)
        crew_find(&crew, SHM_WORKER, index, 1)->leaving = true;
    kill(pid, with);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(crew_reap(&crew, pid, status, now, was, unexpected));
    assert_null(crew_find(&crew, SHM_WORKER, index, 1));
    close(ready[0]);
    close(ready[1]);
}

static void counters_survive(void **state)
{
    (void)state;
    struct crew_child was;
    bool unexpected;
    live_and_die(0, SIGKILL, 0, 50, false, &was, &unexpected);
    assert_true(unexpected);
    assert_int_equal(was.index, 0);
    assert_int_equal(crew.shm->retired.value[METRIC_CACHE_MISS], 1);
    assert_int_equal(crew_count(&crew), 0);
}

static void back_off_grows_and_forgives(void **state)
{
    (void)state;
    struct crew_child was;
    bool unexpected;
    static const int64_t waits[] = {0, 100, 200, 400};
    for (int i = 0; i < 4; i++) {
        live_and_die(1, SIGKILL, 1000, 1050, false, &was, &unexpected);
        assert_int_equal(crew_post(&crew, SHM_WORKER, 1)->start_at, 1050 + waits[i]);
    }
    live_and_die(1, SIGKILL, 1000, 60000, false, &was, &unexpected);
    assert_int_equal(crew_post(&crew, SHM_WORKER, 1)->start_at, 60000);
}

static void who_was_told_to_leave_is_not_missed(void **state)
{
    (void)state;
    struct crew_child was;
    bool unexpected;
    live_and_die(2, SIGTERM, 0, 10, true, &was, &unexpected);
    assert_false(unexpected);
    assert_int_equal(crew_post(&crew, SHM_WORKER, 2)->failures, 0);
}

static void memory_faults_close_together_are_a_loop(void **state)
{
    (void)state;
    struct crew_child was;
    bool unexpected;
    live_and_die(3, SIGSEGV, 100000, 100001, false, &was, &unexpected);
    assert_false(crew_crash_loop(&crew, 100001));
    live_and_die(3, SIGBUS, 170000, 170001, false, &was, &unexpected);
    assert_false(crew_crash_loop(&crew, 170001));
    live_and_die(3, SIGSEGV, 171000, 171001, false, &was, &unexpected);
    assert_true(crew_crash_loop(&crew, 171001));
    assert_false(crew_crash_loop(&crew, 171002));
}

static void strangers_are_none_of_ours(void **state)
{
    (void)state;
    struct crew_child was;
    bool unexpected;
    assert_false(crew_reap(&crew, 1, 0, 0, &was, &unexpected));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_survive),
        cmocka_unit_test(back_off_grows_and_forgives),
        cmocka_unit_test(who_was_told_to_leave_is_not_missed),
        cmocka_unit_test(memory_faults_close_together_are_a_loop),
        cmocka_unit_test(strangers_are_none_of_ours),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
