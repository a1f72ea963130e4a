/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of what is known of every address: see ledger.h. */
#include "steering/ledger.h"

#include <stdlib.h>
#include <string.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"

/* Seconds from one storing to the next: at least, at most, and at most where only counters have changed. */
#define STORE_MIN      0.5
#define STORE_MAX      60.
#define STORE_COUNTERS 10.

static int64_t now_seconds(void)
{
    return clock_wall_ms() / 1000;
}

/* Storing */

static void store_in(struct ledger *l, ev_tstamp after)
{
    ev_timer_stop(l->loop, &l->due);
    ev_timer_set(&l->due, after > 0. ? after : 0., 0.);
    ev_timer_start(l->loop, &l->due);
}

/* A walk over all: as often as the table is stored, not as often as an address changes. */
static void count_states(const struct ledger *l)
{
    uint64_t count[HEALTH_DOWN + 1] = {0}, forced = 0;
    for (uint32_t i = 0; i < l->addresses->count; i++) {
        count[l->addresses->record[i].state]++;
        forced += l->addresses->record[i].forced != HEALTH_NOT_FORCED;
    }
    metric_set(METRIC_ADDRESSES_UP, count[HEALTH_UP]);
    metric_set(METRIC_ADDRESSES_DOWN, count[HEALTH_DOWN]);
    metric_set(METRIC_ADDRESSES_UNKNOWN, count[HEALTH_UNKNOWN]);
    metric_set(METRIC_ADDRESSES_FORCED, forced);
}

void ledger_store_now(struct ledger *l)
{
    if (!l->addresses || !l->store)
        return;
    count_states(l);
    l->addresses->head->stored = now_seconds();
    l->stored_at = ev_now(l->loop);
    l->dirty = !l->store(l->store_self, addresses_seal(l->addresses));
    store_in(l, l->dirty ? STORE_MIN : STORE_MAX);
}

void ledger_flush(struct ledger *l)
{
    if (l->dirty)
        ledger_store_now(l);
}

void ledger_mind_clock(struct ledger *l)
{
    if (l->addresses && !health_is_fresh(l->addresses->head->stored, now_seconds()))
        ledger_store_now(l);
}

static void on_due(struct ev_loop *loop, ev_timer *w, int events)
{
    (void)loop, (void)events;
    ledger_store_now(w->data);
}

/* Stored so many seconds after the last time, or earlier if that was due already. */
static void mark_dirty(struct ledger *l, double after)
{
    double wait = l->stored_at + after - ev_now(l->loop);
    l->dirty = true;
    if (!ev_is_active(&l->due) || ev_timer_remaining(l->loop, &l->due) > wait)
        store_in(l, wait);
}

/* Counters say for how long a state will hold, in intervals: what a reader is told may be late by part of
 * one. Among many thousands of addresses some counter changes all the time. */
static double counters_wait(const struct ledger *l)
{
    double wait = (double)l->conf->steering.probe.interval / 1000 / 10;
    return wait < STORE_MIN ? STORE_MIN : wait < STORE_COUNTERS ? wait : STORE_COUNTERS;
}

void ledger_init(struct ledger *l, struct ev_loop *loop, const struct conf *conf)
{
    *l = (struct ledger){.loop = loop, .conf = conf};
    ev_init(&l->due, on_due);
    l->due.data = l;
}

void ledger_fini(struct ledger *l)
{
    if (l->loop)
        ev_timer_stop(l->loop, &l->due);
    ledger_dropped(l);
    addresses_free(&l->addresses);
    override_free(&l->overrides);
}

/* What results change */

/* First results come in crowds, and say nothing new. */
static void tell_change(const struct ledger *l, uint32_t i, enum health_state before)
{
    const struct probed_address *e = &l->addresses->entry[i];
    const struct health_record *r = &l->addresses->record[i];
    char domain[DNS_NAME_TEXT_MAX], address[IP_TEXT_MAX];
    name_to_text(&e->site->domain, domain);
    ip_format(&view_mirror_addresses(e->mirror)[e->address], address);
    if (before == HEALTH_UNKNOWN)
        log_debug("mirror.first", "site=%s mirror=%s address=%s failure=%s", domain, e->mirror->id, address,
                  probe_failure_name(r->failure));
    else if (r->state == HEALTH_UP)
        log_info("mirror.up", "site=%s mirror=%s address=%s", domain, e->mirror->id, address);
    else
        log_info("mirror.down", "site=%s mirror=%s address=%s failure=%s", domain, e->mirror->id, address,
                 probe_failure_name(r->failure));
}

