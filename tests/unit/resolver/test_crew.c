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

/* A worker that waits for its end; ready. */
static struct crew_child *still_worker(int64_t now)
{
    struct shm_slot *slot;
    pid_t pid = crew_fork(&crew, SHM_WORKER, 0, 1, &conf, now, &slot);
    if (pid == 0)
        for (;;)
            pause();
    struct crew_child *x = crew_find(&crew, SHM_WORKER, 0, 1);
    assert_non_null(x);
    x->ready = true;
    return x;
}

static void end_worker(const struct crew_child *x, int expected)
{
    struct crew_child was;
    bool unexpected;
    int status;
    pid_t pid = x->pid;
    kill(pid, SIGTERM);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), expected);
    assert_true(crew_reap(&crew, pid, status, 0, &was, &unexpected));
}

/* The loop turns, and stops turning at `last`. */
static void watch_until(struct crew_child *x, int64_t last, int64_t until)
{
    for (int64_t now = 1000; now <= until; now += CREW_WATCH_EVERY) {
        if (now <= last)
            x->slot->page.value[METRIC_LOOP_TURNS]++;
        crew_watch(&crew, 5000, now);
    }
}

static void a_still_worker_is_killed(void **state)
{
    (void)state;
    struct crew_child *x = still_worker(0);
    watch_until(x, 10000, 15000);
    end_worker(x, SIGKILL);
}

static void a_turning_worker_is_let_live(void **state)
{
    (void)state;
    struct crew_child *x = still_worker(0);
    watch_until(x, 10000, 14000);
    end_worker(x, SIGTERM);
}

/* Whoever stopped the whole machine stopped the watchdog, too. */
static void a_gap_of_our_own_kills_nobody(void **state)
{
    (void)state;
    struct crew_child *x = still_worker(0);
    watch_until(x, 10000, 12000);
    crew_watch(&crew, 5000, 100000);
    crew_watch(&crew, 5000, 101000);
    end_worker(x, SIGTERM);
}

static void who_is_not_ready_is_not_watched(void **state)
{
    (void)state;
    struct crew_child *x = still_worker(0);
    x->ready = false;
    watch_until(x, 0, 60000);
    end_worker(x, SIGTERM);
}

/* On a busy machine it says that it is ready, and then waits for its first turn. */
static void patience_begins_when_a_worker_is_ready(void **state)
{
    (void)state;
    struct crew_child *x = still_worker(0);
    x->ready = false;
    watch_until(x, 0, 60000);
    x->ready = true;
    crew_watch(&crew, 5000, 61000);
    end_worker(x, SIGTERM);
}

static void patience_begins_when_a_worker_is_forked(void **state)
{
    (void)state;
    crew_watch(&crew, 5000, 60000);
    struct crew_child *x = still_worker(60500);
    crew_watch(&crew, 5000, 61000);
    end_worker(x, SIGTERM);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counters_survive),
        cmocka_unit_test(back_off_grows_and_forgives),
        cmocka_unit_test(who_was_told_to_leave_is_not_missed),
        cmocka_unit_test(memory_faults_close_together_are_a_loop),
        cmocka_unit_test(strangers_are_none_of_ours),
        cmocka_unit_test(a_still_worker_is_killed),
        cmocka_unit_test(a_turning_worker_is_let_live),
        cmocka_unit_test(a_gap_of_our_own_kills_nobody),
        cmocka_unit_test(who_is_not_ready_is_not_watched),
        cmocka_unit_test(patience_begins_when_a_worker_is_ready),
        cmocka_unit_test(patience_begins_when_a_worker_is_forked),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
