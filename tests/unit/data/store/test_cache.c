/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared cache: two generations, several processes, bad files, a bad disk; time is whatever the tests
 * say. */
#include "tests/unit/data/store/scratch.h"

#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "data/base/log.h"
#include "data/base/metric.h"
#include "data/store/cache.h"
#include "data/store/cachedir.h"
#include "data/store/shm.h"

enum { MIB = 1 << 20, VALUE_LEN = 1000 };

static uint32_t *counter; /* shared with children */
static int64_t now;

static int make(void **state)
{
    now = 1000000;
    counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    /* What is logged about the damage done here would only be noise. */
    log_setup("test", LOG_LEVEL_ERROR);
    return counter == MAP_FAILED ? -1 : scratch_make(state);
}

static int unmake(void **state)
{
    munmap(counter, 4096);
    return scratch_remove(state);
}

static struct cache *open_sized(size_t size)
{
    return cache_open(&(struct cache_options){.dir = scratch, .size = size, .generation = counter});
}

static struct cache *open_cache(void)
{
    return open_sized(8 * MIB);
}

static void turn(struct cache *c)
{
    now += 100;
    cache_tick(c, now);
}

static struct bytes key_of(unsigned i)
{
    static char text[4][24];
    char *out = text[i % 4];
    return bytes_of(out, (size_t)snprintf(out, sizeof text[0], "name-%u", i));
}

/* The value that belongs to key i and to no other. */
static struct bytes value_of(unsigned i)
{
    static uint8_t out[VALUE_LEN];
    for (size_t at = 0; at < sizeof out; at++)
        out[at] = (uint8_t)((i + 1) * 31 + at * (i | 1));
    memcpy(out, &i, sizeof i);
    return bytes_of(out, sizeof out);
}

static void put(struct cache *c, unsigned i)
{
    cache_put(c, key_of(i), value_of(i));
}

/* Whether i is there; what is there must be right. */
static bool has(struct cache *c, unsigned i)
{
    struct bytes value;
    bool found = cache_get(c, key_of(i), &value);
    if (found)
        assert_true(bytes_equal(value, value_of(i)));
    cache_end(c);
    return found;
}

static uint64_t number(struct cache *c)
{
    struct cache_usage usage;
    cache_usage(c, &usage);
    return usage.number;
}

static uint64_t counted(enum metric m)
{
    return metric_page->value[m];
}

static void writes_in_batches_and_finds(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    uint64_t writes = counted(METRIC_CACHE_WRITES);
    assert_false(has(c, 1));
    put(c, 1);
    put(c, 2);
    assert_false(has(c, 1));
    cache_tick(c, now);
    put(c, 3);
    cache_tick(c, now + 40);
    assert_true(has(c, 1) && has(c, 2) && !has(c, 3));
    cache_tick(c, now + 100);
    assert_true(has(c, 3));
    assert_int_equal(counted(METRIC_CACHE_WRITES) - writes, 3);
    struct cache_usage usage;
    cache_usage(c, &usage);
    assert_true(usage.used > 0 && usage.used < usage.size);
    assert_int_equal(usage.size, 8 * MIB);
    cache_close(&c, true);
    assert_null(c);
}

static int write_and_die(int out, void *arg)
{
    (void)out;
    (void)arg;
    struct cache *c = open_cache();
    put(c, 1);
    turn(c);
    kill(getpid(), SIGKILL);
    return 0;
}

static void outlives_stops_and_kills(void **state)
{
    (void)state;
    assert_true(WIFSIGNALED(child_run(write_and_die, NULL)));
    struct cache *c = open_cache();
    assert_true(has(c, 1));
    put(c, 2);
    cache_close(&c, true);
    c = open_cache();
    assert_true(has(c, 1) && has(c, 2));
    put(c, 3);
    cache_close(&c, false);
    c = open_cache();
    assert_true(has(c, 2) && !has(c, 3));
    cache_close(&c, true);
}

static int put_seven(int out, void *arg)
{
    (void)out;
    (void)arg;
    struct cache *c = open_cache();
    put(c, 7);
    turn(c);
    bool found = has(c, 7) && has(c, 1);
    cache_close(&c, true);
    return found ? 0 : 1;
}

static void processes_share_it(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    put(c, 1);
    turn(c);
    assert_int_equal(child_run(put_seven, NULL), 0);
    assert_true(has(c, 7));
    cache_close(&c, true);
}

