/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replaced certificates and databases are reported once, after a quiet second; files beside them are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "resolver/watch.h"

static char dir[] = "/tmp/polynya-watch-XXXXXX";
static char chain[64], key[64], other[64], geoip[80];
static char geo[64];
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
    snprintf(geoip, sizeof geoip, "%s/geo/x.mmdb", dir);
    snprintf(geo, sizeof geo, "%s/geo", dir);
    if (mkdir(geo, 0700) != 0)
        return -1;
    conf.geoip = geoip;
    put(chain, "1");
    put(key, "1");
    conf.tls.certificates = &certificate;
    conf.tls.count = 1;
    watch_init(&watch);
    watch_files(&watch, &conf, watch_look(&conf), 1000);
    return watch.fd < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    watch_fini(&watch);
    unlink(chain);
    unlink(key);
    unlink(other);
    unlink(geoip);
    rmdir(geo);
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
    struct watch_marks loaded = watch_look(&conf);
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
    assert_int_equal(watch_changed(&watch, &conf, 21000), WATCH_CERTIFICATES);
}

static void a_neighbour_does_not(void **state)
{
    (void)state;
    put(other, "x");
    wait_event(30000);
    assert_false(watch_changed(&watch, &conf, 31000));
}

static void a_database_counts_by_itself(void **state)
{
    (void)state;
    put(geoip, "x");
    wait_event(40000);
    assert_int_equal(watch_changed(&watch, &conf, 41000), WATCH_GEOIP);
    unlink(geoip);
    put(key, "renewed late");
    wait_event(50000);
    assert_int_equal(watch_changed(&watch, &conf, 51000), WATCH_GEOIP | WATCH_CERTIFICATES);
}

/* A database that is gone is worth a word as soon as one that is broken. */
static void a_file_that_goes_counts(void **state)
{
    (void)state;
    put(geoip, "x");
    wait_event(52000);
    assert_int_equal(watch_changed(&watch, &conf, 53000), WATCH_GEOIP);
    assert_int_equal(unlink(geoip), 0);
    wait_event(54000);
    assert_int_equal(watch_changed(&watch, &conf, 55000), WATCH_GEOIP);
    assert_int_equal(rename(key, other), 0);
    wait_event(56000);
    assert_int_equal(watch_changed(&watch, &conf, 57000), WATCH_CERTIFICATES);
}

/* At the first start the prober has yet to make its folder, and takes its time to learn the keys. */
static void anchors_count_in_a_folder_that_comes_later(void **state)
{
    (void)state;
    char folder[80], anchors[100];
    struct conf validating = {.state_dir = dir, .dnssec = {.mode = CONF_VALIDATE, .follow = true}};
    snprintf(folder, sizeof folder, "%s/prober", dir);
    snprintf(anchors, sizeof anchors, "%s/trust-anchors", folder);
    watch_files(&watch, &validating, watch_look(&validating), 60000);
    assert_false(watch_changed(&watch, &validating, 61000));
    assert_int_equal(mkdir(folder, 0700), 0);
    assert_false(watch_changed(&watch, &validating, 62000));
    put(anchors, "x");
    wait_event(63000);
    assert_int_equal(watch_changed(&watch, &validating, 64000), WATCH_ANCHORS);
    unlink(anchors);
    assert_int_equal(rmdir(folder), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quiet_is_no_change),
        cmocka_unit_test(a_change_before_watching_counts),
        cmocka_unit_test(a_new_file_counts_after_a_second),
        cmocka_unit_test(a_rename_counts),
        cmocka_unit_test(a_neighbour_does_not),
        cmocka_unit_test(a_database_counts_by_itself),
        cmocka_unit_test(a_file_that_goes_counts),
        cmocka_unit_test(anchors_count_in_a_folder_that_comes_later),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
