/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers judged: see server.h. */
#include "resolver/server.h"

void server_init(struct server *s, const union sock_addr *address)
{
    *s = (struct server){.address = *address};
}

enum transport server_transport(const struct server *s, int64_t now)
{
    return s->encrypted || now < s->tcp_until ? OVER_STREAM : OVER_UDP;
}

bool server_replied(struct server *s, enum transport via, int64_t rtt, bool cold, int64_t now)
{
    bool was_on_hold = s->on_hold;
    path_replied(&s->path[via], rtt, cold, now);
    s->streak = 0;
    s->name_count = 0;
    s->on_hold = false;
    return was_on_hold;
}

static void note_name(struct server *s, uint64_t name_hash)
{
    for (unsigned i = 0; i < s->name_count; i++)
        if (s->names[i] == name_hash)
            return;
    if (s->name_count < SERVER_HOLD_NAMES)
        s->names[s->name_count++] = name_hash;
}

static bool hold(struct server *s, int64_t now)
{
    if (s->on_hold)
        return false;
    s->on_hold = true;
    s->probe_step = SERVER_PROBE_MIN;
    s->probe_at = now + s->probe_step;
    return true;
}

bool server_timed_out(struct server *s, enum transport via, uint64_t name_hash, int64_t now)
{
    s->timeouts++;
    s->streak++;
    note_name(s, name_hash);
    path_lost(&s->path[via]);
    if (s->streak < SERVER_HOLD_TIMEOUTS || s->name_count < SERVER_HOLD_NAMES)
        return false;
    return hold(s, now);
}

bool server_broken(struct server *s, int64_t now)
{
    return hold(s, now);
}

bool server_may_complain(struct server *s, int fault, int64_t now)
{
    if (fault == s->complaint && now < s->complain_at)
        return false;
    s->complaint = fault;
    s->complain_at = now + SERVER_COMPLAINT;
    return true;
}

bool server_probe_due(struct server *s, int64_t now)
{
    if (!s->on_hold || now < s->probe_at)
        return false;
    s->probe_step = s->probe_step * 2 < SERVER_PROBE_MAX ? s->probe_step * 2 : SERVER_PROBE_MAX;
    s->probe_at = now + s->probe_step;
    return true;
}

bool server_group_held(const struct server_group *g)
{
    for (unsigned i = 0; i < g->count; i++)
        if (!g->server[i]->on_hold)
            return false;
    return true;
}

void server_group_list(const struct server_group *g, int64_t now, struct candidate list[SERVERS_MAX])
{
    for (unsigned i = 0; i < g->count; i++) {
        const struct server *s = g->server[i];
        list[i] = (struct candidate){&s->path[server_transport(s, now)], 0, s->on_hold};
    }
}
