/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The store: what it keeps, what it refuses, and that neither a bad file nor a killed writer ends anybody. */
#include "tests/unit/data/store/scratch.h"

#include <errno.h>
#include <sys/resource.h>

#include "data/store/check.h"
#include "data/store/store.h"

enum { MIB = 1 << 20, KEYS = 50 };

static const struct store_options plain = {.size = 8 * MIB};

static struct store *open_as(const struct store_options *options)
{
    struct store *s;
    assert_int_equal(store_open(scratch_path("s.mdb"), options, &s), STORE_OK);
    return s;
}

static struct bytes number_key(unsigned i)
{
    static char text[4][16];
    char *out = text[i % 4];
    return bytes_of(out, (size_t)snprintf(out, sizeof text[0], "k%06u", i));
}

static void put(struct store *s, struct bytes key, struct bytes value)
{
    struct store_txn *t;
    assert_int_equal(store_write(s, &t), STORE_OK);
    assert_int_equal(store_put(t, key, value), STORE_OK);
    assert_int_equal(store_commit(t), STORE_OK);
}

static void assert_value(struct store *s, struct bytes key, struct bytes want)
{
    struct store_txn *t;
    struct bytes value;
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_get(t, key, &value), STORE_OK);
    assert_true(bytes_equal(value, want));
    store_abort(t);
}

static void keeps_values_across_opens(void **state)
{
    (void)state;
    struct store *s = open_as(&(struct store_options){.size = MIB, .durable = true});
    put(s, bytes_str("a"), bytes_str("one"));
    put(s, bytes_str("empty"), BYTES_NONE);
    store_close(&s);
    assert_null(s);
    s = open_as(&(struct store_options){.size = MIB, .read_only = true});
    assert_value(s, bytes_str("a"), bytes_str("one"));
    assert_value(s, bytes_str("empty"), BYTES_NONE);
    struct store_txn *t;
    struct bytes value;
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_get(t, bytes_str("b"), &value), STORE_NOT_FOUND);
    store_abort(t);
    assert_int_not_equal(store_write(s, &t), STORE_OK);
    struct stat st;
    assert_int_equal(stat(scratch_path("s.mdb"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(st.st_ino, store_inode(s));
    store_close(&s);
}

static void read_only_needs_the_file(void **state)
{
    (void)state;
    struct store *s;
    const struct store_options options = {.size = MIB, .read_only = true};
    assert_int_equal(store_open(scratch_path("s.mdb"), &options, &s), STORE_NOT_FOUND);
    assert_null(s);
    scratch_write("s.mdb", "", 0);
    assert_int_equal(store_open(scratch_path("s.mdb"), &options, &s), STORE_NOT_FOUND);
    assert_int_equal(store_open("/nonexistent/s.mdb", &plain, &s), STORE_FAILED);
    assert_string_equal(store_error(NULL), strerror(ENOENT));
}

static void one_transaction_of_a_kind(void **state)
{
    (void)state;
    struct store *s = open_as(&plain);
    struct store_txn *r, *w, *other;
    assert_int_equal(store_read(s, &r), STORE_OK);
    assert_int_equal(store_write(s, &w), STORE_OK);
    assert_int_equal(store_read(s, &other), STORE_BUSY);
    assert_int_equal(store_write(s, &other), STORE_BUSY);
    assert_int_equal(store_put(w, bytes_str("a"), bytes_str("1")), STORE_OK);
    assert_int_equal(store_commit(w), STORE_OK);
    /* A read sees what was there when it began. */
    struct bytes value;
    assert_int_equal(store_get(r, bytes_str("a"), &value), STORE_NOT_FOUND);
    assert_int_equal(store_commit(r), STORE_OK);
    assert_value(s, bytes_str("a"), bytes_str("1"));
    store_close(&s);
}

static void bounds_of_keys_and_values(void **state)
{
    (void)state;
    static uint8_t long_key[512], large[300000];
    memset(large, 7, sizeof large);
    struct store *s = open_as(&plain);
    struct store_txn *t;
    struct bytes value;
    assert_int_equal(store_write(s, &t), STORE_OK);
    assert_int_equal(store_put(t, bytes_of(long_key, 512), BYTES_NONE), STORE_FAILED);
    assert_int_equal(store_put(t, BYTES_NONE, BYTES_NONE), STORE_FAILED);
    assert_int_equal(store_get(t, BYTES_NONE, &value), STORE_FAILED);
    assert_int_equal(store_put(t, bytes_of(long_key, 511), bytes_of(large, sizeof large)), STORE_OK);
    assert_int_equal(store_commit(t), STORE_OK);
    assert_value(s, bytes_of(long_key, 511), bytes_of(large, sizeof large));
    store_close(&s);
}

static bool collect(void *self, struct bytes key, struct bytes value)
{
    char *out = self;
    (void)value;
    strncat(out, (const char *)key.data, key.len);
    strcat(out, " ");
    return strlen(out) < 12;
}

static void each_of_a_prefix_in_order(void **state)
{
    (void)state;
    struct store *s = open_as(&plain);
    for (const char *const *k = (const char *const[]){"b2", "a1", "c9", "b1", "b", NULL}; *k; k++)
        put(s, bytes_str(*k), bytes_str("v"));
    struct store_txn *t;
    char seen[64] = "", all[64] = "";
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_each(t, bytes_str("b"), collect, seen), STORE_OK);
    assert_string_equal(seen, "b b1 b2 ");
    assert_int_equal(store_each(t, BYTES_NONE, collect, all), STORE_OK);
    assert_string_equal(all, "a1 b b1 b2 c9 ");
    seen[0] = '\0';
    assert_int_equal(store_each(t, bytes_str("x"), collect, seen), STORE_OK);
    assert_string_equal(seen, "");
    store_abort(t);
    store_close(&s);
}

static void a_full_map_is_a_result(void **state)
{
    (void)state;
    static uint8_t value[10000];
    struct store *s = open_as(&(struct store_options){.size = 256 << 10});
    enum store_result result = STORE_OK;
    unsigned n = 0;
    for (; result == STORE_OK && n < 100; n++) {
        struct store_txn *t;
        assert_int_equal(store_write(s, &t), STORE_OK);
        result = store_put(t, number_key(n), bytes_of(value, sizeof value));
        if (result == STORE_OK)
            result = store_commit(t);
        else
            store_abort(t);
    }
    assert_int_equal(result, STORE_FULL);
    assert_true(store_used(s) <= 256 << 10);
    assert_value(s, number_key(0), bytes_of(value, sizeof value));
    store_close(&s);
}

static int write_to_a_full_disk(int out, void *arg)
{
    (void)out;
    static uint8_t value[100000];
    struct store *s = arg;
    struct store_txn *t;
    if (store_open(scratch_path("s.mdb"), &plain, &s) != STORE_OK)
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){64 << 10, 64 << 10});
    enum store_result result = store_write(s, &t);
    if (result == STORE_OK)
        result = store_put(t, bytes_str("large"), bytes_of(value, sizeof value));
    if (result != STORE_OK || store_commit(t) != STORE_DISK)
        return 2;
    return *store_error(s) && store_read(s, &t) == STORE_OK ? 0 : 3;
}

