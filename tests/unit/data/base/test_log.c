/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A log line is one line whatever is put into it, and quoting keeps its bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <unistd.h>

#include "data/base/log.h"

/* What log_event writes to stderr. */
static void capture(char *out, size_t cap, const char *value)
{
    int pipe_fd[2], saved = dup(STDERR_FILENO);
    assert_int_equal(pipe(pipe_fd), 0);
    dup2(pipe_fd[1], STDERR_FILENO);
    log_setup("worker/0", LOG_LEVEL_INFO);
    log_warn("thing.happened", "value=%s", value);
    log_debug("thing.unseen", "value=%s", value);
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(pipe_fd[1]);
    ssize_t n = read(pipe_fd[0], out, cap - 1);
    close(pipe_fd[0]);
    assert_true(n > 0);
    out[n] = 0;
}

static void one_event_is_one_line(void **state)
{
    (void)state;
    char line[4096], value[3000];
    capture(line, sizeof line, "a\nlevel=error event=forged");
    assert_string_equal(strstr(line, "level="),
                        "level=warn role=worker/0 event=thing.happened value=a?level=error event=forged\n");
    memset(value, 'x', sizeof value);
    value[sizeof value - 1] = 0;
    capture(line, sizeof line, value);
    assert_in_range(strlen(line), 500, 1100);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
}

static void quotes_within_bounds(void **state)
{
    (void)state;
    char out[64];
    assert_string_equal(log_quote(BYTES_LIT("a\"b\\c\n\xff"), out, sizeof out), "\"a\\\"b\\\\c\\x0a\\xff\"");
    for (size_t cap = 3; cap < 12; cap++) {
        memset(out, 'Z', sizeof out);
        log_quote(BYTES_LIT("\1\2\3\4\5"), out, cap);
        size_t len = strlen(out);
        assert_true(len < cap);
        assert_int_equal(out[len - 1], '"');
        assert_int_equal(out[cap], 'Z');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_is_one_line),
        cmocka_unit_test(quotes_within_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
