/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A small world of keys and signed documents, whole and sound unless a test says otherwise. */
#ifndef POLYNYA_TESTS_SIGNING_H
#define POLYNYA_TESTS_SIGNING_H

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/list/delegations.h"
#include "data/list/list.h"
#include "data/list/registration.h"
#include "data/list/root.h"
#include "data/base/text.h"

#ifndef NOW
#define NOW INT64_C(1795478917)
#endif
enum { HOUR = 3600, DAY = 86400 };

struct world {
    struct arena arena;
    struct minisign_secret root[3];
    struct minisign_secret maintainer, publisher, outlet;
};

static inline void world_init(struct world *w)
{
    arena_init(&w->arena, SIZE_MAX);
    for (int i = 0; i < 3; i++)
        assert_true(minisign_generate(&w->root[i]));
    assert_true(minisign_generate(&w->maintainer));
    assert_true(minisign_generate(&w->publisher));
    assert_true(minisign_generate(&w->outlet));
}

static inline void world_fini(struct world *w)
{
    arena_fini(&w->arena);
}

static inline const char *time_text(struct world *w, int64_t at)
{
    char *text = arena_alloc(&w->arena, TIME_TEXT_MAX);
    time_format(at, text);
    return text;
}

static inline const char *public_text(struct world *w, const struct minisign_secret *key)
{
    char *text = arena_alloc(&w->arena, MINISIGN_PUBLIC_TEXT + 1);
    minisign_public_format(&key->public, text);
    return text;
}

/* The envelope around a text, signed by the keys given (NULL-terminated). */
static inline struct bytes seal_by(struct world *w, struct bytes text,
                                   const struct minisign_secret *const *keys)
{
    struct envelope e = {.text = text};
    struct minisign_sign_options o = {.now = NOW};
    for (; *keys; keys++)
        assert_true(envelope_add(&e, minisign_sign(*keys, text, &o, &w->arena), NULL));
    struct bytes file = envelope_write(&e, &w->arena);
    assert_non_null(file.data);
    return file;
}

#define SEAL(w, text, ...)                                                                                   \
    seal_by(w, bytes_str(text), (const struct minisign_secret *const[]){__VA_ARGS__, NULL})

/* Root keys a, b, c with a threshold of two, one maintainer, one publisher. */
static inline const char *root_text(struct world *w, unsigned version, int64_t expires)
{
    return arena_printf(
        &w->arena,
        "{\"type\":\"polynya-root/1\",\"version\":%u,\"expires\":\"%s\",\"keys\":{\"a\":\"%s\","
        "\"b\":\"%s\",\"c\":\"%s\",\"m\":\"%s\",\"p\":\"%s\"},\"roles\":{\"root\":{\"keys\":[\"a\","
        "\"b\",\"c\"],\"threshold\":2},\"maintainers\":{\"keys\":[\"m\"],\"threshold\":1},"
        "\"publisher\":{\"keys\":[\"p\"],\"threshold\":1}}}",
        version, time_text(w, expires), public_text(w, &w->root[0]), public_text(w, &w->root[1]),
        public_text(w, &w->root[2]), public_text(w, &w->maintainer), public_text(w, &w->publisher));
}

/* fields: further members with a leading comma, or "". */
static inline const char *registration_text(struct world *w, const char *domain, unsigned seq,
                                            const char *names, const char *addresses, const char *fields)
{
    return arena_printf(
        &w->arena,
        "{\"type\":\"polynya-registration/1\",\"domain\":\"%s\",\"seq\":%u,\"issued\":\"%s\","
        "\"expires\":\"%s\",\"names\":[%s],\"mirrors\":[{\"id\":\"m1\",\"addresses\":[%s]}]%s}",
        domain, seq, time_text(w, NOW - HOUR), time_text(w, NOW + 20 * DAY), names, addresses, fields);
}

/* sites: JSON objects. */
static inline const char *delegations_text(struct world *w, unsigned version, const char *sites)
{
    return arena_printf(
        &w->arena,
        "{\"type\":\"polynya-delegations/1\",\"version\":%u,\"issued\":\"%s\",\"expires\":\"%s\","
        "\"sites\":[%s]}",
        version, time_text(w, NOW - DAY), time_text(w, NOW + 60 * DAY), sites);
}

static inline const char *site_text(struct world *w, const char *domain, const struct minisign_secret *key)
{
    return arena_printf(&w->arena,
                        "{\"domain\":\"%s\",\"key\":\"%s\",\"blocked\":{\"RU\":[\"dns\",\"sni\"]}}", domain,
                        public_text(w, key));
}

/* registrations: envelope objects, comma-separated; health: a JSON object. */
static inline const char *list_text_at(struct world *w, unsigned version, int64_t issued, int64_t expires,
                                       unsigned delegations_version, struct bytes delegations,
                                       const char *registrations, const char *health)
{
    uint8_t sha256[32];
    char hex[65];
    assert_true(list_sha256(delegations, sha256));
    hex_encode(bytes_of(sha256, 32), hex);
    return arena_printf(
        &w->arena,
        "{\"type\":\"polynya-list/1\",\"version\":%u,\"issued\":\"%s\",\"expires\":\"%s\","
        "\"delegations\":{\"version\":%u,\"sha256\":\"%s\"},\"registrations\":[%s],\"health\":%s}",
        version, time_text(w, issued), time_text(w, expires), delegations_version, hex, registrations,
        health);
}

static inline const char *list_text(struct world *w, unsigned version, struct bytes delegations,
                                    const char *registrations)
{
    return list_text_at(w, version, NOW - 60, NOW + 20 * HOUR, 1, delegations, registrations,
                        "{\"outlet.example\":{\"m1\":{\"*\":\"up\",\"RU\":\"down\"}}}");
}

static inline void put_file(const char *folder, const char *name, struct bytes text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

#endif
