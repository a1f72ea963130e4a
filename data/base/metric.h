/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics: one page of counters per process, in shared memory, each written by its process alone.
 *
 * Readers sum pages; nothing is locked and nothing is reset. A process that was given no page counts into a
 * private one, so counting code never asks. */
#ifndef POLYNYA_BASE_METRIC_H
#define POLYNYA_BASE_METRIC_H

#include "data/base/bytes.h"
#include "data/base/reason.h"

enum metric {
#define METRIC(id, kind, name, labels, help) METRIC_##id,
#include "data/base/metric.def"
#undef METRIC
    METRIC_COUNT
};

enum {
    METRIC_REFUSALS = 0
#define REFUSAL(...) +1
#include "data/base/refusal.def"
#undef REFUSAL
};

struct metric_page {
    uint64_t value[METRIC_COUNT];
    uint64_t reason[REASON_COUNT];
    uint64_t refusal[METRIC_REFUSALS]; /* by enum refusal_why */
};

/* The calling process' page; set once after fork. NULL gives the private page back. */
extern struct metric_page *metric_page;
void metric_use_page(struct metric_page *page);

static inline void metric_add(enum metric m, uint64_t n)
{
    __atomic_store_n(&metric_page->value[m], metric_page->value[m] + n, __ATOMIC_RELAXED);
}

static inline void metric_sub(enum metric m, uint64_t n)
{
    metric_add(m, -n);
}

static inline void metric_set(enum metric m, uint64_t v)
{
    __atomic_store_n(&metric_page->value[m], v, __ATOMIC_RELAXED);
}

static inline void metric_count(enum metric m)
{
    metric_add(m, 1);
}

static inline void metric_reason(enum reason r)
{
    __atomic_store_n(&metric_page->reason[r], metric_page->reason[r] + 1, __ATOMIC_RELAXED);
}

/* why: an enum refusal_why. */
static inline void metric_refusal(unsigned why)
{
    __atomic_store_n(&metric_page->refusal[why], metric_page->refusal[why] + 1, __ATOMIC_RELAXED);
}

/* What another process' page holds now. */
static inline uint64_t metric_load(const struct metric_page *page, enum metric m)
{
    return __atomic_load_n(&page->value[m], __ATOMIC_RELAXED);
}

/* The metric over all pages: summed, or the greatest for LARGEST. */
uint64_t metric_total(enum metric m, const struct metric_page *const *pages, size_t count);
/* Prometheus text format 0.0.4; w is full if it did not fit (64 KiB always does). */
void metric_format(struct writer *w, const struct metric_page *const *pages, size_t count);
/* Moves what a dead process counted into `into`, and zeroes its page: counters stay, gauges end with it. */
void metric_retire(struct metric_page *dead, struct metric_page *into);

#endif
