/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Metrics pages and their text form: see metric.h. */
#include "data/base/metric.h"

enum kind { COUNTER, GAUGE, LARGEST };

static const struct {
    enum kind kind;
    const char *name, *labels, *help;
} rows[METRIC_COUNT] = {
#define METRIC(id, kind, name, labels, help) [METRIC_##id] = {kind, name, labels, help},
#include "data/base/metric.def"
#undef METRIC
};

static const char *const refusals[METRIC_REFUSALS] = {
#define REFUSAL(id, name, text) name,
#include "data/base/refusal.def"
#undef REFUSAL
};

static struct metric_page private_page;
struct metric_page *metric_page = &private_page;

void metric_use_page(struct metric_page *page)
{
    metric_page = page ? page : &private_page;
}

uint64_t metric_total(enum metric m, const struct metric_page *const *pages, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t v = __atomic_load_n(&pages[i]->value[m], __ATOMIC_RELAXED);
        if (rows[m].kind != LARGEST)
            total += v;
        else if (v > total)
            total = v;
    }
    return total;
}

static uint64_t reason_total(enum reason r, const struct metric_page *const *pages, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += __atomic_load_n(&pages[i]->reason[r], __ATOMIC_RELAXED);
    return total;
}

static uint64_t refusal_total(unsigned why, const struct metric_page *const *pages, size_t count)
{
    uint64_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += __atomic_load_n(&pages[i]->refusal[why], __ATOMIC_RELAXED);
    return total;
}

static void format_row(struct writer *w, enum metric m, uint64_t value)
{
    const char *labels = rows[m].labels;
    if (m == 0 || strcmp(rows[m].name, rows[m - 1].name) != 0)
        writer_printf(w, "# HELP polynya_%s %s\n# TYPE polynya_%s %s\n", rows[m].name, rows[m].help,
                      rows[m].name, rows[m].kind == COUNTER ? "counter" : "gauge");
    /* Gauges are kept as unsigned; a page read while its process moves may sum to just under zero. */
    writer_printf(w, "polynya_%s%s%s%s %lld\n", rows[m].name, *labels ? "{" : "", labels, *labels ? "}" : "",
                  (long long)value);
}

void metric_format(struct writer *w, const struct metric_page *const *pages, size_t count)
{
    for (size_t m = 0; m < METRIC_COUNT; m++)
        format_row(w, (enum metric)m, metric_total((enum metric)m, pages, count));
    writer_printf(w, "# HELP polynya_answers_total Requests, by how they ended.\n"
                     "# TYPE polynya_answers_total counter\n");
    for (size_t r = 0; r < REASON_COUNT; r++)
        writer_printf(w, "polynya_answers_total{reason=\"%s\"} %llu\n", reason_table[r].label,
                      (unsigned long long)reason_total((enum reason)r, pages, count));
    writer_printf(w, "# HELP polynya_list_refusals_total Documents and registrations refused, by why.\n"
                     "# TYPE polynya_list_refusals_total counter\n");
    /* Row 0 is "accepted". */
    for (unsigned why = 1; why < METRIC_REFUSALS; why++)
        writer_printf(w, "polynya_list_refusals_total{why=\"%s\"} %llu\n", refusals[why],
                      (unsigned long long)refusal_total(why, pages, count));
}

void metric_retire(struct metric_page *dead, struct metric_page *into)
{
    for (size_t m = 0; m < METRIC_COUNT; m++)
        if (rows[m].kind == COUNTER)
            into->value[m] += dead->value[m];
    for (size_t r = 0; r < REASON_COUNT; r++)
        into->reason[r] += dead->reason[r];
    for (unsigned why = 0; why < METRIC_REFUSALS; why++)
        into->refusal[why] += dead->refusal[why];
    *dead = (struct metric_page){0};
}
