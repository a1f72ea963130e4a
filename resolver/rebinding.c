/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rebinding protection: see rebinding.h. */
#include "resolver/rebinding.h"

#include <stdlib.h>

#include "data/base/metric.h"
#include "data/dns/private.h"

struct rebinding {
    bool protect;
    uint32_t negative_max; /* seconds */
    unsigned allow_count;
    struct dns_name allow[];
};

struct rebinding *rebinding_new(const struct conf *conf)
{
    unsigned count = conf->rebinding.allow_count;
    struct rebinding *r = malloc(sizeof *r + count * sizeof r->allow[0]);
    if (!r)
        return NULL;
    *r = (struct rebinding){.protect = conf->rebinding.protect,
                            .negative_max = (uint32_t)(conf->cache.negative_max / 1000)};
    for (unsigned i = 0; i < count; i++)
        r->allow_count += name_from_text(bytes_str(conf->rebinding.allow[i]), &r->allow[r->allow_count]);
    return r;
}

void rebinding_free(struct rebinding **r)
{
    free(*r);
    *r = NULL;
}

static bool allowed(const struct rebinding *r, const struct dns_name *name)
{
    for (unsigned i = 0; i < r->allow_count; i++)
        if (name_within(name, &r->allow[i]))
            return true;
    return !r->protect;
}

bool rebinding_accepts(const struct rebinding *r, const struct dns_name *name, const struct answer *a)
{
    if (a->head.flags & ANSWER_FILTERED)
        return !allowed(r, name);
    return !r->protect || !private_in_answer(a) || allowed(r, name);
}

size_t rebinding_instead(const struct rebinding *r, const struct dns_query *q, const struct answer *a,
                         uint8_t *block, size_t cap)
{
    struct answer_builder b;
    uint32_t ttl = a->head.ttl < r->negative_max ? a->head.ttl : r->negative_max;
    metric_count(METRIC_REBINDING);
    answer_begin(&b, q, DNS_NOERROR, ANSWER_NEGATIVE | ANSWER_FILTERED | (a->head.flags & ANSWER_CHECKED),
                 block, cap);
    answer_add_soa(&b, DNS_AUTHORITY, &q->name, ttl);
    return answer_end(&b, a->head.stored);
}