static void rotates_within_its_size(void **state)
{
    (void)state;
    struct cache *c = open_sized(MIB);
    unsigned i = 0;
    for (; number(c) < 6 && i < 20000; i++) {
        put(c, i);
        if (i % 20 == 0)
            turn(c);
        if (i % 100 == 0)
            assert_true(scratch_disk() <= MIB);
    }
    turn(c);
    assert_true(number(c) >= 6);
    assert_int_equal(*counter, number(c)); /* one for the first, one for each rotation */
    assert_true(has(c, i - 1) && has(c, i - 100) && !has(c, 0));
    assert_true(scratch_disk() > MIB / 3);
    assert_true(!scratch_has("cache-4.mdb") && !scratch_has("cache-4.mdb-lock"));
    cache_close(&c, true);
    c = open_sized(MIB);
    assert_true(has(c, i - 1));
    cache_close(&c, true);
}

static void what_is_used_stays(void **state)
{
    (void)state;
    struct cache *c = open_sized(MIB);
    put(c, 0);
    for (unsigned i = 1; number(c) < 5 && i < 20000; i++) {
        put(c, i);
        assert_true(i < 20 || has(c, 0));
        if (i % 10 == 0)
            turn(c);
    }
    assert_true(number(c) >= 5);
    assert_true(has(c, 0));
    cache_close(&c, true);
}

static void a_copy_does_not_hide_a_newer_answer(void **state)
{
    (void)state;
    struct cache *c = open_sized(MIB);
    struct bytes value;
    cache_put(c, bytes_str("name"), bytes_str("old"));
    for (unsigned i = 0; number(c) < 2; i++) {
        put(c, i);
        turn(c);
    }
    cache_put(c, bytes_str("name"), bytes_str("new"));
    assert_true(cache_get(c, bytes_str("name"), &value));
    assert_true(bytes_equal(value, bytes_str("old")));
    turn(c);
    assert_true(cache_get(c, bytes_str("name"), &value));
    assert_true(bytes_equal(value, bytes_str("new")));
    cache_close(&c, true);
}

static int rotate_once(int out, void *arg)
{
    (void)out;
    (void)arg;
    struct cache *c = open_sized(MIB);
    uint64_t before = number(c);
    for (unsigned i = 100; number(c) == before; i++) {
        put(c, i);
        turn(c);
    }
    put(c, 50);
    turn(c);
    cache_close(&c, true);
    return 0;
}

static void follows_another_leader(void **state)
{
    (void)state;
    struct cache *c = open_sized(MIB);
    put(c, 1);
    turn(c);
    assert_int_equal(child_run(rotate_once, NULL), 0);
    turn(c);
    assert_int_equal(number(c), 2);
    assert_true(has(c, 1) && has(c, 50));
    /* Without the counter, too, if something is to be written. */
    assert_int_equal(child_run(rotate_once, NULL), 0);
    uint32_t real = *counter;
    *counter = 2;
    put(c, 2);
    turn(c);
    *counter = real;
    assert_int_equal(number(c), 3);
    assert_true(has(c, 2));
    cache_close(&c, true);
}

/* Writes i until it is there: another may hold the lock, or begin two generations in between. */
static bool write_surely(struct cache *c, unsigned i)
{
    for (int tries = 0; tries < 100000; tries++) {
        put(c, i);
        turn(c);
        if (has(c, i))
            return true;
        sched_yield();
    }
    return false;
}

static int write_much(int out, void *arg)
{
    unsigned base = *(unsigned *)arg;
    struct cache *c = open_sized(MIB);
    for (unsigned i = 0; i < 2000; i++) {
        put(c, base + i);
        if (i % 8 == 0)
            turn(c);
        /* Of our own and of the others', right if there. */
        has(c, base + i / 2);
        has(c, 100000 * (1 + i % 3) + i / 2);
        if (i % 100 == 0 && !write_surely(c, base + i))
            return 1;
        if (write(out, ".", 1) != 1)
            return 2;
    }
    cache_close(&c, true);
    return 0;
}

static void many_write_and_rotate_at_once(void **state)
{
    (void)state;
    pid_t pid[3];
    int fd[3];
    unsigned base[3] = {100000, 200000, 300000};
    for (int i = 0; i < 3; i++)
        pid[i] = child_start(write_much, &base[i], &fd[i]);
    char buf[100];
    for (int i = 0; i < 3; i++)
        while (read(fd[i], buf, sizeof buf) > 0)
            assert_true(scratch_disk() <= MIB);
    for (int i = 0; i < 3; i++)
        assert_int_equal(child_end(pid[i], fd[i]), 0);
    assert_true(*counter > 4);
}

static int write_until_killed(int out, void *arg)
{
    (void)arg;
    struct cache *c = open_sized(MIB);
    for (unsigned i = 0;; i++) {
        put(c, i % 500);
        turn(c);
        if (!has(c, i % 500) || write(out, ".", 1) != 1)
            return 1;
    }
}

