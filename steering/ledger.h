/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The health table in force: what is counted of every address, when it is stored, and how it goes over from
 * one snapshot to the next.
 *
 * A change that readers should see is stored at once, but at most twice a second; one of mere counters
 * waits for others, a tenth of the probes' interval, at most 10 seconds. The table is stored at least every
 * minute, so that its date shows the prober to be alive. */
#ifndef POLYNYA_STEERING_LEDGER_H
#define POLYNYA_STEERING_LEDGER_H

#include <ev.h>

#include "data/conf/conf.h"
#include "steering/override.h"
#include "steering/probe.h"
#include "steering/addresses.h"

/* Stores a sealed table beside the snapshot that is stored now; false, logged, if it cannot. */
typedef bool ledger_store(void *self, struct bytes table);

struct ledger {
    struct ev_loop *loop;
    const struct conf *conf;
    struct overrides *overrides;
    struct addresses *addresses; /* NULL: no snapshot is known yet */
    struct addresses *next;      /* prepared, but not stored yet */
    uint32_t *next_from;         /* where its entries stand in the ones before; NULL: there is none */
    bool dirty;
    ev_tstamp stored_at;
    ev_timer due;
    ledger_store *store; /* NULL: nobody stores */
    void *store_self;
};

/* loop and conf are borrowed. */
void ledger_init(struct ledger *l, struct ev_loop *loop, const struct conf *conf);
void ledger_fini(struct ledger *l);

/* One result of address i that counts, and for a failure which. */
void ledger_count(struct ledger *l, uint32_t i, bool success, enum probe_failure failure);
/* What a handshake there showed: certificate_ends Unix seconds, 0 for nothing; alpn only of a success. */
void ledger_saw(struct ledger *l, uint32_t i, int64_t certificate_ends, enum health_alpn alpn);
void ledger_set_uplink(struct ledger *l, enum health_uplink state);
/* Other rules than before; takes them. NULL: none. */
void ledger_override(struct ledger *l, struct overrides *o);
/* Stores it whether it has changed or not; or only what readers have not seen. */
void ledger_store_now(struct ledger *l);
void ledger_flush(struct ledger *l);
/* Stores it again if readers take it for too old, as they do when the clock was set. */
void ledger_mind_clock(struct ledger *l);

/* What was stored before a restart: takes both. health may be NULL. */
void ledger_restore(struct ledger *l, struct view *view, struct health *health, int64_t now);
/* The table for a snapshot (a block of view_compile) that is about to be stored with it. Empty without
 * memory. Borrowed until one of the two that follow. */
struct bytes ledger_prepare(struct ledger *l, struct bytes snapshot, int64_t now);
/* They were stored. The caller gets what the table was before, and from: both may be NULL, and are to be
 * freed.
 */
void ledger_stored(struct ledger *l, struct addresses **before, uint32_t **from);
/* They were not: all stays as it was. */
void ledger_dropped(struct ledger *l);

#endif
