/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A whole signed list of very many sites, made in memory for what is measured here. */
#ifndef POLYNYA_BENCH_FULL_LIST_H
#define POLYNYA_BENCH_FULL_LIST_H

#include "tests/unit/steering/signing.h"

struct full_list {
    unsigned sites;
    const char *suffix;                                  /* site i is o<i>.suffix */
    const char *names;                                   /* JSON strings */
    const char *(*mirrors)(struct world *w, unsigned i); /* JSON objects */
    struct world world;
    char *registrations, *health;
    struct bytes root, delegations; /* files */
};

static inline const char *full_registration(struct full_list *f, unsigned i)
{
    struct world *w = &f->world;
    return arena_printf(&w->arena,
                        "{\"type\":\"polynya-registration/1\",\"domain\":\"o%u.%s\",\"seq\":7,"
                        "\"issued\":\"%s\",\"expires\":\"%s\",\"names\":[%s],\"mirrors\":[%s]}",
                        i, f->suffix, time_text(w, NOW - HOUR), time_text(w, NOW + 20 * DAY), f->names,
                        f->mirrors(w, i));
}

/* Blocked by address: mirrors are the answer. */
static inline const char *full_delegation(struct full_list *f, unsigned i, const struct minisign_secret *key)
{
    return arena_printf(&f->world.arena,
                        "{\"domain\":\"o%u.%s\",\"key\":\"%s\",\"blocked\":{\"RU\":[\"ip\"]}}", i, f->suffix,
                        public_text(&f->world, key));
}

static inline void full_append(char **to, const char *comma, struct bytes what)
{
    memcpy(*to, comma, strlen(comma));
    *to += strlen(comma);
    memcpy(*to, what.data, what.len);
    *to += what.len;
    **to = '\0';
}

/* Each site has a key of its own, as outlets have; the publisher has seen all mirrors up. */
static inline void full_list_make(struct full_list *f)
{
    struct world *w = &f->world;
    world_init(w);
    char *registration = f->registrations = arena_alloc(&w->arena, f->sites * 1100 + 1);
    char *health = f->health = arena_alloc(&w->arena, f->sites * 128 + 3);
    char *sites = arena_alloc(&w->arena, f->sites * 256 + 1), *delegation = sites;
    *health++ = '{';
    for (unsigned i = 0; i < f->sites; i++) {
        struct minisign_secret outlet;
        const char *comma = i ? "," : "";
        assert_true(minisign_generate(&outlet));
        full_append(&registration, comma, SEAL(w, full_registration(f, i), &outlet));
        full_append(&delegation, comma, bytes_str(full_delegation(f, i, &outlet)));
        full_append(&health, comma,
                    bytes_str(arena_printf(&w->arena,
                                           "\"o%u.%s\":{\"m1\":{\"*\":\"up\"},\"m2\":{\"*\":\"up\"},"
                                           "\"m3\":{\"*\":\"up\"}}",
                                           i, f->suffix)));
    }
    memcpy(health, "}", 2);
    f->root = SEAL(w, root_text(w, 1, NOW + 300 * DAY), &w->root[0], &w->root[1]);
    f->delegations = SEAL(w, delegations_text(w, 1, sites), &w->maintainer);
}

/* list.json of that version. */
static inline struct bytes full_list_file(struct full_list *f, unsigned version)
{
    struct world *w = &f->world;
    return SEAL(
        w,
        list_text_at(w, version, NOW - 60, NOW + 20 * HOUR, 1, f->delegations, f->registrations, f->health),
        &w->publisher);
}

#endif
