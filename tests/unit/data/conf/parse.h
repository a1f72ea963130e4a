/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Configs parsed from text for the tests of data/conf, and what is said of bad ones. */
#ifndef POLYNYA_TEST_CONF_PARSE_H
#define POLYNYA_TEST_CONF_PARSE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/conf/conf.h"

/* Enough for every other setting to be tried on its own; three lines. */
#define BASE                                                                                                 \
    "state-dir: /var/lib/polynya\n"                                                                          \
    "listen: [{address: 127.0.0.1:8053, protocol: http}]\n"                                                  \
    "upstream: {servers: [{address: 192.0.2.53}]}\n"
#define PIN "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
/* The same without servers, for files with an upstream section of their own; two lines. */
#define SHORT                                                                                                \
    "state-dir: /var/lib/polynya\n"                                                                          \
    "listen: [{address: 127.0.0.1:8053, protocol: http}]\n"
#define LIST_OF(fields) BASE "steering: {lists: [{" fields "}]}\n"

static char error[512];

static inline struct conf *parse(const char *yaml)
{
    error[0] = 0;
    return conf_parse("/etc/p.yaml", bytes_str(yaml), error, sizeof error);
}

static inline struct conf *must_parse(const char *yaml)
{
    struct conf *c = parse(yaml);
    if (!c)
        fail_msg("%s", error);
    return c;
}

static inline void refused(const char *yaml, const char *message)
{
    struct conf *c = parse(yaml);
    assert_null(c);
    assert_string_equal(error, message);
}

struct bad {
    const char *yaml, *message;
};

/* Each is refused with its message, for line `line`. */
static inline void refused_all(const struct bad *all, size_t n, int line)
{
    for (size_t i = 0; i < n; i++) {
        char want[512];
        snprintf(want, sizeof want, "/etc/p.yaml:%d: %s", line, all[i].message);
        refused(all[i].yaml, want);
    }
}

static inline void assert_address(const union sock_addr *a, const char *text)
{
    char is[SOCK_ADDR_TEXT_MAX];
    sock_addr_format(a, is);
    assert_string_equal(is, text);
}

/* A file that the test unlinks. */
static inline void write_temp(char path[64], const char *text)
{
    strcpy(path, "/tmp/polynya-conf-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

#endif
