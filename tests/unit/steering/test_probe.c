/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A probe's question and the verdict on its answer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "steering/probe.h"

static struct fetch_result answer(unsigned status, const char *body)
{
    return (struct fetch_result){.end = FETCH_OK, .status = status, .body = bytes_str(body)};
}

static void test_success_and_redirection_prove(void **state)
{
    (void)state;
    static const unsigned good[] = {200, 204, 301, 399}, bad[] = {0, 100, 199, 400, 404, 500, 503};
    for (unsigned i = 0; i < sizeof good / sizeof *good; i++) {
        struct fetch_result r = answer(good[i], "");
        assert_int_equal(probe_judge(&r, BYTES_NONE), PROBE_NONE);
    }
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fetch_result r = answer(bad[i], "");
        assert_int_equal(probe_judge(&r, BYTES_NONE), PROBE_STATUS);
    }
}

static void test_the_marker_must_stand_in_the_body(void **state)
{
    (void)state;
    struct fetch_result r = answer(200, "<html>our marker</html>");
    assert_int_equal(probe_judge(&r, BYTES_LIT("marker")), PROBE_NONE);
    assert_int_equal(probe_judge(&r, BYTES_LIT("Marker")), PROBE_BODY);
    r.body.len = 8;
    assert_int_equal(probe_judge(&r, BYTES_LIT("marker")), PROBE_BODY);
    r.body = BYTES_NONE;
    assert_int_equal(probe_judge(&r, BYTES_LIT("marker")), PROBE_BODY);
    r = answer(404, "marker");
    assert_int_equal(probe_judge(&r, BYTES_LIT("marker")), PROBE_STATUS);
}

static void test_a_request_that_failed_gives_its_own_name(void **state)
{
    (void)state;
    struct fetch_result r = answer(200, "marker");
    for (unsigned end = FETCH_OK + 1; end < FETCH_ENDS; end++) {
        r.end = (enum fetch_end)end;
        assert_int_equal(probe_judge(&r, BYTES_LIT("marker")), end);
        assert_string_equal(probe_failure_name(end), fetch_end_name((enum fetch_end)end));
        assert_int_not_equal(probe_class_of(end), PROBE_CLASS_OK);
    }
    assert_string_equal(probe_failure_name(FETCH_SSL_NAME), "ssl_invalid_hostname");
    assert_int_equal(probe_class_of(FETCH_SSL_NAME), PROBE_CLASS_TLS);
    assert_int_equal(probe_class_of(FETCH_REFUSED), PROBE_CLASS_CONNECT);
    assert_int_equal(probe_class_of(FETCH_TIMEOUT), PROBE_CLASS_TIMEOUT);
    assert_int_equal(probe_class_of(PROBE_BODY), PROBE_CLASS_HTTP);
    assert_int_equal(probe_class_of(PROBE_NONE), PROBE_CLASS_OK);
}

static void test_every_failure_has_a_name(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PROBE_FAILURES; i++)
        for (unsigned k = 0; k < i; k++)
            assert_string_not_equal(probe_failure_name(i), probe_failure_name(k));
    assert_string_equal(probe_failure_name(PROBE_BODY), "http_body_mismatch");
    assert_string_equal(probe_failure_name(255), "unknown_failure");
    assert_non_null(probe_failure_text(255));
    assert_non_null(probe_failure_text(PROBE_STATUS));
}

/* A site with one mirror of two addresses, laid out as in a snapshot. */
struct laid_out {
    struct view_site site;
    struct view_mirror mirror;
    struct ip address[2];
    char path[2100];
    char contains[8];
};

static struct laid_out *lay_out(const char *path, const char *contains)
{
    struct laid_out *l = calloc(1, sizeof *l);
    assert_non_null(l);
    l->site.path_at = offsetof(struct laid_out, path) - offsetof(struct laid_out, site);
    l->site.path_len = (uint16_t)strlen(path);
    l->site.contains_at = offsetof(struct laid_out, contains) - offsetof(struct laid_out, site);
    l->site.contains_len = (uint16_t)strlen(contains);
    l->mirror.address_at = offsetof(struct laid_out, address) - offsetof(struct laid_out, mirror);
    l->mirror.port = 443;
    l->address[0] = (struct ip){4, {192, 0, 2, 1}};
    l->address[1] = (struct ip){16, {0x20, 1}};
    snprintf(l->path, sizeof l->path, "%s", path);
    memcpy(l->contains, contains, strlen(contains));
    return l;
}

static void test_asks_for_the_outlets_name_at_that_address(void **state)
{
    (void)state;
    char url[PROBE_URL_MAX];
    struct fetch_request q;
    struct dns_name name;
    struct laid_out *l = lay_out("/probe?x=%20", "");
    assert_true(name_from_text(BYTES_LIT("www.outlet.example"), &name));
    assert_true(probe_request(&l->site, &l->mirror, 1, &name, 1234, url, &q));
    assert_string_equal(q.url, "https://www.outlet.example/probe?x=%20");
    assert_ptr_equal(q.address, &l->address[1]);
    assert_int_equal(q.timeout, 1234);
    assert_int_equal(q.certificate_life, 72 * 3600);
    assert_true(q.truncate);
    assert_int_equal(q.body_max, 1);
    l->mirror.port = 8443;
    l->site.contains_len = 3;
    assert_true(probe_request(&l->site, &l->mirror, 0, &name, 1234, url, &q));
    assert_string_equal(q.url, "https://www.outlet.example:8443/probe?x=%20");
    assert_int_equal(q.body_max, PROBE_BODY_MAX);
    free(l);
}

static void test_refuses_what_would_be_another_url(void **state)
{
    (void)state;
    char url[PROBE_URL_MAX], path[2050];
    struct fetch_request q;
    struct dns_name name;
    memset(path, '/', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    struct laid_out *l = lay_out(path, "");
    assert_true(name_from_text(BYTES_LIT("outlet.example"), &name));
    assert_false(probe_request(&l->site, &l->mirror, 0, &name, 1, url, &q));
    free(l);
    l = lay_out("/", "");
    assert_true(name_from_text(BYTES_LIT("outlet\\047.example"), &name));
    assert_false(probe_request(&l->site, &l->mirror, 0, &name, 1, url, &q));
    free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_success_and_redirection_prove),
        cmocka_unit_test(test_the_marker_must_stand_in_the_body),
        cmocka_unit_test(test_a_request_that_failed_gives_its_own_name),
        cmocka_unit_test(test_every_failure_has_a_name),
        cmocka_unit_test(test_asks_for_the_outlets_name_at_that_address),
        cmocka_unit_test(test_refuses_what_would_be_another_url),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
