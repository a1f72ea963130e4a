/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which ancestors of a name are known not to exist. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "resolver/denied.h"

enum { NOW = 1800000000 };

static struct denied *table;

static int setup(void **state)
{
    (void)state;
    table = malloc(sizeof *table);
    denied_init(table);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    free(table);
    return 0;
}

static struct answer_key key_of(const char *name, uint16_t type, bool dnssec_ok)
{
    struct dns_query q = {.type = type, .class = DNS_CLASS_IN, .edns = {.dnssec_ok = dnssec_ok}};
    struct answer_key key;
    assert_true(name_from_text(bytes_str(name), &q.name));
    answer_key(&q, &key);
    return key;
}

static void note(const char *name, uint16_t type, bool dnssec_ok, uint32_t until)
{
    struct answer_key key = key_of(name, type, dnssec_ok);
    denied_note(table, &key, NOW + until);
}

/* Names of the denials above name, nearest first: "a.example/1 example/28 ". */
static const char *above(const char *name, uint32_t at)
{
    static char text[4096];
    struct answer_key key = key_of(name, DNS_TXT, false), found;
    struct writer w = writer_of(text, sizeof text - 1);
    unsigned depth = 0;
    while (denied_above(table, &key, NOW + at, &depth, &found)) {
        struct dns_name n = {.len = (uint8_t)(found.len - ANSWER_KEY_REST)};
        char as_text[DNS_NAME_TEXT_MAX];
        memcpy(n.wire, found.data, n.len);
        name_to_text(&n, as_text);
        writer_printf(&w, "%s/%u ", as_text, get_u16(found.data + n.len));
    }
    text[w.len] = 0;
    return text;
}

static void names_below(void **state)
{
    (void)state;
    assert_string_equal(above("x.a.example", 0), "");
    note("a.example", DNS_A, false, 60);
    assert_string_equal(above("x.a.example", 0), "a.example/1 ");
    assert_string_equal(above("z.y.x.a.example", 59), "a.example/1 ");
    assert_string_equal(above("x.a.example", 60), "");
    assert_string_equal(above("a.example", 0), "");
    assert_string_equal(above("b.example", 0), "");
    assert_string_equal(above("xa.example", 0), "");
    assert_string_equal(above("example", 0), "");
    assert_string_equal(above(".", 0), "");
}

static void nearest_first(void **state)
{
    (void)state;
    note("example", DNS_AAAA, false, 60);
    note("b.a.example", DNS_A, false, 60);
    assert_string_equal(above("c.b.a.example", 0), "b.a.example/1 example/28 ");
    /* A later one in its place. */
    note("b.a.example", DNS_HTTPS, false, 90);
    assert_string_equal(above("c.b.a.example", 70), "b.a.example/65 ");
}

static void askers_of_one_kind(void **state)
{
    (void)state;
    note("a.example", DNS_A, true, 60);
    assert_string_equal(above("x.a.example", 0), "");
}

static void no_deeper_than_said(void **state)
{
    (void)state;
    char name[128] = "";
    for (unsigned i = 0; i < DENIED_DEPTH - 1; i++)
        strcat(name, "x.");
    strcat(name, "y.a.example");
    note("a.example", DNS_A, false, 60);
    assert_string_equal(above(name, 0), "a.example/1 ");
    memmove(name + 2, name, strlen(name) + 1);
    memcpy(name, "x.", 2);
    assert_string_equal(above(name, 0), "");
}

static void full_of_names(void **state)
{
    (void)state;
    char name[32];
    unsigned found = 0;
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        note(name, DNS_A, false, 60 + i / 1000);
    }
    for (unsigned i = 99000; i < 100000; i++) {
        snprintf(name, sizeof name, "x.n%u.example", i);
        found += above(name, 0)[0] != 0;
    }
    assert_true(found > 950);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {T(names_below), T(nearest_first), T(askers_of_one_kind),
                                       T(no_deeper_than_said), T(full_of_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