static void a_full_disk_is_a_result(void **state)
{
    (void)state;
    assert_int_equal(child_run(write_to_a_full_disk, NULL), 0);
}

/* Enough for branch pages, overflow pages and a list of free pages. */
static void fill(struct store *s)
{
    static uint8_t value[9000];
    memset(value, 'v', sizeof value);
    struct store_txn *t;
    for (unsigned round = 0; round < 3; round++) {
        assert_int_equal(store_write(s, &t), STORE_OK);
        for (unsigned i = 0; i < 600; i++)
            assert_int_equal(store_put(t, number_key(i), bytes_of(value, i % 50 ? 80 + i % 90 : 9000)),
                             STORE_OK);
        assert_int_equal(store_commit(t), STORE_OK);
    }
}

static size_t load(uint8_t **out)
{
    struct stat st;
    int fd = open(scratch_path("s.mdb"), O_RDONLY);
    assert_int_equal(fstat(fd, &st), 0);
    *out = malloc((size_t)st.st_size);
    assert_int_equal(read(fd, *out, (size_t)st.st_size), st.st_size);
    close(fd);
    return (size_t)st.st_size;
}

static void foreign_and_torn_files_are_refused(void **state)
{
    (void)state;
    struct store *s;
    uint8_t *good;
    static uint8_t text[20000];
    memset(text, 'x', sizeof text);
    for (size_t len = 1; len < sizeof text; len = len * 3) {
        scratch_write("s.mdb", text, len);
        assert_int_equal(store_open(scratch_path("s.mdb"), &plain, &s), STORE_CORRUPT);
    }
    unlink(scratch_path("s.mdb"));
    s = open_as(&plain);
    fill(s);
    store_close(&s);
    size_t len = load(&good);
    for (size_t cut = 4096; cut < len - 4096; cut += 5 * 4096) {
        scratch_write("s.mdb", good, cut);
        enum check_result result = check_file(scratch_path("s.mdb"), 65536);
        if (cut < len / 2)
            assert_int_equal(result, CHECK_CORRUPT);
    }
    good[16 + 4] = 2; /* the format's version in the first meta page */
    scratch_write("s.mdb", good, len);
    assert_int_equal(store_open(scratch_path("s.mdb"), &plain, &s), STORE_CORRUPT);
    assert_null(s);
    assert_non_null(store_error(NULL));
    free(good);
}

