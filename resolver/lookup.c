/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A lookup's attempts looked over: see lookup.h. */
#include "resolver/lookup.h"

#include "data/base/clock.h"

struct attempt *lookup_latest(struct upstream_lookup *l)
{
    return &l->attempt[l->used - 1];
}

bool lookup_any_open(const struct upstream_lookup *l, bool late)
{
    for (unsigned i = 0; i < l->used; i++)
        if (l->attempt[i].state != ATTEMPT_OVER && (late || !l->attempt[i].late))
            return true;
    return false;
}

int64_t lookup_next_late(const struct upstream_lookup *l)
{
    int64_t at = INT64_MAX;
    for (unsigned i = 0; i < l->used; i++) {
        const struct attempt *a = &l->attempt[i];
        if (a->state != ATTEMPT_OVER && !a->late && a->due < at)
            at = a->due;
    }
    return at;
}

uint64_t lookup_bit(const struct upstream_lookup *l, const struct server *s)
{
    return UINT64_C(1) << (s - l->exchange->servers);
}

/* One for each server of the group, in its order. */
static void list_candidates(const struct upstream_lookup *l, struct candidate list[SERVERS_MAX])
{
    uint64_t heard = l->hearing ? l->hearing->heard : 0;
    server_group_list(l->group, clock_mono_ms(), list);
    for (unsigned i = 0; i < l->group->count; i++) {
        const struct server *s = l->group->server[i];
        if (heard && (list[i].held || heard & lookup_bit(l, s)))
            list[i].asked = SELECT_EXCLUDED;
        for (unsigned j = 0; j < l->used; j++) {
            const struct attempt *a = &l->attempt[j];
            if (a->server == s && list[i].asked != SELECT_EXCLUDED)
                list[i].asked = a->excluded ? SELECT_EXCLUDED : list[i].asked + 1;
        }
    }
}

struct server *lookup_choose(const struct upstream_lookup *l)
{
    struct candidate list[SERVERS_MAX];
    if (l->only)
        return l->only;
    list_candidates(l, list);
    int i = select_best(list, l->group->count);
    return i < 0 ? NULL : l->group->server[i];
}

bool lookup_has_another(const struct upstream_lookup *l)
{
    struct candidate list[SERVERS_MAX];
    if (l->only || l->used >= l->tries)
        return false;
    list_candidates(l, list);
    for (unsigned i = 0; i < l->group->count; i++)
        if (list[i].asked == 0 && (!list[i].held || l->all_held))
            return true;
    return false;
}

bool lookup_escalates(const struct upstream_lookup *l, const struct server *s)
{
    unsigned n = 0;
    for (unsigned i = 0; i < l->used; i++)
        n += l->attempt[i].server == s;
    return !s->encrypted && n % EXCHANGE_TCP_EVERY == EXCHANGE_TCP_EVERY - 1;
}

int64_t lookup_patience(const struct upstream_lookup *l)
{
    unsigned round = l->only ? 0 : (l->used - 1) / l->group->count;
    return l->exchange->try_timeout << (round < 8 ? round : 8);
}

enum reason lookup_reason(const struct upstream_lookup *l)
{
    unsigned sights = 0;
    for (unsigned i = 0; i < l->used; i++)
        sights |= l->attempt[i].sights;
    if (sights & SAW_FAILED)
        return REASON_UPSTREAM_SERVFAIL;
    if (sights & SAW_REFUSED)
        return REASON_UPSTREAM_REFUSED;
    if (sights & SAW_GARBLED)
        return REASON_UPSTREAM_BOGUS;
    return sights & SAW_TIMEOUT && !l->all_held ? REASON_UPSTREAM_TIMEOUT : REASON_UPSTREAM_DEAD;
}
