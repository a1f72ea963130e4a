/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Counting probes' results and opening the table of them: see health.h. Everything in a table is checked when
 * it is opened, so that readers check nothing. */
#include "steering/health.h"

#include <stdlib.h>
#include <string.h>

#include "data/base/hash.h"

_Static_assert(sizeof(struct health_head) == 40 && sizeof(struct health_record) == 32, "no padding");

/* Beyond any time, and far enough from INT64_MAX to count on from there. */
#define TIME_MAX (INT64_MAX / 2)

struct health {
    uint8_t *block;
    struct health_head head;
};

static const struct hash_key seal_key = {0x706f6c796e79612d, 0x6865616c7468};

static bool change(struct health_record *r, enum health_state state, int64_t now)
{
    r->state = (uint8_t)state;
    r->since = now;
    r->successes = r->failures = 0;
    if (state == HEALTH_UP)
        r->failure = 0;
    return true;
}

static bool count_success(struct health_record *r, int64_t now)
{
    switch ((enum health_state)r->state) {
    case HEALTH_UP:
        /* Without a failure to clear there is nothing to count. */
        if (r->failures && ++r->successes >= HEALTH_CLEAR_AFTER)
            r->failures = r->successes = 0;
        return false;
    case HEALTH_DOWN:
        return ++r->successes >= HEALTH_UP_AFTER && change(r, HEALTH_UP, now);
    case HEALTH_UNKNOWN:
        break;
    }
    return change(r, HEALTH_UP, now);
}

static bool count_failure(struct health_record *r, int64_t now)
{
    r->successes = 0;
    switch ((enum health_state)r->state) {
    case HEALTH_UP:
        return ++r->failures >= HEALTH_DOWN_AFTER && change(r, HEALTH_DOWN, now);
    case HEALTH_DOWN:
        return false;
    case HEALTH_UNKNOWN:
        break;
    }
    return change(r, HEALTH_DOWN, now);
}

bool health_count(struct health_record *r, bool success, int64_t now)
{
    bool changed = success ? count_success(r, now) : count_failure(r, now);
    r->checked = now;
    r->last_good = r->state;
    r->proved |= success;
    return changed;
}

bool health_is_fresh(int64_t stored, int64_t now)
{
    return stored < now + HEALTH_KEEP && now < stored + HEALTH_KEEP;
}

void health_resume(struct health_record *r, int64_t stored, int64_t now)
{
    if (health_is_fresh(stored, now))
        return;
    if (r->state != HEALTH_UNKNOWN)
        r->last_good = r->state;
    r->state = HEALTH_UNKNOWN;
    r->successes = r->failures = 0;
    r->since = now;
}

unsigned health_until_change(const struct health_record *r)
{
    switch ((enum health_state)r->state) {
    case HEALTH_UP:
        return HEALTH_DOWN_AFTER - r->failures;
    case HEALTH_DOWN:
        return HEALTH_UP_AFTER - r->successes;
    case HEALTH_UNKNOWN:
        break;
    }
    return 1;
}

static uint64_t checksum(const uint8_t *block, size_t len)
{
    return hash_siphash(&seal_key, block + sizeof(uint64_t), len - sizeof(uint64_t));
}

static bool is_record(const struct health_record *r)
{
    return r->state <= HEALTH_DOWN && r->last_good <= HEALTH_DOWN && r->forced <= HEALTH_FORCED_DOWN &&
           r->proved <= 1 && r->failures < HEALTH_DOWN_AFTER &&
           r->successes < (r->state == HEALTH_DOWN ? HEALTH_UP_AFTER : HEALTH_CLEAR_AFTER);
}

static bool is_head(const struct health_head *head, size_t len)
{
    return head->format == HEALTH_FORMAT && head->uplink <= HEALTH_UPLINK_DEAD && head->stored >= 0 &&
           head->stored < TIME_MAX &&
           len - sizeof *head == (uint64_t)head->count * sizeof(struct health_record);
}

struct health *health_open(uint8_t *block, size_t len)
{
    struct health_head head;
    if (len < sizeof head)
        return NULL;
    memcpy(&head, block, sizeof head);
    if (!is_head(&head, len) || head.checksum != checksum(block, len))
        return NULL;
    const struct health_record *r = (const void *)(block + sizeof head);
    for (uint32_t i = 0; i < head.count; i++)
        if (!is_record(&r[i]))
            return NULL;
    struct health *h = malloc(sizeof *h);
    if (h)
        *h = (struct health){block, head};
    return h;
}

void health_free(struct health **h)
{
    if (!*h)
        return;
    free((*h)->block);
    free(*h);
    *h = NULL;
}

const struct health_head *health_head(const struct health *h)
{
    return &h->head;
}

const struct health_record *health_at(const struct health *h, uint32_t i)
{
    const struct health_record *r = (const void *)(h->block + sizeof h->head);
    return i < h->head.count ? &r[i] : NULL;
}

void health_seal(uint8_t *block)
{
    struct health_head head;
    memcpy(&head, block, sizeof head);
    head.format = HEALTH_FORMAT;
    memcpy(block, &head, sizeof head);
    head.checksum = checksum(block, sizeof head + (size_t)head.count * sizeof(struct health_record));
    memcpy(block, &head.checksum, sizeof head.checksum);
}

bool health_usable(const struct health_record *r, bool last_good)
{
    if (r->forced != HEALTH_NOT_FORCED)
        return r->forced == HEALTH_FORCED_UP;
    return (last_good ? r->last_good : r->state) == HEALTH_UP;
}

uint32_t health_ttl(const struct health_head *head, const struct health_record *r)
{
    if (head->published || r->forced != HEALTH_NOT_FORCED)
        return UINT32_MAX;
    uint64_t ttl = (uint64_t)head->interval * health_until_change(r);
    return ttl < UINT32_MAX ? (uint32_t)ttl : UINT32_MAX;
}