static bool touch(void *self, struct bytes key, struct bytes value)
{
    unsigned *sum = self;
    for (size_t i = 0; i < key.len; i++)
        *sum += key.data[i];
    for (size_t i = 0; i < value.len; i++)
        *sum += value.data[i];
    return true;
}

/* Reads everything and writes something, whatever the results. */
static int use_all(int out, void *arg)
{
    struct store *s;
    struct store_txn *t;
    struct bytes value;
    unsigned sum = 0;
    (void)arg;
    /* Nothing of LMDB's on stderr when it is given rubbish on purpose. */
    dup2(out, STDERR_FILENO);
    if (store_open(scratch_path("s.mdb"), &plain, &s) != STORE_OK)
        return 1;
    if (store_read(s, &t) == STORE_OK) {
        store_each(t, BYTES_NONE, touch, &sum);
        for (unsigned i = 0; i < 600; i++)
            if (store_get(t, number_key(i), &value) == STORE_OK)
                touch(&sum, BYTES_NONE, value);
        store_abort(t);
    }
    if (store_write(s, &t) == STORE_OK) {
        enum store_result result = STORE_OK;
        for (unsigned i = 0; i < 600 && result == STORE_OK; i += 7)
            result = store_put(t, number_key(i), bytes_str("changed"));
        if (result == STORE_OK)
            store_commit(t);
        else
            store_abort(t);
    }
    store_close(&s);
    return 0;
}

static void changed_bytes_kill_nobody(void **state)
{
    (void)state;
    struct store *s = open_as(&plain);
    uint8_t *good;
    unsigned refused = 0;
    fill(s);
    store_close(&s);
    size_t len = load(&good);
    uint8_t *bad = malloc(len);
    srandom(20261123);
    for (int run = 0; run < 100; run++) {
        memcpy(bad, good, len);
        /* Half of them where the structure is: in the first bytes of pages. */
        for (int i = 0; i < 40; i++)
            bad[run % 2 ? (size_t)random() % len
                        : (size_t)random() % (len / 4096) * 4096 + (size_t)random() % 64] = (uint8_t)random();
        scratch_write("s.mdb", bad, len);
        int status = child_run(use_all, NULL);
        if (!WIFEXITED(status))
            fail_msg("run %d died of signal %d", run, WTERMSIG(status));
        refused += WEXITSTATUS(status);
    }
    assert_true(refused > 20);
    free(bad);
    free(good);
}

/* Writes the same number under all keys, again and again; a byte for each commit. */
static int write_for_ever(int out, void *arg)
{
    struct store *s;
    (void)arg;
    if (store_open(scratch_path("s.mdb"), &plain, &s) != STORE_OK)
        return 1;
    for (unsigned n = 0;; n++) {
        struct store_txn *t;
        if (store_write(s, &t) != STORE_OK)
            return 2;
        for (unsigned i = 0; i < KEYS; i++)
            if (store_put(t, number_key(i), bytes_of(&n, sizeof n)) != STORE_OK)
                return 3;
        if (store_commit(t) != STORE_OK || write(out, "c", 1) != 1)
            return 4;
    }
}

static void assert_one_number(struct store *s)
{
    struct store_txn *t;
    struct bytes first, value;
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_get(t, number_key(0), &first), STORE_OK);
    for (unsigned i = 1; i < KEYS; i++) {
        assert_int_equal(store_get(t, number_key(i), &value), STORE_OK);
        assert_true(bytes_equal(value, first));
    }
    store_abort(t);
}

static void a_killed_writer_leaves_whole_commits(void **state)
{
    (void)state;
    struct store *s = open_as(&plain);
    for (int kill_no = 0; kill_no < 20; kill_no++) {
        int fd;
        char c;
        pid_t pid = child_start(write_for_ever, NULL, &fd);
        for (int i = 0; i < 1 + kill_no * 7 % 13; i++)
            assert_int_equal(read(fd, &c, 1), 1);
        kill(pid, SIGKILL);
        assert_true(WIFSIGNALED(child_end(pid, fd)));
        assert_one_number(s);
        put(s, bytes_str("mine"), bytes_of(&kill_no, sizeof kill_no));
        store_check_readers(s);
    }
    store_close(&s);
    assert_int_equal(check_file(scratch_path("s.mdb"), 65536), CHECK_OK);
}