static void survives_killed_writers(void **state)
{
    (void)state;
    struct cache *c = open_sized(MIB);
    for (int i = 0; i < 20; i++) {
        int fd;
        char byte;
        pid_t pid = child_start(write_until_killed, NULL, &fd);
        for (int n = 0; n < 30 + i * 17 % 40; n++)
            assert_int_equal(read(fd, &byte, 1), 1);
        kill(pid, SIGKILL);
        assert_true(WIFSIGNALED(child_end(pid, fd)));
        put(c, 1000 + (unsigned)i);
        turn(c);
        assert_true(has(c, 1000 + (unsigned)i));
        for (unsigned k = 0; k < 500; k++)
            has(c, k);
    }
    cache_close(&c, true);
}

static const char junk[5000] = "this is no cache";

static void a_bad_file_is_set_aside(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    put(c, 1);
    cache_close(&c, true);
    scratch_write("cache-2.mdb", junk, sizeof junk);
    scratch_write("cache-7.mdb", junk, sizeof junk);
    scratch_write("cache-1.mdb.not-ours", junk, 1);
    uint64_t errors = counted(METRIC_CACHE_ERRORS);
    c = open_cache();
    assert_int_equal(counted(METRIC_CACHE_ERRORS) - errors, 2);
    assert_true(scratch_has("cache.bad") && scratch_has("cache-1.mdb.not-ours"));
    assert_true(!scratch_has("cache-7.mdb") && !scratch_has("cache-2.mdb"));
    put(c, 2);
    turn(c);
    assert_true(has(c, 2));
    cache_close(&c, true);
}

static void a_torn_file_is_replaced(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    for (unsigned i = 0; i < 500; i++)
        put(c, i);
    cache_close(&c, true);
    assert_int_equal(truncate(scratch_path("cache-1.mdb"), 200000), 0);
    c = open_cache();
    assert_false(has(c, 1));
    put(c, 1);
    turn(c);
    assert_true(has(c, 1));
    cache_close(&c, true);
}

static void only_a_clean_stop_outlives_a_boot(void **state)
{
    (void)state;
    static const char other[] = "polynya-cache 1 used 00000000-0000-0000-0000-000000000000\n";
    static const char clean[] = "polynya-cache 1 clean\n", older[] = "polynya-cache 0 clean\n";
    struct {
        const char *state;
        bool kept;
    } cases[] = {{clean, true}, {other, false}, {older, false}, {"", false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct cache *c = open_cache();
        put(c, 1);
        cache_close(&c, true);
        scratch_write("cache.state", cases[i].state, strlen(cases[i].state));
        c = open_cache();
        assert_int_equal(has(c, 1), cases[i].kept);
        cache_close(&c, true);
    }
}

static bool marked_clean(void)
{
    struct cachedir d;
    bool used = true;
    assert_true(cachedir_open(scratch, &d));
    bool trusted = cachedir_trusted(&d, &used);
    cachedir_close(&d);
    assert_true(trusted);
    return !used;
}

static int use_and_wait(int out, void *arg)
{
    (void)arg;
    struct cache *c = open_cache();
    if (write(out, "o", 1) != 1)
        return 1;
    pause();
    cache_close(&c, true);
    return 0;
}

static void the_last_one_out_marks_it_clean(void **state)
{
    (void)state;
    int fd;
    char byte;
    struct cache *c = open_cache();
    assert_false(marked_clean());
    pid_t pid = child_start(use_and_wait, NULL, &fd);
    assert_int_equal(read(fd, &byte, 1), 1);
    cache_close(&c, true);
    assert_false(marked_clean());
    kill(pid, SIGKILL);
    child_end(pid, fd);
    c = open_cache();
    cache_close(&c, false);
    assert_false(marked_clean());
    c = open_cache();
    cache_close(&c, true);
    assert_true(marked_clean());
    c = open_cache();
    assert_false(marked_clean());
    cache_close(&c, true);
}

static int hold_the_lock(int out, void *arg)
{
    (void)arg;
    struct cachedir d;
    if (!cachedir_open(scratch, &d) || !cachedir_lock(&d) || write(out, "l", 1) != 1)
        return 1;
    raise(SIGSTOP);
    return 0;
}

static void a_stopped_writer_stops_nobody(void **state)
{
    (void)state;
    int fd;
    char byte;
    struct cache *c = open_cache();
    put(c, 0);
    turn(c);
    pid_t pid = child_start(hold_the_lock, NULL, &fd);
    assert_int_equal(read(fd, &byte, 1), 1);
    uint64_t dropped = counted(METRIC_CACHE_DROPPED);
    for (unsigned i = 1; i < 2000; i++) {
        put(c, i);
        turn(c);
    }
    assert_true(counted(METRIC_CACHE_DROPPED) > dropped);
    assert_true(has(c, 0) && !has(c, 1));
    kill(pid, SIGKILL);
    child_end(pid, fd);
    turn(c);
    assert_true(has(c, 1));
    cache_close(&c, true);
}

static void limit_files(rlim_t bytes)
{
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = bytes;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static int meet_a_full_disk(int out, void *arg)
{
    (void)out;
    (void)arg;
    signal(SIGXFSZ, SIG_IGN);
    metric_use_page(calloc(1, sizeof(struct metric_page)));
    struct cache *c = open_cache();
    put(c, 1);
    turn(c);
    limit_files(64 << 10);
    for (unsigned i = 2; i < 200; i++)
        put(c, i);
    turn(c);
    if (counted(METRIC_CACHE_ERRORS) != 1 || counted(METRIC_CACHE_DROPPED) != 198 || !has(c, 1) || has(c, 2))
        return 1;
    limit_files(RLIM_INFINITY);
    put(c, 2);
    turn(c);
    if (has(c, 2)) /* not before the ten seconds are over */
        return 2;
    now += 10000;
    cache_tick(c, now);
    return has(c, 1) && has(c, 2) ? 0 : 3;
}

static void a_full_disk_is_waited_out(void **state)
{
    (void)state;
    assert_int_equal(child_run(meet_a_full_disk, NULL), 0);
}

static void without_a_directory_it_misses(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof path, "%s", scratch_path("dir"));
    scratch_write("dir", "a file", 6);
    struct cache *c = cache_open(&(struct cache_options){.dir = path, .size = MIB, .generation = counter});
    assert_non_null(c);
    put(c, 1);
    assert_false(has(c, 1));
    cache_tick(c, now);
    unlink(path);
    now += 10000;
    cache_tick(c, now);
    put(c, 1);
    turn(c);
    assert_true(has(c, 1));
    cache_close(&c, true);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0700);
    char command[160];
    snprintf(command, sizeof command, "rm -r %s", path);
    assert_int_equal(system(command), 0);
}

