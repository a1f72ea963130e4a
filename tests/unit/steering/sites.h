/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One site under one list, compiled from its registration's text, and a table of health beside it. */
#ifndef POLYNYA_TESTS_SITES_H
#define POLYNYA_TESTS_SITES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/list/delegations.h"
#include "data/list/list.h"
#include "data/list/registration.h"
#include "steering/steer.h"
#include "table.h"

enum { NOW = 1795500000, LIST_EXPIRES = NOW + 3600, SITE_EXPIRES = 1798000000 };

static const uint8_t secret[32] = "a day's secret";

/* One site under one list, as the test wants it. */
struct site {
    const char *mirrors; /* JSON */
    const char *policy;  /* JSON */
    struct blocked blocked[3];
    unsigned blocked_count;
    struct list_region m1[2]; /* health of m1 */
    unsigned m1_count;
    struct list_region m2[2];
    unsigned m2_count;
};

#define TWO                                                                                                  \
    "[{\"id\":\"m1\",\"addresses\":[\"198.51.100.1\",\"2001:db8::1\",\"198.51.100.9\"],"                     \
    "\"alpn\":[\"h2\",\"http/1.1\"]},"                                                                       \
    "{\"id\":\"m2\",\"addresses\":[\"198.51.100.2\"],\"alpn\":[\"h2\"]}]"
#define ECH "\"ech\":\"AEX+DQBBAAAgACAAAA==\""

static inline struct view *build(const struct site *s)
{
    char text[4096];
    struct arena arena;
    struct registration r;
    struct refusal why = {0};
    struct delegation d = {.domain = "news.example", .blocked = (struct blocked *)s->blocked};
    struct list_mirror_health mirrors[] = {{"m1", (struct list_region *)s->m1, s->m1_count},
                                           {"m2", (struct list_region *)s->m2, s->m2_count}};
    struct list_site_health health = {.domain = "news.example", .mirrors = mirrors, .mirror_count = 2};
    struct list_doc list = {
        .version = 7, .issued = NOW - 60, .expires = LIST_EXPIRES, .health = &health, .health_count = 1};
    snprintf(
        text, sizeof text,
        "{\"type\":\"polynya-registration/1\",\"domain\":\"news.example\",\"seq\":1,"
        "\"issued\":\"2026-11-23T20:00:00Z\",\"expires\":\"2026-12-23T04:26:40Z\",\"names\":[\"@\",\"www\"],"
        "\"mirrors\":%s,\"policy\":%s}",
        s->mirrors ? s->mirrors : TWO, s->policy ? s->policy : "{}");
    arena_init(&arena, 1 << 20);
    if (!registration_parse(bytes_str(text), &arena, &r, &why))
        fail_msg("%s: %s", why.where, refusal_text(why.why));
    assert_int_equal(r.expires, SITE_EXPIRES);
    d.name = r.name;
    d.blocked_count = s->blocked_count;
    struct view_source_site site = {&r, &d};
    struct view_source source = {.name = "demo", .list = &list, .sites = &site, .site_count = 1};
    struct hash_key key = {1, 2};
    size_t len = 0;
    uint8_t *block = view_compile(&source, 1, &key, &len);
    assert_non_null(block);
    struct view *v = view_open(block, len);
    assert_non_null(v);
    arena_fini(&arena);
    return v;
}

static inline struct dns_name name_of(const char *text)
{
    struct dns_name name;
    assert_true(name_from_text(bytes_str(text), &name));
    return name;
}

static inline struct steer_client client_at(const char *ip, const char *country)
{
    struct steer_client c = {0};
    if (ip)
        assert_true(ip_parse(bytes_str(ip), &c.ip));
    snprintf(c.country, sizeof c.country, "%s", country);
    return c;
}

/* A table for v, of NOW unless head says otherwise: see table.h. */
static inline struct health *health_of(const struct view *v, struct health_head head,
                                       const struct health_record *r, uint32_t count)
{
    head.stored = head.stored ? head.stored : NOW;
    return table_of(v, head, r, count);
}

#endif