void ledger_count(struct ledger *l, uint32_t i, bool success, enum probe_failure failure)
{
    struct health_record *r = &l->addresses->record[i], before = *r;
    if (!success)
        r->failure = (uint8_t)failure;
    bool changed = health_count(r, success, now_seconds());
    if (changed)
        tell_change(l, i, before.state);
    before.checked = r->checked;
    if (memcmp(&before, r, sizeof before) != 0)
        mark_dirty(l, changed ? STORE_MIN : counters_wait(l));
}

void ledger_saw(struct ledger *l, uint32_t i, int64_t certificate_ends, enum health_alpn alpn)
{
    struct health_record *r = &l->addresses->record[i];
    if (certificate_ends)
        r->certificate_ends = certificate_ends;
    if (!alpn || alpn == r->alpn)
        return;
    r->alpn = (uint8_t)alpn;
    mark_dirty(l, STORE_MIN);
}

void ledger_set_uplink(struct ledger *l, enum health_uplink state)
{
    l->addresses->head->uplink = (uint8_t)state;
    mark_dirty(l, STORE_MIN);
}

void ledger_override(struct ledger *l, struct overrides *o)
{
    override_free(&l->overrides);
    l->overrides = o;
    if (!l->addresses || override_apply(o, l->addresses->view, l->addresses->record) == 0)
        return;
    mark_dirty(l, STORE_MIN);
}

/* From snapshot to snapshot */

void ledger_restore(struct ledger *l, struct view *view, struct health *health, int64_t now)
{
    l->addresses = addresses_new(view);
    if (!l->addresses)
        view_free(&view);
    else if (health)
        addresses_resume(l->addresses, health, now);
    health_free(&health);
}

static struct addresses *addresses_of(struct bytes snapshot)
{
    uint8_t *block = malloc(snapshot.len + 1);
    if (block)
        memcpy(block, snapshot.data, snapshot.len);
    struct view *view = block ? view_open(block, snapshot.len) : NULL;
    struct addresses *r = view ? addresses_new(view) : NULL;
    if (!view)
        free(block);
    else if (!r)
        view_free(&view);
    return r;
}

static bool inherit(struct ledger *l)
{
    if (!l->addresses)
        return true;
    l->next_from = calloc((size_t)l->next->count + 1, sizeof *l->next_from);
    if (!l->next_from || !addresses_match(l->next, l->addresses, l->next_from))
        return false;
    addresses_inherit(l->next, l->addresses, l->next_from);
    return true;
}

struct bytes ledger_prepare(struct ledger *l, struct bytes snapshot, int64_t now)
{
    l->next = addresses_of(snapshot);
    if (!l->next || !inherit(l)) {
        ledger_dropped(l);
        return (struct bytes){0};
    }
    l->next->head->published = !l->conf->steering.probe.mode;
    if (l->next->head->published)
        l->next->head->uplink = HEALTH_UPLINK_UNKNOWN;
    l->next->head->interval = (uint32_t)((l->conf->steering.probe.interval + 999) / 1000);
    l->next->head->stored = now;
    override_apply(l->overrides, l->next->view, l->next->record);
    return addresses_seal(l->next);
}

void ledger_stored(struct ledger *l, struct addresses **before, uint32_t **from)
{
    *before = l->addresses;
    *from = l->next_from;
    l->addresses = l->next;
    l->next = NULL;
    l->next_from = NULL;
    l->dirty = false;
    l->stored_at = ev_now(l->loop);
    count_states(l);
    store_in(l, STORE_MAX);
}

void ledger_dropped(struct ledger *l)
{
    addresses_free(&l->next);
    free(l->next_from);
    l->next_from = NULL;
}
