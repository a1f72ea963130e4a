/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is told of files: that they are others than before, and that others may read them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "data/base/file.h"

struct fixture {
    char dir[64], inner[80], file[96], other[96], link[96];
};

static void write_file(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    strcpy(f->dir, "/tmp/polynya-file-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    assert_int_equal(chmod(f->dir, 0755), 0);
    snprintf(f->inner, sizeof f->inner, "%s/inner", f->dir);
    snprintf(f->file, sizeof f->file, "%s/file", f->inner);
    snprintf(f->other, sizeof f->other, "%s/other", f->inner);
    snprintf(f->link, sizeof f->link, "%s/link", f->dir);
    assert_int_equal(mkdir(f->inner, 0755), 0);
    write_file(f->file, "one");
    assert_int_equal(chmod(f->file, 0600), 0);
    assert_int_equal(symlink("inner/file", f->link), 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    unlink(f->link);
    unlink(f->other);
    unlink(f->file);
    rmdir(f->inner);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void a_file_that_is_left_alone_keeps_its_mark(void **state)
{
    const struct fixture *f = *state;
    assert_int_equal(file_mark(f->file, 0), file_mark(f->file, 0));
    assert_int_equal(file_mark(f->file, 0), file_mark(f->link, 0));
    assert_true(file_mark(f->file, 0) != file_mark(f->file, 1));
    assert_int_equal(file_mark(f->other, 0), file_mark("/nowhere", 0));
}

/* A second file has another inode even where size and time are kept. */
static void a_replaced_file_has_another(void **state)
{
    const struct fixture *f = *state;
    struct stat st;
    uint64_t before = file_mark(f->link, 0);
    assert_int_equal(stat(f->file, &st), 0);
    write_file(f->other, "two");
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(utimensat(AT_FDCWD, f->other, times, 0), 0);
    assert_int_equal(rename(f->other, f->file), 0);
    assert_true(file_mark(f->link, 0) != before);
    unlink(f->file);
    assert_true(file_mark(f->link, 0) != before);
}

/* Written to where it stands, and its time set back: what `cp --preserve` does. */
static void a_kept_time_hides_nothing(void **state)
{
    const struct fixture *f = *state;
    struct stat st;
    uint64_t before = file_mark(f->file, 0);
    assert_int_equal(stat(f->file, &st), 0);
    struct timespec times[2] = {st.st_atim, st.st_mtim};
    struct timespec tick = {.tv_nsec = 20000000}; /* the file system's clock is coarse */
    nanosleep(&tick, NULL);
    write_file(f->file, "two");
    assert_int_equal(utimensat(AT_FDCWD, f->file, times, 0), 0);
    assert_true(file_mark(f->file, 0) != before);
}

static void others_need_the_mode_and_the_way(void **state)
{
    const struct fixture *f = *state;
    static const struct {
        mode_t file, folder;
        bool open;
    } cases[] = {{0600, 0755, false}, {0640, 0755, false}, {0644, 0755, true},  {0602, 0755, true},
                 {0644, 0711, true},  {0644, 0700, false}, {0644, 0750, false}, {0611, 0755, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(chmod(f->file, cases[i].file) + chmod(f->inner, cases[i].folder), 0);
        assert_int_equal(file_open_to_others(f->file), cases[i].open);
        assert_int_equal(file_open_to_others(f->link), cases[i].open);
        assert_int_equal(chmod(f->inner, 0755), 0);
    }
    assert_false(file_open_to_others(f->other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_file_that_is_left_alone_keeps_its_mark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_replaced_file_has_another, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_kept_time_hides_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(others_need_the_mode_and_the_way, set_up, tear_down),
    };
    return cmocka_run_group_tests_name("base file", tests, NULL, NULL);
}
