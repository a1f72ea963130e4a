/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What our own probes prove of every mirror's addresses, and the table in which workers read it. Pure.
 *
 * The counters are gdnsd's: an address that is down comes up after HEALTH_UP_AFTER successes in a row; one
 * that is up goes down after HEALTH_DOWN_AFTER failures, however far apart, unless HEALTH_CLEAR_AFTER
 * successes in a row clear them; the first result is the state. A failure counts only while the uplink is
 * known to work: that is for the prober to see to, see uplink.h.
 *
 * The table is one run of bytes, parallel to the addresses of one snapshot (view_mirror.address_first), and
 * carries that snapshot's checksum: it is never read with another one. It is host-endian, checksummed, and
 * never leaves the machine. Times are Unix seconds. */
#ifndef POLYNYA_STEERING_HEALTH_H
#define POLYNYA_STEERING_HEALTH_H

#include "data/base/bytes.h"

enum { HEALTH_UP_AFTER = 3, HEALTH_CLEAR_AFTER = 5, HEALTH_DOWN_AFTER = 3 };
enum { HEALTH_FORMAT = 1 };
/* Seconds: how long a stored table counts, after a restart as with a prober that hangs; and how often at
 * least the prober stores it anew, changed or not. */
enum { HEALTH_KEEP = 600, HEALTH_STORE_EVERY = 120 };

enum health_state { HEALTH_UNKNOWN, HEALTH_UP, HEALTH_DOWN };
/* What the operator's override file says (override.h); it stands before our own results and destroys none. */
enum health_force { HEALTH_NOT_FORCED, HEALTH_FORCED_UP, HEALTH_FORCED_DOWN };
enum health_alpn { HEALTH_ALPN_H2 = 1, HEALTH_ALPN_HTTP11 = 2 };

/* One address of one mirror. */
struct health_record {
    int64_t checked;          /* when the last result that counted came; 0: never */
    int64_t since;            /* when state became what it is */
    int64_t certificate_ends; /* of the last handshake; 0: unknown */
    uint8_t state;            /* enum health_state */
    uint8_t successes;        /* gdnsd's counters */
    uint8_t failures;
    uint8_t failure;   /* enum probe_failure of the last failure, see probe.def; 0: none since it came up */
    uint8_t alpn;      /* enum health_alpn, as negotiated by the last success */
    uint8_t last_good; /* state when the uplink last worked, or before a restart: enum health_state */
    uint8_t forced;    /* enum health_force */
    uint8_t proved;    /* 1: a probe has succeeded here at some time; without that it is never answered */
};

/* Counts one result, known to tell of the mirror and not of our own uplink. True if state changed. */
bool health_count(struct health_record *r, bool success, int64_t now);
/* What a record stored at that time is worth after a restart: all of it while that is fresh; later its state
 * is unknown again and only last_good remembers it. */
void health_resume(struct health_record *r, int64_t stored, int64_t now);
/* Does what was stored then still count? Not if the clock has been moved by more than HEALTH_KEEP either. */
bool health_is_fresh(int64_t stored, int64_t now);
/* Probes that must still fail (up) or succeed (down) in a row before state changes; 1 while unknown. */
unsigned health_until_change(const struct health_record *r);

enum health_uplink { HEALTH_UPLINK_UNKNOWN, HEALTH_UPLINK_WORKS, HEALTH_UPLINK_DEAD };

struct health_head {
    uint64_t checksum; /* SipHash of what follows it, under a fixed key: against damage, not forgers */
    uint32_t format;
    uint32_t count;
    uint64_t view;     /* checksum of the snapshot it is parallel to */
    int64_t stored;    /* when it was written: no state counts from stored + HEALTH_KEEP on */
    uint32_t interval; /* seconds between two probes of an address */
    uint8_t uplink;    /* enum health_uplink: what the canaries say */
    uint8_t published; /* not 0: nothing is probed here (steering.probe.mode: off), the lists' word decides */
    uint8_t spare[2];
};

struct health;

/* Takes block (malloced) on success. NULL if it is cut, foreign or damaged. */
struct health *health_open(uint8_t *block, size_t len);
void health_free(struct health **h);
const struct health_head *health_head(const struct health *h);
/* Record i, i < head.count; NULL beyond. */
const struct health_record *health_at(const struct health *h, uint32_t i);
/* Fills in format and checksum of a block of sizeof (struct health_head) + count records. */
void health_seal(uint8_t *block);

/* May readers be sent there now? last_good false: up by our own probes, or forced up. last_good true: what
 * was good before the uplink failed; for when nothing else is usable and the uplink is dead. */
bool health_usable(const struct health_record *r, bool last_good);
/* Seconds in which the answer cannot become wrong by one address' counters: interval × probes still needed;
 * UINT32_MAX where no counter decides. */
uint32_t health_ttl(const struct health_head *head, const struct health_record *r);

#endif
