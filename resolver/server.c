/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers judged and chosen: see server.h. */
#include "resolver/server.h"

enum { RTT_MAX = 10000 };

void server_init(struct server *s, const union sock_addr *address)
{
    *s = (struct server){.address = *address};
}

bool server_replied(struct server *s, uint32_t rtt_ms)
{
    bool was_on_hold = s->on_hold;
    if (rtt_ms == 0)
        rtt_ms = 1;
    if (rtt_ms > RTT_MAX)
        rtt_ms = RTT_MAX;
    /* After a streak the old figure holds penalties, not measurements. */
    if (s->rtt == 0 || s->streak > 0)
        s->rtt = rtt_ms;
    else
        s->rtt = (s->rtt * 7 + rtt_ms + 7) / 8;
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

bool server_timed_out(struct server *s, uint64_t name_hash, uint32_t floor, int64_t now)
{
    s->timeouts++;
    s->streak++;
    note_name(s, name_hash);
    s->rtt = s->rtt * 2 > floor ? s->rtt * 2 : floor;
    if (s->rtt > RTT_MAX)
        s->rtt = RTT_MAX;
    if (s->on_hold || s->streak < SERVER_HOLD_TIMEOUTS || s->name_count < SERVER_HOLD_NAMES)
        return false;
    s->on_hold = true;
    s->probe_step = SERVER_PROBE_MIN;
    s->probe_at = now + s->probe_step;
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

/* The servers that may be asked now, as indices. */
static unsigned candidates(const struct server *servers, unsigned count, const uint8_t *asked, bool held,
                           unsigned out[SERVERS_MAX])
{
    unsigned n = 0, least = SERVER_EXCLUDED;
    for (unsigned i = 0; i < count && i < SERVERS_MAX; i++) {
        if (asked[i] == SERVER_EXCLUDED || (servers[i].on_hold && !held) || asked[i] > least)
            continue;
        if (asked[i] < least) {
            least = asked[i];
            n = 0;
        }
        out[n++] = i;
    }
    return n;
}

int server_choose(const struct server *servers, unsigned count, const uint8_t *asked, uint32_t dice)
{
    unsigned list[SERVERS_MAX];
    unsigned n = candidates(servers, count, asked, false, list);
    if (n == 0)
        n = candidates(servers, count, asked, true, list);
    if (n == 0)
        return -1;
    /* Now and then a slower one, or its figure would never be corrected. */
    if (dice % SERVER_EXPLORE == 0)
        return (int)list[dice / SERVER_EXPLORE % n];
    unsigned best = list[0];
    for (unsigned i = 1; i < n; i++)
        if (servers[list[i]].rtt < servers[best].rtt)
            best = list[i];
    return (int)best;
}