static void discarding_empties_it_for_all(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    put(c, 1);
    turn(c);
    cache_discard(scratch);
    shm_bump(counter);
    turn(c);
    assert_false(has(c, 1));
    put(c, 2);
    turn(c);
    assert_true(has(c, 2));
    cache_close(&c, true);
    c = open_cache();
    assert_true(has(c, 2));
    cache_close(&c, true);
}

static void a_smaller_size_is_kept_at_once(void **state)
{
    (void)state;
    struct cache *c = open_cache();
    for (unsigned i = 0; i < 1800; i++) {
        put(c, i);
        if (i % 500 == 0)
            turn(c);
    }
    cache_close(&c, true);
    assert_true(scratch_disk() > MIB);
    c = open_sized(MIB);
    assert_true(scratch_disk() <= MIB);
    put(c, 1);
    turn(c);
    assert_true(has(c, 1));
    cache_close(&c, true);
}

static void refuses_what_cannot_be_stored(void **state)
{
    (void)state;
    static uint8_t large[5 * MIB];
    struct cache *c = open_sized(64 * MIB);
    struct bytes value;
    uint64_t dropped = counted(METRIC_CACHE_DROPPED);
    cache_put(c, bytes_of(large, 512), bytes_str("v"));
    cache_put(c, BYTES_NONE, bytes_str("v"));
    cache_put(c, bytes_str("large"), bytes_of(large, sizeof large));
    assert_int_equal(counted(METRIC_CACHE_DROPPED) - dropped, 3);
    assert_false(cache_get(c, bytes_of(large, 512), &value));
    turn(c);
    put(c, 1);
    turn(c);
    assert_true(has(c, 1));
    cache_close(&c, true);
}

#define WITH_DIR(test) cmocka_unit_test_setup_teardown(test, make, unmake)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(writes_in_batches_and_finds),
        WITH_DIR(outlives_stops_and_kills),
        WITH_DIR(processes_share_it),
        WITH_DIR(rotates_within_its_size),
        WITH_DIR(what_is_used_stays),
        WITH_DIR(a_copy_does_not_hide_a_newer_answer),
        WITH_DIR(follows_another_leader),
        WITH_DIR(many_write_and_rotate_at_once),
        WITH_DIR(survives_killed_writers),
        WITH_DIR(a_bad_file_is_set_aside),
        WITH_DIR(a_torn_file_is_replaced),
        WITH_DIR(only_a_clean_stop_outlives_a_boot),
        WITH_DIR(the_last_one_out_marks_it_clean),
        WITH_DIR(a_stopped_writer_stops_nobody),
        WITH_DIR(a_full_disk_is_waited_out),
        WITH_DIR(without_a_directory_it_misses),
        WITH_DIR(discarding_empties_it_for_all),
        WITH_DIR(a_smaller_size_is_kept_at_once),
        WITH_DIR(refuses_what_cannot_be_stored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
