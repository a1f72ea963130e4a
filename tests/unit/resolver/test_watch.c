/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replaced certificate files are reported once, after a quiet second; files beside them are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "resolver/watch.h"

static char dir[] = "/tmp/polynya-watch-XXXXXX";
static char chain[64], key[64], other[64];
static struct conf_certificate certificate = {chain, key};
static struct conf conf;
static struct watch watch;

static void put(const char *path, const char *text)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(chain, sizeof chain, "%s/chain.pem", dir);
    snprintf(key, sizeof key, "%s/key.pem", dir);
    snprintf(other, sizeof other, "%s/other", dir);
    put(chain, "1");
    put(key, "1");
    conf.tls.certificates = &certificate;
    conf.tls.count = 1;
    watch_init(&watch);
    watch_files(&watch, &conf, watch_fingerprint(&conf), 1000);
    return watch.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    watch_fini(&watch);
    unlink(chain);
    unlink(key);
    unlink(other);
    return rmdir(dir);
}

static void wait_event(int64_t now)
{
    struct pollfd p = {.fd = watch.fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 10000), 1);
    watch_read(&watch, now);
}

static void quiet_is_no_change(void **state)
{
    (void)state;
    assert_false(watch_changed(&watch, &conf, 5000));
}

/* Certificates are loaded some time before they are watched. */
static void a_change_before_watching_counts(void **state)
{
    (void)state;
    uint64_t loaded = watch_fingerprint(&conf);
    put(key, "renewed early");
    watch_files(&watch, &conf, loaded, 5000);
    assert_false(watch_changed(&watch, &conf, 5500));
    assert_true(watch_changed(&watch, &conf, 6000));
}

static void a_new_file_counts_after_a_second(void **state)
{
    (void)state;
    put(chain, "another");
    wait_event(10000);
    assert_false(watch_changed(&watch, &conf, 10500));
    assert_true(watch_changed(&watch, &conf, 11000));
    assert_false(watch_changed(&watch, &conf, 13000));
}

static void a_rename_counts(void **state)
{
    (void)state;
    put(other, "renewed");
    assert_int_equal(rename(other, key), 0);
    wait_event(20000);
    assert_true(watch_changed(&watch, &conf, 21000));
}

static void a_neighbour_does_not(void **state)
{
    (void)state;
    put(other, "x");
    wait_event(30000);
    assert_false(watch_changed(&watch, &conf, 31000));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_is_no_change),
        cmocka_unit_test(a_change_before_watching_counts),
        cmocka_unit_test(a_new_file_counts_after_a_second),
        cmocka_unit_test(a_rename_counts),
        cmocka_unit_test(a_neighbour_does_not),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