/* Keys and values of all lengths, replaced by others; trees split, and the lists of free pages grow and
 * shrink. */
static void whatever_is_written_is_sane(void **state)
{
    (void)state;
    static uint8_t value[9000], key[511];
    struct store *s = open_as(&plain);
    uint64_t random = 1;
    for (unsigned commit = 0; commit < 300; commit++) {
        struct store_txn *t;
        assert_int_equal(store_write(s, &t), STORE_OK);
        for (unsigned i = 0; i < 1 + commit % 40; i++) {
            random = random * 6364136223846793005 + 1442695040888963407;
            size_t key_len = 2 + (random >> 33) % (random >> 63 ? 509 : 20);
            key[0] = (uint8_t)(random >> 40);
            key[1] = (uint8_t)(random >> 48 & 3);
            assert_int_equal(store_put(t, bytes_of(key, key_len),
                                       bytes_of(value, (random >> 20) % (i % 8 ? 300 : sizeof value))),
                             STORE_OK);
        }
        assert_int_equal(store_commit(t), STORE_OK);
        assert_int_equal(check_file(scratch_path("s.mdb"), 65536), CHECK_OK);
    }
    store_close(&s);
}

static void a_walk_beside_a_writer_finds_no_fault(void **state)
{
    (void)state;
    int fd;
    char c;
    pid_t pid = child_start(write_for_ever, NULL, &fd);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(read(fd, &c, 1), 1);
        assert_int_equal(check_file(scratch_path("s.mdb"), 65536), CHECK_OK);
    }
    kill(pid, SIGKILL);
    child_end(pid, fd);
}

static int outgrow(int out, void *arg)
{
    (void)out;
    (void)arg;
    static uint8_t value[2 * MIB];
    struct store *s;
    struct store_txn *t;
    if (store_open(scratch_path("s.mdb"), &plain, &s) != STORE_OK || store_write(s, &t) != STORE_OK ||
        store_put(t, bytes_str("large"), bytes_of(value, sizeof value)) != STORE_OK ||
        store_commit(t) != STORE_OK)
        return 1;
    store_close(&s);
    return 0;
}

static void follows_a_file_that_another_let_grow(void **state)
{
    (void)state;
    struct store *s = open_as(&(struct store_options){.size = MIB});
    put(s, bytes_str("a"), bytes_str("1"));
    assert_int_equal(child_run(outgrow, NULL), 0);
    assert_value(s, bytes_str("a"), bytes_str("1"));
    struct store_txn *t;
    struct bytes value;
    assert_int_equal(store_read(s, &t), STORE_OK);
    assert_int_equal(store_get(t, bytes_str("large"), &value), STORE_OK);
    assert_int_equal(value.len, 2 * MIB);
    store_abort(t);
    put(s, bytes_str("b"), bytes_str("2"));
    store_close(&s);
}

static void readers_of_the_dead_are_freed(void **state)
{
    (void)state;
    /* More processes than reader slots, each gone without a goodbye. */
    const struct store_options few = {.size = MIB, .readers = 4};
    struct store *s = open_as(&few);
    put(s, bytes_str("a"), bytes_str("1"));
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            struct store *mine;
            struct store_txn *t;
            _exit(store_open(scratch_path("s.mdb"), &few, &mine) != STORE_OK ||
                  store_read(mine, &t) != STORE_OK);
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    assert_value(s, bytes_str("a"), bytes_str("1"));
    store_close(&s);
}

#define IN_SCRATCH(test) cmocka_unit_test_setup_teardown(test, scratch_make, scratch_remove)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_SCRATCH(keeps_values_across_opens),
        IN_SCRATCH(read_only_needs_the_file),
        IN_SCRATCH(one_transaction_of_a_kind),
        IN_SCRATCH(bounds_of_keys_and_values),
        IN_SCRATCH(each_of_a_prefix_in_order),
        IN_SCRATCH(a_full_map_is_a_result),
        IN_SCRATCH(a_full_disk_is_a_result),
        IN_SCRATCH(foreign_and_torn_files_are_refused),
        IN_SCRATCH(changed_bytes_kill_nobody),
        IN_SCRATCH(a_killed_writer_leaves_whole_commits),
        IN_SCRATCH(whatever_is_written_is_sane),
        IN_SCRATCH(a_walk_beside_a_writer_finds_no_fault),
        IN_SCRATCH(follows_a_file_that_another_let_grow),
        IN_SCRATCH(readers_of_the_dead_are_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
